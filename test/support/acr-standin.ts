import { type Answer, type Call, json } from '../../src/demo/registry/call.ts';
import { isDigest } from '../../src/oci/digest.ts';
import { manifestTypes } from '../../src/oci/media-type.ts';
import { type AcrAccounts, acrAccounts, acrTokens, services } from './acr-tokens.ts';
import { type CallServer, startCallServer, type Tls } from './call-server.ts';
import { startDockerRegistry } from './docker-registry.ts';
import { forward } from './forward.ts';
import { type Storage, startStorage } from './storage.ts';
import type { Ending } from './temporary.ts';
import { type TokenServer, startTokenServer } from './token-server.ts';

/*
 * Stands in for an ACR Enterprise Edition instance. The registry is a real one, CNCF Distribution 2.8, which
 * ACR resembles; in front of it is an edge with what that one lacks:
 *
 *   client ──▶ edge ──▶ docker-registry        whitelist · immutable tags · expired tokens · faults
 *          ──▶ token service                   namespaces, creation on push, RAM: acr-tokens.ts
 *          ──▶ storage                         where the edge sends whoever wants a blob
 */
export interface AcrStandIn extends CallServer {
  readonly tokens: TokenServer;
  readonly storage: Storage;
  readonly accounts: AcrAccounts;
  readonly edge: Edge;
}

/** What the edge does; a test may change it at any time. */
export interface Edge {
  /** For an address that is not on it: connections are reset, or nothing ever comes back. */
  whitelist: 'open' | 'reset' | 'hang';
  /** Repositories whose tags cannot be written twice, `latest` excepted. */
  immutable: Set<string>;
  redirectBlobs: boolean;
  /** Tokens handed out so far count as expired from now on. */
  expireTokens(): void;
  /** The same, but each token lives through one call: none is over in the moment in which it was given. */
  ageTokens(): void;
}

export interface AcrOptions {
  /** Refuses what is no image, as the personal edition does; of EE it is not known. */
  imagesOnly?: boolean;
  tls?: Tls;
  /** What its challenge says; EE unless told. */
  edition?: keyof typeof services;
}

export async function startAcr(
  t: Ending,
  { tls, edition = 'enterprise', ...options }: AcrOptions = {},
): Promise<AcrStandIn> {
  const accounts = acrAccounts();
  const tokens = await startTokenServer(t, acrTokens(accounts, services[edition]), tls);
  const registry = await startDockerRegistry(t, { token: tokens.trust, ...options });
  const storage = await startStorage(t);
  const expired = new Set<string>();
  const seen = new Set<string>();
  let old: readonly string[] = [];
  const edge: Edge = {
    whitelist: 'open',
    immutable: new Set(),
    redirectBlobs: true,
    expireTokens: () => seen.forEach((authorization) => expired.add(authorization)),
    ageTokens: () => {
      for (const authorization of old) expired.add(authorization);
      old = [...seen];
    },
  };
  const server = await startCallServer(
    t,
    async (call) => {
      if (edge.whitelist === 'reset') call.reset();
      if (edge.whitelist !== 'open') return new Promise<never>(() => undefined);
      const { authorization = '' } = call.headers;
      seen.add(authorization);
      // The real registry then says what it says of an expired token.
      if (expired.has(authorization)) call.headers.authorization = `Bearer ${tokens.expiredToken()}`;
      return pass(call, { upstream: registry.url, edge, storage });
    },
    tls,
  );
  return { ...server, tokens, storage, accounts, edge };
}

interface Way {
  upstream: string;
  edge: Edge;
  storage: Storage;
}

async function pass(call: Call, { upstream, edge, storage }: Way): Promise<Answer> {
  const [, repository = '', kind, reference = ''] =
    /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(call.path) ?? [];
  const writesTag = call.method === 'PUT' && kind === 'manifests' && !isDigest(reference);
  if (
    writesTag &&
    reference !== 'latest' &&
    edge.immutable.has(repository) &&
    (await isThere(upstream, call))
  )
    return json(403, tagImmutable);
  const readsBlob = call.method === 'GET' && kind === 'blobs';
  if (!readsBlob || !edge.redirectBlobs) return forward(upstream, call);
  const head = await forward(upstream, { ...call, method: 'HEAD' });
  if (head.status !== 200) return forward(upstream, call);
  return storage.redirectTo((there) => {
    return forward(upstream, { ...call, headers: { ...call.headers, range: there.headers.range } });
  });
}

/** The vendor's text; the code is a guess. */
const tagImmutable = {
  errors: [
    {
      code: 'TAG_IMMUTABLE',
      message: 'The requested tag already exists and cannot be overwritten.',
      detail: null,
    },
  ],
};

async function isThere(upstream: string, { path, headers, ...call }: Call): Promise<boolean> {
  const { authorization } = headers;
  const asked = { accept: manifestTypes.join(', '), authorization };
  return (await forward(upstream, { ...call, path, method: 'HEAD', headers: asked })).status === 200;
}
