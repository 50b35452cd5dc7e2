import type { Content, DemoImage } from './image.ts';
import { basic } from './login.ts';

/** Pushes an image as a client would: blobs, then the platforms' manifests, then the index under its tag. */
export async function push(
  registry: string,
  repository: string,
  tag: string,
  image: DemoImage,
): Promise<void> {
  for (const blob of image.blobs) await pushBlob(registry, repository, blob);
  for (const manifest of image.manifests) await put(registry, repository, manifest.digest, manifest);
  await put(registry, repository, tag, image.index);
}

async function pushBlob(registry: string, repository: string, blob: Content): Promise<void> {
  const opened = await send('POST', `${registry}/v2/${repository}/blobs/uploads/`);
  const session = new URL(opened.headers.get('location') ?? '', registry);
  session.searchParams.set('digest', blob.digest);
  await send('PUT', session.href, blob);
}

async function put(
  registry: string,
  repository: string,
  reference: string,
  manifest: Content,
): Promise<void> {
  await send('PUT', `${registry}/v2/${repository}/manifests/${reference}`, manifest);
}

async function send(method: string, url: string, content?: Content): Promise<Response> {
  const type = content?.mediaType ?? 'application/octet-stream';
  const headers = { authorization: basic, 'content-type': type };
  const answer = await fetch(url, {
    method,
    headers,
    ...(content !== undefined && { body: new Uint8Array(content.bytes) }),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}`);
  return answer;
}
