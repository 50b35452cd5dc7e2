import { setImmediate } from 'node:timers/promises';
import type { Call, Misbehaviour } from '../../src/demo/registry/call.ts';
import * as connection from '../support/connection-fault.ts';
import * as fault from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { forward } from '../support/forward.ts';
import { startCallServer } from '../support/call-server.ts';
import { forever, inTurn, middle } from './body-rows.ts';
import { credential } from './end.ts';
import { type Failure, type Row, always, onceAndAlways } from './row.ts';
import { type Stand, patient } from './stand.ts';

const post = { side: 'destination', where: /^POST .*\/uploads\/(\?|$)/ } as const;
const sent = { side: 'destination', where: /^(PUT|PATCH) .*\/uploads\/./ } as const;
const session = { side: 'destination', where: /\/blobs\/uploads\// } as const;
const manifest = { side: 'destination', where: /^PUT .*\/manifests\/v1$/ } as const;
const tag = { side: 'destination', where: /^HEAD .*\/manifests\/v1$/ } as const;
const look = { side: 'destination', where: /^HEAD .*\/blobs\/sha256/ } as const;

const protocol = (says: RegExp): Failure => ({ reason: 'protocol', says });

/** Takes so many bytes, then says that the token is not good any more. */
const expiredAfter =
  (bytes: number): Misbehaviour =>
  async (call, next) => {
    await take(call, bytes);
    // As servers do that leave a body unread.
    const headers = { connection: 'close' };
    return fault.registryError(401, 'UNAUTHORIZED', 'authentication required', headers)(call, next);
  };

async function take({ body }: Call, bytes: number): Promise<void> {
  // Whoever leaves such a loop early closes the connection.
  const chunks = body[Symbol.asyncIterator]();
  for (let received = 0; received < bytes;) received += (await chunks.next()).value?.length ?? bytes;
}

/** Nothing is taken, and the time passes in which something should have been: until the client does something else. */
function stalled({ clock, destination }: Stand): Misbehaviour {
  return async () => {
    const { requests } = destination;
    const seen = requests.length;
    const tick = async (): Promise<void> => {
      for (let ticks = 0; ticks < 500 && requests.length === seen; ticks++) {
        for (let turn = 0; turn < 50; turn++) await setImmediate();
        clock.advance(patient);
      }
    };
    void tick();
    return forever;
  };
}

/** `Location` says nothing of the state that the registry wants back; whoever uses it finds it there again. */
function withoutQuery(): Misbehaviour {
  const queries = new Map<string, URLSearchParams>();
  return async (call, next) => {
    for (const [name, value] of queries.get(call.path) ?? []) call.query.set(name, value);
    const given = await next();
    if (typeof given.headers.location !== 'string') return given;
    const { origin, pathname, searchParams } = new URL(given.headers.location, call.origin);
    if (pathname.includes('/uploads/')) queries.set(pathname, searchParams);
    return { ...given, headers: { ...given.headers, location: origin + pathname } };
  };
}

/** Sessions live on another host, which is not given the credential and needs none. */
async function elsewhere(stand: Stand): Promise<Misbehaviour> {
  let authorization: string | undefined;
  const ends: (() => void | Promise<void>)[] = [];
  const { url } = await startCallServer({ after: (end) => void ends.push(end) }, (call) => {
    if (call.headers.authorization !== undefined) return { status: 400, headers: {} };
    call.headers.authorization = authorization;
    return forward(stand.destination.direct, call);
  });
  stand.ends.push(...ends);
  return async (call, next) => {
    ({ authorization } = call.headers);
    return fault.foreignLocation(url)(call, next);
  };
}

const notMoved = (got: string): Failure => ({
  reason: 'corrupt',
  says: new RegExp(`^read back v1 at the destination: expected sha256:\\w+, got ${got}`),
  elsewhere: true,
});

/** What a destination may do to what it is sent, or say of it. */
export const uploadRows: readonly Row[] = [
  ...onceAndAlways({
    ...sent,
    name: 'reset in the middle of an upload',
    fault: () => connection.resetAfterReceiving(middle),
    fails: { reason: 'unreachable', says: /(PUT|PATCH) .*: .*(reset|closed|EPIPE)/i },
  }),
  { ...sent, name: '401 in the middle of an upload', fault: () => expiredAfter(middle) },
  {
    ...sent,
    name: '401 at the end of each upload',
    times: always,
    // In the middle it is chance whether the answer is heard or the end of the connection.
    fault: () => expiredAfter(always),
    fails: { reason: 'destination-denied', says: /answered 401 \(UNAUTHORIZED/ },
  },
  ...onceAndAlways({
    ...sent,
    name: 'upload session lost',
    fault: () => fault.uploadLost,
    fails: { reason: 'unreachable', says: /answered 404 \(BLOB_UPLOAD_UNKNOWN/ },
  }),
  {
    ...sent,
    name: 'upload session lost after a reset',
    fault: () => connection.resetAfterReceiving(middle),
  },
  ...onceAndAlways({
    ...sent,
    name: 'silence in the middle of an upload',
    size: 8 * 1024 * 1024,
    // What was read in advance and not taken is read again; nothing of it is sent again.
    extra: 32 * 1024 * 1024,
    fault: stalled,
    fails: { reason: 'timeout', says: /nothing taken for \d+ ms/, elsewhere: true },
  }),
  { ...post, name: 'Location relative', times: always, fault: () => fault.relativeLocation },
  {
    ...post,
    name: 'Location with a further query',
    times: always,
    fault: () => fault.location(({ href }) => `${href}&more=1`),
  },
  { ...session, name: 'Location without a query', times: always, fault: withoutQuery },
  { ...post, name: 'Location at another host', times: always, fault: elsewhere },
  {
    ...post,
    name: 'no Location',
    times: always,
    fault: () => fault.setHeaders({ location: undefined }),
    fails: protocol(/Location of an upload/),
  },
  {
    ...post,
    name: 'Location at a host that is not there',
    times: always,
    fault: () => fault.foreignLocation('http://127.0.0.1:1'),
    fails: { reason: 'unreachable', says: /(GET|PUT|PATCH) http:\/\/127\.0\.0\.1:1\//, elsewhere: true },
  },
  { ...session, name: 'Range that does not advance', times: always, fault: () => fault.rangeStuck },
  {
    ...session,
    name: 'Range that does not advance, after a reset',
    times: always,
    fault: () => {
      const first = inTurn(connection.resetAfterReceiving(middle), fault.rangeStuck);
      return (call, next) => (/^P(UT|ATCH)$/.test(call.method) ? first : fault.rangeStuck)(call, next);
    },
  },
  {
    ...sent,
    name: 'redirect loop for an upload',
    times: always,
    fault: () => (call, next) => fault.redirect(call.path)(call, next),
    fails: protocol(/answered 307/),
  },
  {
    ...look,
    name: 'redirect loop for a blob',
    times: always,
    fault: () => (call, next) => fault.redirect(call.path)(call, next),
    fails: protocol(/at most 5 redirects/),
  },
  {
    ...manifest,
    name: 'redirect loop for the manifest',
    times: always,
    fault: () => (call, next) => fault.redirect(call.path)(call, next),
    fails: protocol(/at most 5 redirects/),
  },
  { ...sent, name: 'wrong digest header of an upload', times: always, fault: () => fault.wrongDigest },
  {
    ...manifest,
    name: 'wrong digest header of the manifest',
    fault: () => fault.wrongDigest,
    fails: {
      reason: 'corrupt',
      says: /PUT of manifest v1: expected sha256:\w+ to be stored, got sha256:0{64}/,
      elsewhere: true,
    },
  },
  { ...tag, name: 'wrong digest header of the tag, once', fault: () => fault.wrongDigest },
  {
    ...tag,
    name: 'wrong digest header of the tag, always',
    times: always,
    fault: () => fault.wrongDigest,
    fails: notMoved('sha256:0{64}'),
  },
  {
    ...manifest,
    name: 'manifest accepted, tag not made',
    fault: () => fault.answer(201),
    fails: notMoved('no such tag'),
  },
  {
    ...manifest,
    name: 'manifest accepted, tag not moved',
    fault: async ({ destination, name }) => {
      await push(destination.direct, `mirror/${name}`, 'v1', ociImage('old'), credential);
      return fault.answer(201);
    },
    fails: notMoved(ociImage('old').descriptor.digest),
  },
];
