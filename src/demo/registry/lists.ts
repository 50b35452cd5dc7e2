import { ociIndex } from '../../oci/media-type.ts';
import { digestIn } from './blobs.ts';
import { type Answer, type Call, json } from './call.ts';
import type { Contents, StoredManifest } from './contents.ts';
import { Refusal } from './error.ts';

/** Serves what is there: repositories, tags of a repository, referrers of a manifest. */
export class Lists {
  readonly #contents: Contents;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  catalog(call: Call): Answer {
    const { page, link } = pageOf(call, this.#contents.names());
    return json(200, { repositories: page }, link);
  }

  /** In the order of their characters, a page at a time when `n` asks for it. */
  tags(call: Call, repository: string): Answer {
    const tags = [...(this.#contents.find(repository)?.tags.keys() ?? [])].toSorted();
    if (tags.length === 0) throw new Refusal(404, 'NAME_UNKNOWN', { detail: { name: repository } });
    const { page, link } = pageOf(call, tags);
    return json(200, { name: repository, tags: page }, link);
  }

  referrers(call: Call, repository: string, reference: string): Answer {
    const digest = digestIn(reference);
    const stored = [...(this.#contents.find(repository)?.manifests.values() ?? [])];
    const wanted = call.query.get('artifactType');
    const manifests = stored
      .filter((manifest) => manifest.subject === digest)
      .map(referrerOf)
      .filter((referrer) => wanted === null || referrer.artifactType === wanted);
    return json(
      200,
      { schemaVersion: 2, mediaType: ociIndex, manifests },
      { 'content-type': ociIndex, ...(wanted !== null && { 'oci-filters-applied': 'artifactType' }) },
    );
  }
}

/** At most `n` names after `last`, and a link to the rest. */
function pageOf(call: Call, names: readonly string[]): { page: string[]; link: Record<string, string> } {
  const n = Number.parseInt(call.query.get('n') ?? '', 10);
  const last = call.query.get('last') ?? '';
  const rest = names.filter((name) => name > last);
  const page = n > 0 ? rest.slice(0, n) : rest;
  const end = page.at(-1);
  if (page.length === rest.length || end === undefined) return { page, link: {} };
  const next = new URLSearchParams({ last: end, n: `${n}` }).toString();
  return { page, link: { link: `<${call.path}?${next}>; rel="next"` } };
}

function referrerOf({ digest, mediaType, bytes }: StoredManifest) {
  const document: unknown = JSON.parse(Buffer.from(bytes).toString());
  return {
    mediaType,
    digest,
    size: bytes.length,
    artifactType: member(document, 'artifactType') ?? member(member(document, 'config'), 'mediaType'),
    annotations: member(document, 'annotations'),
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
