import { setImmediate } from 'node:timers/promises';
import type { Bytes } from '../../src/copy/repository.ts';
import type { Misbehaviour, RequestRecord } from '../../src/demo/registry/call.ts';
import { type Blob, layer } from '../support/image.ts';
import type { Stand } from './stand.ts';

/** The blob that is uploaded where nothing else is said. */
export const blob = layer('upload', 300_000);

/** More than the sockets between the two ends hold. */
export const large = layer('large', 8 * 1024 * 1024);

export const put = /^PUT .*uploads/;
export const patch = /^PATCH .*uploads/;

export const MiB = 1024 * 1024;

/** What a blob of 64 MiB and a bit is sent in. */
export const piece = 8 * MiB;

/** Eight pieces and a rest. */
export const big = layer('big', 8 * piece + MiB + 5);

/** Writes a blob to `c/d`; `from` is where it may be mounted from. Without it the blob has been looked for. */
export function write(
  { client }: Pick<Stand, 'client'>,
  open: () => Promise<Bytes>,
  from?: string,
  wanted: Blob = blob,
) {
  return client
    .repository('c/d', 'push')
    .writeBlob(wanted.descriptor, open, { from, absent: from === undefined });
}

/** Writes a blob to `c/d`, where it has been looked for, from a source that can begin anywhere. */
export function send(
  { client }: Pick<Stand, 'client'>,
  open: (signal: AbortSignal, from: number) => Promise<Bytes>,
  blob = big,
) {
  return client.repository('c/d', 'push').writeBlob(blob.descriptor, open, { absent: true });
}

/** A source that begins where it is asked to, and notes it. */
export function source({ bytes }: Blob) {
  const from: number[] = [];
  async function* rest(offset: number): Bytes {
    let left = offset;
    for (const chunk of bytes()) {
      if (left < chunk.length) yield chunk.subarray(left);
      left = Math.max(0, left - chunk.length);
    }
  }
  const open = async (_signal: AbortSignal, offset = 0): Promise<Bytes> => {
    from.push(offset);
    return rest(offset);
  };
  return { from, open };
}

/** Breaks the client's connection once so many bytes of its body have come in; the registry keeps what it has. */
export function cutAfter(bytes: number, { registry }: Pick<Stand, 'registry'>): Misbehaviour {
  return async (call, next) => {
    const record = registry.requests.at(-1);
    const isEnough = () => record === undefined || record.bytesIn >= bytes;
    const taking = next().catch(() => undefined);
    while (!isEnough()) await setImmediate();
    call.reset();
    await taking;
    return 'reset';
  };
}

/** Bytes of bodies that came in with such requests. */
export function received(requests: readonly RequestRecord[], methods = ['PATCH', 'PUT']): number {
  return requests.reduce((sum, { method, bytesIn }) => sum + (methods.includes(method) ? bytesIn : 0), 0);
}

/** How many sessions were begun, and how many given back. */
export function sessions({ seen }: Stand): [begun: number, cancelled: number] {
  return [seen(/^POST/).length, seen(/^DELETE/).length];
}
