import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '../../test/support/client.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { Ends } from './registries.ts';

/** One end of a pipe of two `curl` failed. */
class CurlError extends Error {
  override readonly name = 'CurlError';
}

/**
 * The least that moves a blob: `curl GET | curl PUT`, nothing verified. HTTP/1.1 like the mirror, so that the two
 * differ in nothing else.
 */
export async function curlBlob(
  ends: Ends,
  repository: string,
  into: string,
  blob: Descriptor,
): Promise<void> {
  const location = await beginUpload(ends.destination.url, into, blob);
  const common = ['--silent', '--show-error', '--fail', '--http1.1', '--cacert', ends.caFile];
  const from = `${ends.source.url}/v2/${repository}/blobs/${blob.digest}`;
  const get = spawn('curl', [...common, from], { stdio: ['ignore', 'pipe', 'inherit'] });
  const put = spawn('curl', [...common, '--upload-file', '-', '--output', '/dev/null', location], {
    stdio: [get.stdout, 'ignore', 'inherit'],
  });
  // The pipe belongs to the two of them; held open here, the second would not see its end.
  get.stdout.destroy();
  const [[left], [right]] = await Promise.all([once(get, 'exit'), once(put, 'exit')]);
  if (left !== 0 || right !== 0) throw new CurlError(`curl | curl ended with ${left} | ${right}`);
}

async function beginUpload(url: string, repository: string, { digest }: Descriptor): Promise<string> {
  const begun = await new Client(url).expect(202, `/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.location ?? '', url);
  location.searchParams.set('digest', digest);
  return location.href;
}
