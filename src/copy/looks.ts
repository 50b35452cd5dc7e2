import type { Descriptor } from '../oci/descriptor.ts';
import type { CopyRequest } from './copy.ts';
import { at } from './error.ts';
import type { Manifests } from './manifests.ts';

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
    const { sourceTag, source, signal, news, force, holds, listed } = this.#request;
    const operation = `resolve ${sourceTag}`;
    const wanted = news || force || holds === 'nothing' || listed !== undefined;
    if (!wanted) return at('source', operation, source.resolve(sourceTag, signal));
    const fetched = await at('source', operation, source.fetch(sourceTag, signal));
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
