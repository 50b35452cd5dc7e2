import { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { isDigest } from '../oci/digest.ts';
import { isTag } from '../oci/reference.ts';
import type { ListedTag, TagListing } from '../task/listing.ts';
import { isMissing } from './error.ts';
import { partsOf } from './namespaces.ts';
import type { OpenApi } from './openapi.ts';

/** The most that the OpenAPI gives at once. */
const pageSize = 100;
/** Where a list ends that has no end: a million tags. */
const maxPages = 10_000;
/** Repository ids kept; beyond it the oldest go. */
const capacity = 10_000;

const repositorySchema = z.object({ RepoId: z.string().min(1) });

const pageSchema = z.object({
  Images: z
    .array(z.object({ Tag: z.string(), Digest: z.string().nullish(), Status: z.string().nullish() }))
    .nullish(),
  /** A number, written as a text. */
  TotalCount: z.union([z.string(), z.number()]).nullish(),
});

type Page = z.output<typeof pageSchema>;
type Image = NonNullable<Page['Images']>[number];

/** The repositories of one ACR EE instance, as its OpenAPI lists them. */
export class Repositories implements TagListing {
  readonly #openApi: OpenApi;
  readonly #ids = new Map<string, string>();

  constructor(openApi: OpenApi) {
    this.#openApi = openApi;
  }

  /**
   * Tags and digests of `NAMESPACE/REPOSITORY`, a request for each hundred; none for a repository that does not
   * exist. Throws `RegistryError`.
   *
   * Good for "the same digest, nothing to do" and for no more: whatever differs or is missing here must be looked at by
   * HEAD before it is copied. Pages are counted from the newest tag, so a push meanwhile shows a tag twice and a deletion
   * hides one; tags whose state is not NORMAL are left out, so are digests that are none; and what the digest of a
   * multi-platform tag is, the vendor does not say.
   */
  async *tags(repository: string, signal?: AbortSignal): AsyncGenerator<ListedTag> {
    let before: ReadonlySet<string> = new Set();
    let seen = 0;
    for (let number = 1; number <= maxPages; number++) {
      const { Images, TotalCount } = await this.#page(repository, number, signal);
      const images = Images ?? [];
      seen += images.length;
      yield* images.flatMap(listed);
      // The count spares the request for an empty page; alone it is not believed.
      if (images.length < pageSize || Number(TotalCount) === seen) return;
      if (images.every(({ Tag }) => before.has(Tag))) break;
      before = new Set(images.map(({ Tag }) => Tag));
    }
    throw new RegistryError('protocol', `ListRepoTag of ${repository}: the list does not end`);
  }

  async #page(repository: string, number: number, signal: AbortSignal | undefined): Promise<Page> {
    const known = this.#ids.get(repository);
    try {
      const RepoId = known ?? (await this.#lookUp(repository, signal));
      const parameters = { RepoId, PageNo: String(number), PageSize: String(pageSize) };
      return await this.#openApi.call('ListRepoTag', parameters, pageSchema, signal);
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#ids.delete(repository);
      // Deleted and made again since, it has another id.
      return known === undefined ? {} : this.#page(repository, number, signal);
    }
  }

  async #lookUp(repository: string, signal: AbortSignal | undefined): Promise<string> {
    const [RepoNamespaceName, RepoName] = partsOf(repository);
    const parameters = { RepoNamespaceName, RepoName };
    const { RepoId } = await this.#openApi.call('GetRepository', parameters, repositorySchema, signal);
    const oldest = this.#ids.keys().next();
    if (this.#ids.size >= capacity && !oldest.done) this.#ids.delete(oldest.value);
    this.#ids.set(repository, RepoId);
    return RepoId;
  }
}

function listed({ Tag, Digest, Status }: Image): ListedTag[] {
  const text = Digest ?? '';
  // The OpenAPI writes the hexadecimal digits only.
  const digest = text.includes(':') ? text : `sha256:${text}`;
  return Status === 'NORMAL' && isTag(Tag) && isDigest(digest) ? [{ tag: Tag, digest }] : [];
}
