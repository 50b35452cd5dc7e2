import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { empty } from '../../src/demo/registry/call.ts';
import { startCallServer } from '../support/call-server.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const chunk = Buffer.alloc(64 * 1024);

function* zeros(size: number): Iterable<Uint8Array> {
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
}

/** Makes the bytes of a blob as they are read, and counts those that are written. */
async function startMill(t: TestContext, size: number) {
  const mill = { written: 0 };
  const server = await startCallServer(t, async (call) => {
    if (call.method === 'GET' && call.path.includes('/blobs/')) {
      const headers = { 'content-length': `${size}` };
      return { status: 200, headers, body: pieces(size) };
    }
    if (call.method === 'POST') return empty(202, { location: '/v2/to/there/blobs/uploads/1' });
    for await (const bytes of call.body) mill.written += bytes.length;
    if (call.method === 'PATCH') return empty(202, { location: call.path, range: `0-${mill.written - 1}` });
    return empty(call.method === 'PUT' ? 201 : 200);
  });
  return { url: server.url, mill };
}

async function* pieces(size: number): AsyncIterable<Uint8Array> {
  yield* zeros(size);
}

/** Peak memory, in bytes, of a process that copies a blob of that size. */
async function peak(t: TestContext, size: number, digest: string): Promise<number> {
  const { url, mill } = await startMill(t, size);
  const child = fileURLToPath(new URL('memory-child.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [child, url, digest, `${size}`]);
  assert.equal(mill.written, size);
  return Number(stdout);
}

test('a blob of 1 GiB needs no more memory than one of 1 MiB', async (t) => {
  const hash = createHash('sha256');
  for (const bytes of zeros(MiB)) hash.update(bytes);
  const small = await peak(t, MiB, `sha256:${hash.digest('hex')}`);
  // Of 1 GiB of zeros; the client checks it.
  const known = 'sha256:49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14';
  const large = await peak(t, GiB, known);
  const more = Math.round((large - small) / MiB);
  t.diagnostic(`${Math.round(small / MiB)} MiB, and ${more} MiB more for 1 GiB`);
  // Below 1 MiB is held for the blob; the rest is what the garbage collector has not looked at yet.
  assert.ok(more < 160, `${more} MiB more`);
});
