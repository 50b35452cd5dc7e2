import { RegistryError } from '../copy/error.ts';
import { Harbor } from '../harbor/harbor.ts';
import type { ShownTags } from '../harbor/shown.ts';
import type { Digest } from '../oci/digest.ts';
import { firstPart } from '../oci/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { isRefusal } from '../task/listed.ts';

export interface SourceTagsOptions {
  registry: Registry;
  origin: URL;
  anonymous: boolean;
  /** The digests of tags are of use. */
  digests: boolean;
  /** Told why tags are asked for one by one. */
  note(line: string): void;
}

/** How a Harbor calls itself in its challenge. */
const harborService = 'harbor-registry';

/**
 * The tags of a source's repositories; from a Harbor with their digests, a hundred a request, so that nobody has to ask for a
 * tag to see that it is unchanged. Where its API does not tell, the tags are `/v2`'s, as everywhere else.
 */
export class SourceTags {
  readonly #options: SourceTagsOptions;
  /** By repository, then by tag. */
  readonly #digests = new Map<string, ReadonlyMap<string, Digest>>();
  /** Projects that are not listed for us, or the empty name: nothing is. */
  readonly #closed = new Set<string>();
  /** By project: whether it is a proxy cache. */
  readonly #caches = new Map<string, Promise<boolean>>();
  readonly #harbor: Harbor;

  constructor(options: SourceTagsOptions) {
    const { registry, origin, anonymous } = options;
    this.#options = options;
    this.#harbor = new Harbor({ send: (call, cap) => registry.send(call, cap), origin, anonymous });
  }

  /** Every tag; none where there is no such repository. Throws `RegistryError`. */
  async *tags(repository: string, signal: AbortSignal): AsyncGenerator<string> {
    const { digests, whole } = await this.#shown(repository, signal);
    this.#digests.set(repository, digests);
    // Of what is not there Harbor says that it is empty, and `/v2` says why.
    if (whole && digests.size > 0) yield* digests.keys();
    else yield* this.#options.registry.repository(repository, 'pull').tags(signal);
  }

  /** What the tag named when it was listed, where that was told. */
  digest(repository: string, tag: string): Digest | undefined {
    return this.#digests.get(repository)?.get(tag);
  }

  async #shown(repository: string, signal: AbortSignal): Promise<ShownTags> {
    const project = firstPart(repository);
    if (!this.#options.digests || this.#closed.has('') || this.#closed.has(project)) return nothing;
    if ((await this.#options.registry.service(signal)) !== harborService) return nothing;
    try {
      const shown = await this.#harbor.shown(repository, signal);
      return shown.digests.size > 0 && !(await this.#isCache(project, signal)) ? shown : nothing;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      this.#close(isRefusal(error) ? project : '', error);
      return nothing;
    }
  }

  /** Its list has what was pulled through it, as it was then; `/v2` asks the registry behind it. Throws `RegistryError`. */
  #isCache(project: string, signal: AbortSignal): Promise<boolean> {
    const asked = this.#caches.get(project) ?? this.#askProject(project, signal);
    this.#caches.set(project, asked);
    return asked;
  }

  async #askProject(name: string, signal: AbortSignal): Promise<boolean> {
    const project = await this.#harbor.project(name, signal);
    if (project !== undefined) return project.proxyCache;
    throw new RegistryError('not-found', `Harbor shows no project ${name}, which may be a proxy cache`);
  }

  /** Not asked again in this run: what one project may not be asked, another may. */
  #close(project: string, { message }: RegistryError): void {
    if (!this.#closed.has(project)) this.#options.note(`tags are asked for one by one: ${message}`);
    this.#closed.add(project);
  }
}

const nothing: ShownTags = { digests: new Map(), whole: false };
