import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { CopyRequest } from './copy.ts';
import { at } from './error.ts';
import type { Manifests } from './manifests.ts';

/** What is known of both tags beforehand, so that they need not be asked. */
export interface Hints {
  /** What the source tag names, as a list said a moment ago: it is not asked unless there is something to copy. */
  listed?: Digest | undefined;
  /** What the destination tag is known to name; `nothing`: a list did not have it a moment ago. It is not asked then. */
  holds?: Digest | 'nothing' | undefined;
  /** What the destination tag was seen to name a moment ago: it is not asked again. */
  present?: Descriptor | undefined;
  /** There is news at the source: the manifest itself is asked for at once, where else the tag would be looked at first. */
  news?: boolean;
  /** Nobody told of it, but it was missed at the destination: somebody may have taken away more than the tag. */
  missed?: boolean;
}

/*
 * What both tags name before anything is written: asked as late as possible, and as little.
 *
 *   source        HEAD; the manifest itself by its tag where it will be wanted: there is news, a list has shown a difference or
 *                 that the destination has nothing, or all is to be written again
 *   destination   HEAD; nothing where it was seen just now, is known to have no such tag, or all is to be written again
 *
 * The source first: of a tag that has gone the destination hears nothing, for where it is to be prepared a question makes it.
 */
export class Looks {
  readonly #request: CopyRequest;
  readonly #manifests: Manifests;
  readonly #asked = new Map<string, Promise<Descriptor | undefined>>();

  constructor(request: CopyRequest, manifests: Manifests) {
    this.#request = request;
    this.#manifests = manifests;
    const { destinationTag, present } = request;
    if (present) this.#asked.set(destinationTag, Promise.resolve(present));
  }

  /** Whether the destination tag names what a list says of the source: the source is not asked. */
  async isAsListed(): Promise<boolean> {
    const { listed, holds, destinationTag, force, platforms } = this.#request;
    // Of what platforms are wanted no list tells, nor whether there is anything to be reduced.
    if (listed === undefined || force || platforms) return false;
    return holds === listed || (await this.present(destinationTag))?.digest === listed;
  }

  /** What the source tag names. */
  async root(): Promise<Descriptor | undefined> {
    const { news, force, holds, listed } = this.#request;
    const wanted = news || force || holds === 'nothing' || listed !== undefined;
    return wanted ? this.#fetchRoot() : this.#resolveRoot();
  }

  /**
   * What the source tag names now that `gone` was not there. If it is that still, the manifest itself is asked for, whose
   * bytes are checked: a HEAD may name what the registry does not have.
   */
  async rootAfter(gone: Digest): Promise<Descriptor | undefined> {
    const named = await this.#resolveRoot();
    return named?.digest === gone ? ((await this.#fetchRoot()) ?? named) : named;
  }

  #resolveRoot(): Promise<Descriptor | undefined> {
    const { sourceTag, source, signal } = this.#request;
    return at('source', `resolve ${sourceTag}`, source.resolve(sourceTag, signal));
  }

  async #fetchRoot(): Promise<Descriptor | undefined> {
    const { sourceTag, source, signal } = this.#request;
    const fetched = await at('source', `resolve ${sourceTag}`, source.fetch(sourceTag, signal));
    if (fetched) this.#manifests.keep(fetched.descriptor, fetched.bytes);
    return fetched?.descriptor;
  }

  /** What the destination tag names, as far as that matters. */
  async present(tag: string): Promise<Descriptor | undefined> {
    const { destination, force, holds, signal } = this.#request;
    if (force || holds === 'nothing') return undefined;
    const asked =
      this.#asked.get(tag) ?? at('destination', `resolve ${tag}`, destination.resolve(tag, signal));
    this.#asked.set(tag, asked);
    return asked;
  }
}
