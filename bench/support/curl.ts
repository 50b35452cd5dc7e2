import type { Descriptor } from '../../src/oci/descriptor.ts';
import { Client, fetchToken } from '../../test/support/client.ts';
import type { Member } from '../../test/support/family.ts';
import { send } from '../../test/support/http.ts';
import { type Job, type Peer, type Ran, runPeer } from '../peer/peer.ts';
import type { Reached } from './place.ts';

/**
 * The least that moves the blobs of an image: `curl GET | curl PUT` for each, all at once, nothing verified, HTTP/1.1 as ours
 * is. The uploads are begun before the time that is told begins, and the manifest is put after it.
 */
export function curlImage({ image, repository, tag }: Member): (job: Job) => Promise<Ran> {
  return async (job) => {
    const { source, destination, pairs } = job;
    const to = `/v2/${pairs[0]?.into}`;
    const client = new Client(destination.url, destination.credential);
    const pipes: [string, string][] = [];
    for (const { descriptor } of image.blobs)
      pipes.push([
        `${source.url}/v2/${repository}/blobs/${descriptor.digest}`,
        await beginUpload(client, to, descriptor),
      ]);
    const pull = await tokenFor(source, `/v2/${repository}/manifests/${tag}`, 'GET');
    const push = await tokenFor(destination, `${to}/blobs/uploads/`, 'POST');
    const commands = pipes.map(([from, location]) => [
      'sh',
      '-c',
      'curl $0 -H "$1" "$2" | curl $0 -H "$3" --upload-file - --output /dev/null "$4"',
      flags,
      pull,
      from,
      push,
      location,
    ]);
    const ran = await runPeer(curls(commands), job);
    const headers = { 'content-type': image.descriptor.mediaType };
    await client.expect(201, `${to}/manifests/${tag}`, { method: 'PUT', headers, body: image.bytes });
    return ran;
  };
}

/** Curl does not read SSL_CERT_FILE everywhere; the bytes are hashed at the destination anyway. */
const flags = '--silent --show-error --fail --http1.1 --insecure';

function curls(commands: string[][]): Peer {
  return { name: 'curl', version: ['--version'], prepare: () => ({ commands, processes: commands.length }) };
}

async function beginUpload(client: Client, to: string, { digest }: Descriptor): Promise<string> {
  const begun = await client.expect(202, `${to}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.location ?? '', client.url);
  location.searchParams.set('digest', digest);
  return location.href;
}

/** The whole header. */
async function tokenFor({ url, credential }: Reached, path: string, method: string): Promise<string> {
  const { headers } = await send(`${url}${path}`, { method });
  return `Authorization: Bearer ${await fetchToken(headers['www-authenticate'] ?? '', credential)}`;
}
