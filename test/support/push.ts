import type { Descriptor } from '../../src/oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf, isDigest } from '../../src/oci/digest.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import { isForeignLayer, manifestTypes } from '../../src/oci/media-type.ts';
import { Client, type Credential } from './client.ts';
import { UnexpectedAnswer } from './http.ts';
import type { Blob, Image } from './image.ts';

/** Pushes all of the image: blobs, then the manifests below it, then itself under the tag, or by digest only. */
export async function push(
  url: string,
  repository: string,
  tag: string | undefined,
  image: Image,
  credential?: Credential,
): Promise<Digest> {
  await pushTo(new Client(url, credential), repository, tag, image);
  return image.descriptor.digest;
}

async function pushTo(
  client: Client,
  repository: string,
  tag: string | undefined,
  image: Image,
): Promise<void> {
  for (const blob of image.blobs)
    if (!isForeignLayer(blob.descriptor)) await pushBlob(client, repository, blob);
  for (const child of image.children) await pushTo(client, repository, undefined, child);
  await client.expect(201, `/v2/${repository}/manifests/${tag ?? image.descriptor.digest}`, {
    method: 'PUT',
    headers: { 'content-type': image.descriptor.mediaType },
    body: image.bytes,
  });
}

async function pushBlob(client: Client, repository: string, { descriptor, bytes }: Blob): Promise<void> {
  const begun = await client.expect(202, `/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.location ?? '', client.url);
  location.searchParams.set('digest', descriptor.digest);
  await client.expect(201, location.href, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': descriptor.size },
    body: bytes(),
  });
}

/** What the tag names there; `undefined` when it is not there. */
export async function digestOfTag(
  url: string,
  repository: string,
  tag: string,
  credential?: Credential,
): Promise<Digest | undefined> {
  const path = `/v2/${repository}/manifests/${tag}`;
  const answer = await new Client(url, credential).send(path, { method: 'HEAD', headers: accept });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new UnexpectedAnswer(`HEAD ${path}`, 200, answer);
  const digest = String(answer.headers['docker-content-digest']);
  if (isDigest(digest)) return digest;
  throw new SyntaxError(`HEAD ${path}: expected a digest, got ${digest}`);
}

const accept = { accept: manifestTypes.join(', ') };

/**
 * Pulls everything below the tag or digest, checks each digest and length, and lists what was found, one
 * `media type digest size` a line: equal for both ends of a whole copy.
 */
export async function contentsOf(
  url: string,
  repository: string,
  reference: string,
  credential?: Credential,
): Promise<string[]> {
  const client = new Client(url, credential);
  const path = `/v2/${repository}/manifests/${reference}`;
  const { headers, body } = await client.expect(200, path, { headers: accept });
  const mediaType = String(headers['content-type']);
  const algorithm = isDigest(reference) ? algorithmOf(reference) : 'sha256';
  const found = { mediaType, digest: digestOf(body, algorithm), size: body.length };
  if (isDigest(reference)) check(found, { ...found, digest: reference });
  const { blobs, manifests } = parseManifest(body, mediaType);
  const lines = [line(found)];
  for (const blob of blobs.filter((descriptor) => !isForeignLayer(descriptor))) {
    await checkBlob(client, repository, blob);
    lines.push(line(blob));
  }
  for (const child of manifests) lines.push(...(await contentsOf(url, repository, child.digest, credential)));
  return lines;
}

async function checkBlob(client: Client, repository: string, wanted: Descriptor): Promise<void> {
  const path = `/v2/${repository}/blobs/${wanted.digest}`;
  const answer = await client.send(path);
  const stored = [302, 307].includes(answer.status);
  // Where blobs are stored elsewhere, they are fetched there without the credential.
  const { body } = stored
    ? await new Client(client.url).expect(200, String(answer.headers.location))
    : await client.expect(200, path);
  check({ ...wanted, digest: digestOf(body, algorithmOf(wanted.digest)), size: body.length }, wanted);
}

/** The registry serves other content than it says. */
export class ContentMismatch extends Error {
  override readonly name = 'ContentMismatch';
}

function check(got: Descriptor, expected: Descriptor): void {
  if (got.digest === expected.digest && got.size === expected.size) return;
  throw new ContentMismatch(`expected ${line(expected)}, got ${line(got)}`);
}

function line({ mediaType, digest, size }: Descriptor): string {
  return `${mediaType} ${digest} ${size}`;
}
