import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import * as connection from '../support/connection-fault.ts';
import * as fault from '../support/fault.ts';
import { type Failure, type Row, always, onceAndAlways } from './row.ts';

/** In the middle of the blob. */
export const middle = 50_000;

export const forever = new Promise<never>(() => undefined);

/** One fault after the other, the last one for good. */
export function inTurn(...faults: Misbehaviour[]): Misbehaviour {
  let met = 0;
  return (call, next) => {
    const now = faults[Math.min(met++, faults.length - 1)];
    return now === undefined ? next() : now(call, next);
  };
}

/** Packs a body that nobody wanted packed, and says so. */
const gzipped: Misbehaviour = fault.change((given) => {
  if (given.body === undefined || given.status !== 200) return given;
  const headers = fault.merged(given.headers, { 'content-encoding': 'gzip', 'content-length': undefined });
  return { ...given, headers, body: Readable.from(fault.stream(given.body)).pipe(createGzip()) };
});

const expired = fault.registryError(401, 'UNAUTHORIZED', 'authentication required');

const corrupt = (says: RegExp): Failure => ({ reason: 'corrupt', says });
const protocol = (says: RegExp): Failure => ({ reason: 'protocol', says });

const blob = { side: 'source', where: /^GET .*\/blobs\/sha256/ } as const;
const manifest = { side: 'source', where: /^GET .*\/manifests\/v1$/ } as const;
const tag = { side: 'source', where: /^(HEAD|GET) .*\/manifests\/v1$/ } as const;

const broken: Failure = {
  reason: 'unreachable',
  says: /GET .*: .*(reset|closed|does not match content-length)/i,
};
const bytes = {
  ...corrupt(/blob sha256:\w+: expected 200000 bytes with that digest from the source, got /),
  elsewhere: true,
  // It is the upload that cannot end well; the message says whose bytes they were.
  at: 'destination',
} as const;

/** What may be wrong with a body that the source sends, or with what it says of one. */
export const bodyRows: readonly Row[] = [
  { ...blob, name: 'reset in the middle of a blob', fault: () => connection.brokenBody(middle) },
  { ...blob, name: 'end in the middle of a blob', fault: () => connection.shortBody(middle) },
  {
    ...blob,
    name: 'reset in the middle of a blob, and no answer ever after',
    times: always,
    fault: () => inTurn(connection.brokenBody(middle), connection.reset),
    fails: broken,
  },
  {
    ...blob,
    name: 'silence in the middle of a blob',
    idleTimeout: 800,
    fault: () => connection.stalledBody(middle, forever),
  },
  {
    ...blob,
    name: 'silence in the middle of a blob, and ever after',
    times: always,
    idleTimeout: 800,
    fault: () => inTurn(connection.stalledBody(middle, forever), connection.stall(forever)),
    fails: { reason: 'timeout', says: /timeout/i },
  },
  ...onceAndAlways({
    ...blob,
    name: 'over-long blob',
    fault: () => connection.overlong(1),
    fails: bytes,
    extra: 1,
  }),
  ...onceAndAlways({
    ...blob,
    name: 'other bytes in a blob',
    fault: () => connection.wrongBytes,
    fails: bytes,
  }),
  ...onceAndAlways({ ...blob, name: 'gzip of a blob', fault: () => gzipped, fails: bytes, extra: 1_000 }),
  {
    ...blob,
    name: 'truncated blob',
    fault: () => connection.truncated(middle),
    fails: corrupt(/expected 200000 bytes, .* announces 50000/),
  },
  { ...blob, name: 'blob called gzip', times: always, fault: () => fault.gzipEncoded },
  { ...blob, name: 'wrong digest header of a blob', times: always, fault: () => fault.wrongDigest },
  { ...blob, name: 'no length of a blob', times: always, fault: () => connection.withoutLength },
  {
    ...blob,
    name: '401 after a blob broke off',
    times: 2,
    fault: () => inTurn(connection.brokenBody(middle), expired),
  },
  {
    ...blob,
    name: 'redirect loop for a blob',
    times: always,
    fault: () => (call, next) => fault.redirect(call.path)(call, next),
    fails: protocol(/at most 5 redirects/),
  },
  {
    ...blob,
    name: 'redirect of a blob to nowhere',
    times: always,
    fault: () => fault.redirect('http://127.0.0.1:1/blob?Signature=secret'),
    fails: { reason: 'unreachable', says: /GET http:\/\/127\.0\.0\.1:1\/blob: /, elsewhere: true },
  },
  ...onceAndAlways({
    ...manifest,
    name: 'reset in the middle of a manifest',
    fault: () => connection.brokenBody(10),
    fails: broken,
  }),
  ...onceAndAlways({
    ...manifest,
    name: 'end in the middle of a manifest',
    fault: () => connection.shortBody(10),
    fails: broken,
  }),
  ...onceAndAlways({
    ...manifest,
    name: 'truncated manifest',
    fault: () => connection.truncated(10),
    fails: corrupt(/got bytes of sha256/),
  }),
  ...onceAndAlways({
    ...manifest,
    name: 'over-long manifest',
    fault: () => connection.overlong(1),
    fails: corrupt(/got bytes of sha256/),
  }),
  ...onceAndAlways({
    ...manifest,
    name: 'other bytes in a manifest',
    fault: () => connection.wrongBytes,
    fails: corrupt(/got bytes of sha256/),
  }),
  ...onceAndAlways({
    ...manifest,
    name: 'gzip of a manifest',
    fault: () => gzipped,
    fails: corrupt(/got bytes of sha256/),
  }),
  { ...manifest, name: 'manifest called gzip', times: always, fault: () => fault.gzipEncoded },
  { ...tag, name: 'no digest header of the tag', times: always, fault: () => fault.withoutDigest },
  ...onceAndAlways({
    ...tag,
    name: 'wrong digest header of the tag',
    fault: () => fault.wrongDigest,
    fails: corrupt(/expected sha256:0{64}, got bytes of/),
  }),
];
