import type { Reason, Side } from '../../src/copy/error.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { lostAnswer, reset, stall } from '../support/connection-fault.ts';
import { html, rateLimited, unavailable } from '../support/fault.ts';
import { type Row, always, onceAndAlways } from './row.ts';
import type { Stand } from './stand.ts';

const uploaded = 'the bytes of an upload';

/** Every kind of request that a copy makes. */
const places: readonly { side: Side; what: string; where: RegExp }[] = [
  { side: 'source', what: 'the ping', where: /^GET \/v2\/$/ },
  { side: 'source', what: 'a token', where: /^GET \/token/ },
  { side: 'source', what: 'HEAD of the tag', where: /^HEAD .*\/manifests\/v1$/ },
  { side: 'source', what: 'GET of the manifest', where: /^GET .*\/manifests\/v1$/ },
  { side: 'source', what: 'GET of a blob', where: /^GET .*\/blobs\/sha256/ },
  { side: 'destination', what: 'the ping', where: /^GET \/v2\/$/ },
  { side: 'destination', what: 'a token', where: /^GET \/token/ },
  { side: 'destination', what: 'HEAD of the tag', where: /^HEAD .*\/manifests\/v1$/ },
  { side: 'destination', what: 'HEAD of a blob', where: /^HEAD .*\/blobs\/sha256/ },
  { side: 'destination', what: 'POST of an upload', where: /^POST .*\/uploads\/(\?|$)/ },
  { side: 'destination', what: uploaded, where: /^(PUT|PATCH) .*\/uploads\/./ },
  { side: 'destination', what: 'PUT of the manifest', where: /^PUT .*\/manifests\/v1$/ },
];

const forever = new Promise<never>(() => undefined);

interface Broken {
  what: string;
  fault: (stand: Stand) => Misbehaviour;
  reason: Reason;
  says: RegExp;
  idleTimeout?: number;
}

/** What may come instead of any answer, and what it is called when it does not pass. */
const faults: readonly Broken[] = [
  { what: 'reset', fault: () => reset, reason: 'unreachable', says: /reset|closed|hang up/i },
  { what: 'answer lost', fault: () => lostAnswer, reason: 'unreachable', says: /reset|closed|hang up/i },
  { what: '500', fault: () => html(500), reason: 'unreachable', says: /answered 500/ },
  { what: '502', fault: () => html(502), reason: 'unreachable', says: /answered 502/ },
  {
    what: '503',
    fault: () => unavailable(),
    reason: 'unreachable',
    says: /answered 503/,
  },
  { what: '504', fault: () => html(504), reason: 'unreachable', says: /answered 504/ },
  { what: '429 with seconds', fault: () => rateLimited('2'), reason: 'rate-limited', says: /answered 429/ },
  {
    what: '429 with a date',
    fault: ({ clock }) => rateLimited(new Date(clock.now() + 3_000).toUTCString()),
    reason: 'rate-limited',
    says: /answered 429/,
  },
];

/** Silence costs time even here; and after a body's last byte a quarter of an hour, so that it has rows of its own. */
const silence = {
  what: 'stall',
  fault: () => stall(forever),
  reason: 'timeout',
  says: /timeout/i,
  idleTimeout: 800,
} as const;

/** Each fault at each request. */
export const answerRows: readonly Row[] = [
  ...faults.flatMap((fault) => places.flatMap((place) => rowsOf(fault, place))),
  ...places.filter(({ what }) => what !== uploaded).flatMap((place) => rowsOf(silence, place)),
];

function rowsOf(
  { what, fault, reason, says, idleTimeout }: Broken,
  { side, what: request, where }: (typeof places)[number],
): Row[] {
  // What was sent is found at the destination after each try: that is no failure.
  if (what === 'answer lost' && request === uploaded)
    return [{ name: `${what} for ${request}`, side, where, fault, times: always }];
  const more = idleTimeout === undefined ? {} : { idleTimeout };
  return onceAndAlways({
    name: `${what} for ${request}`,
    side,
    where,
    fault,
    fails: { reason, says },
    ...more,
  });
}
