import type { Scope } from '../../oci/scope.ts';
import { isRepository } from '../../oci/reference.ts';
import type { Blobs } from './blobs.ts';
import { type Answer, type Call, json } from './call.ts';
import type { Lists } from './lists.ts';
import type { Manifests } from './manifests.ts';
import type { Uploads } from './uploads.ts';

type Handler = (call: Call, repository: string, reference: string) => Answer | Promise<Answer>;

/** Handlers of one kind of path. Groups of the pattern: the repository, then the last part. */
export interface Route {
  readonly pattern: RegExp;
  readonly methods: Readonly<Partial<Record<string, Handler>>>;
}

export interface Match {
  readonly handle: () => Answer | Promise<Answer>;
  /** What a token has to allow. */
  readonly needs: readonly Scope[];
}

const digest = '[a-z0-9]+:[0-9a-f]+';
const tag = '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}';

/** Which part answers what: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints */
export function routesOf(parts: {
  manifests: Manifests;
  blobs: Blobs;
  uploads: Uploads;
  lists: Lists;
  referrers: boolean;
}): Route[] {
  const { manifests, blobs, uploads, lists } = parts;
  const readManifest: Handler = (...call) => manifests.get(...call);
  const readBlob: Handler = (...call) => blobs.get(...call);
  const upload: Record<string, Handler> = {
    GET: (...call) => uploads.get(...call),
    PATCH: (...call) => uploads.patch(...call),
    PUT: (...call) => uploads.put(...call),
    DELETE: (...call) => uploads.delete(...call),
  };
  return [
    route('/', { GET: () => json(200, {}) }),
    route('/_catalog', { GET: (call) => lists.catalog(call) }),
    route('/(.+)/tags/list', { GET: (call, repository) => lists.tags(call, repository) }),
    route('/(.+)/blobs/uploads/?', { POST: (call, repository) => uploads.post(call, repository) }),
    route('/(.+)/blobs/uploads/([0-9a-f-]+)', upload),
    route(`/(.+)/blobs/(${digest})`, { HEAD: readBlob, GET: readBlob }),
    route(`/(.+)/manifests/(${tag}|${digest})`, {
      HEAD: readManifest,
      GET: readManifest,
      PUT: (...call) => manifests.put(...call),
    }),
    ...(parts.referrers
      ? [route(`/(.+)/referrers/(${digest})`, { GET: (...call) => lists.referrers(...call) })]
      : []),
  ];
}

/** Finds what answers the call: for a path or method that is not served plain text, as Distribution has it. */
export function match(routes: readonly Route[], call: Call): Match {
  for (const { pattern, methods } of routes) {
    const [found, repository, reference = ''] = pattern.exec(call.path) ?? [];
    if (found === undefined) continue;
    if (repository !== undefined && !isRepository(repository)) break;
    const handler = methods[call.method];
    if (!handler) return { handle: () => text(405, 'Method not allowed\n'), needs: [] };
    return { handle: () => handler(call, repository ?? '', reference), needs: needsOf(call, repository) };
  }
  return { handle: () => text(404, '404 page not found\n'), needs: [] };
}

function route(path: string, methods: Route['methods']): Route {
  return { pattern: new RegExp(`^/v2${path}$`), methods };
}

/** Reading needs `pull`, all else `pull,push`, and a mount `pull` in the other repository as well. */
function needsOf(call: Call, repository: string | undefined): Scope[] {
  if (repository === undefined) return [];
  if (call.method === 'GET' || call.method === 'HEAD') return [{ repository, actions: ['pull'] }];
  const from = call.query.has('mount') ? call.query.get('from') : null;
  const source: Scope[] = from ? [{ repository: from, actions: ['pull'] }] : [];
  return [{ repository, actions: ['pull', 'push'] }, ...source];
}

function text(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from(body) };
}
