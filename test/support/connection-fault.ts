import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { type HeaderChanges, change, merged, stream } from './fault.ts';

/** No answer: the connection is reset. */
export const reset: Misbehaviour = async () => 'reset';

/** The registry does what it was asked, and the client never hears of it. */
export const lostAnswer: Misbehaviour = async (_call, next) => {
  const { body } = await next();
  if (body instanceof Readable) body.destroy();
  return 'reset';
};

/** Resets the connection once so many bytes of the client's body have come; the registry sees none of them. */
export function resetAfterReceiving(bytes: number): Misbehaviour {
  return async (call) => {
    let received = 0;
    for await (const chunk of call.body) if ((received += chunk.length) >= bytes) break;
    return 'reset';
  };
}

/** Says nothing until then. A promise that never settles stalls for good. */
export function stall(until: Promise<unknown>): Misbehaviour {
  return async (_call, next) => {
    await until;
    return next();
  };
}

type Bytes = AsyncIterable<Uint8Array>;

/** Thrown by a body to break the connection. */
class BrokenBody extends Error {
  override readonly name = 'BrokenBody';
}

/** Puts another body in the place of an answer's; answers without one stay as they are. */
function body(replace: (body: Bytes) => Bytes, changes: HeaderChanges = {}): Misbehaviour {
  return change((given, call) => {
    if (given.body === undefined || call.method === 'HEAD') return given;
    return { ...given, headers: merged(given.headers, changes), body: replace(stream(given.body)) };
  });
}

/** No `Content-Length`: the body comes in chunks. */
export const withoutLength: Misbehaviour = body((whole) => whole, { 'content-length': undefined });

/** The connection is reset after so many bytes of the body. */
export function brokenBody(bytes: number): Misbehaviour {
  return body(async function* (whole) {
    yield* first(bytes, whole);
    // A turn for the socket to send what it was given.
    await setImmediate();
    throw new BrokenBody(`broken after ${bytes} bytes`);
  });
}

/** The connection is closed in good order, but before the announced length. */
export function shortBody(bytes: number): Misbehaviour {
  return body((whole) => first(bytes, whole), { connection: 'close' });
}

/** Fewer bytes than the content has, sent as if that were all. */
export function truncated(bytes: number): Misbehaviour {
  return body((whole) => first(bytes, whole), { 'content-length': `${bytes}` });
}

/** More bytes than the content has, without a length. */
export function overlong(extra: number): Misbehaviour {
  const tail = Buffer.alloc(extra);
  return body(
    async function* (whole) {
      yield* whole;
      yield tail;
    },
    { 'content-length': undefined },
  );
}

/** Goes on until the client has had enough. */
export const endless: Misbehaviour = body(
  async function* () {
    for (const chunk = Buffer.alloc(65_536, ' '); ; await setImmediate()) yield chunk;
  },
  { 'content-length': undefined },
);

/** As many bytes as there should be, but other ones. */
export const wrongBytes: Misbehaviour = body(async function* (whole) {
  for await (const chunk of whole) yield chunk.map((byte) => byte ^ 1);
});

/** Sends so many bytes, then nothing until then, then the rest. */
export function stalledBody(bytes: number, until: Promise<unknown>): Misbehaviour {
  return body(async function* (whole) {
    let sent = 0;
    for await (const chunk of whole) {
      const now = chunk.subarray(0, Math.max(0, bytes - sent));
      sent += chunk.length;
      if (now.length > 0) yield now;
      if (sent >= bytes) await until;
      if (now.length < chunk.length) yield chunk.subarray(now.length);
    }
  });
}

async function* first(bytes: number, whole: Bytes): Bytes {
  let left = bytes;
  for await (const chunk of whole) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
