import {
  type Answer,
  type Call,
  type Misbehaviour,
  type RequestRecord,
  empty,
} from '../../src/demo/registry/call.ts';
import { startCallServer } from './call-server.ts';
import type { Ending } from './temporary.ts';

type Read = (call: Call) => Promise<Answer>;

/**
 * The host on which a registry keeps its blobs: reached by a redirect with a signed URL, and refusing every
 * request that brings an `Authorization` as well, as object storage does.
 */
export interface Storage {
  readonly url: string;
  readonly requests: readonly RequestRecord[];
  /** A fault for blob GETs: the registry answers with a redirect to here. */
  readonly redirect: Misbehaviour;
  /** The redirect to what `read` answers; the call that it gets is the one made here. */
  readonly redirectTo: (read: Read) => Answer;
}

export async function startStorage(t: Ending): Promise<Storage> {
  const stored = new Map<string, Read>();
  const { url, requests } = await startCallServer(t, (call) => {
    if (call.headers.authorization !== undefined) return twoAuthorizations;
    return stored.get(call.path)?.(call) ?? empty(403);
  });
  const redirectTo = (read: Read) => {
    const path = `/blob-${stored.size}`;
    stored.set(path, read);
    return empty(307, { location: `${url}${path}?Expires=1900000000&Signature=secret` });
  };
  const redirect: Misbehaviour = async (call, next) => {
    const answer = await next();
    if (answer.status !== 200 && answer.status !== 206) return answer;
    return redirectTo((there) => {
      call.headers.range = there.headers.range;
      return next();
    });
  };
  return { url, requests, redirect, redirectTo };
}

const twoAuthorizations: Answer = {
  status: 400,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(
    '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>',
  ),
};
