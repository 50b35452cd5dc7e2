import { createHash, createHmac } from 'node:crypto';
import type { Answer, Call } from '../../src/demo/registry/call.ts';
import {
  type AcrInstance,
  type Refusing,
  acrInstance,
  failure,
  instanceAnswer,
  instanceId,
  looksOf,
  missing,
  success,
} from './acr-instance.ts';
import { temporary } from './acr-tokens.ts';
import { type CallServer, startCallServer } from './call-server.ts';
import { Client, type Credential } from './client.ts';
import { UnexpectedAnswer } from './http.ts';
import { digestOfTag } from './push.ts';
import type { Ending } from './temporary.ts';

/*
 * Stands in for the OpenAPI of ACR Enterprise Edition, version 2018-12-01, as documented. What it lists is a table, or
 * a registry's content. Signatures are checked by code of its own, so that a mistake is not made twice.
 */

/** What the stand-in takes. */
export const accessKey = { accessKeyId: 'AKTEST', accessKeySecret: 'SKTEST-not-to-be-shown' };
export { instanceId } from './acr-instance.ts';

export interface Entry {
  tag: string;
  /** `sha256:…`; the OpenAPI gives it without the prefix. */
  digest: string;
  /** `NORMAL` unless told. */
  status?: string;
}

/** What there is to list. A repository is `NAMESPACE/NAME`. */
export interface Shelf {
  hasNamespace(namespace: string): boolean;
  /** Entries in the order of the pages, the digests of a page asked for one by one; `undefined`: no such repository. */
  tags(repository: string): Promise<readonly string[] | undefined>;
  entry(repository: string, tag: string): Promise<Entry>;
}

export interface OpenApiCall {
  action: string;
  parameters: Readonly<Record<string, string>>;
  headers: Readonly<Call['headers']>;
}

export interface AcrOpenApi extends CallServer {
  /** Calls so far whose signature was right, refused ones too. */
  readonly calls: readonly OpenApiCall[];
  /** What it tells besides lists, and makes; a test may change it at any time. */
  readonly instance: AcrInstance;
  /** Actions that the access key's RAM policy does not allow. */
  readonly forbidden: Set<string>;
  /** Milliseconds that a temporary password is good for. */
  passwordLife: number;
  /** Every call of these actions gets this. */
  readonly refusing: Map<string, Refusing>;
  /** The next calls get this; with HTTP 200 it is a failure all the same. */
  refuse(times: number, refusing: Refusing): void;
  /** As if it had been deleted and made again: another id. */
  recreate(repository: string): void;
}

export interface AcrOpenApiOptions {
  /** What to list; unless told, the instance's repositories, which are empty. */
  shelf?: Shelf;
  /** Shared with `acr-tokens.ts` and the edge where they stand beside it. */
  instance?: AcrInstance;
  /** Tells whether a signature is too old; milliseconds. */
  now?: () => number;
}

/** The key may be a temporary one: whatever security token comes along is taken, if it is signed. */
export async function startAcrOpenApi(t: Ending, options: AcrOpenApiOptions): Promise<AcrOpenApi> {
  const { instance = acrInstance(), now = Date.now } = options;
  const { shelf = instanceShelf(instance) } = options;
  const calls: OpenApiCall[] = [];
  const nonces = new Set<string>();
  const refusals: Refusing[] = [];
  const ids = new Ids();
  const server = await startCallServer(t, async (call) => {
    const wrong = mistakeIn(call, nonces, now());
    if (wrong) return failure(wrong);
    const action = String(call.headers['x-acs-action']);
    const parameters = Object.fromEntries(call.query);
    calls.push({ action, parameters, headers: call.headers });
    const refusing =
      refusals.shift() ?? openApi.refusing.get(action) ?? forbidding(openApi.forbidden, action);
    if (refusing) return failure(refusing);
    if (action !== 'ListInstance' && parameters['InstanceId'] !== instanceId) return missing('INSTANCE');
    if (action === 'GetAuthorizationToken') return password(now() + openApi.passwordLife);
    if (action === 'GetRepository') return getRepository(shelf, ids, parameters, instance);
    if (action === 'ListRepoTag') return listRepoTag(shelf, ids, parameters);
    return (
      instanceAnswer(action, instance, parameters) ?? failure({ status: 404, code: 'InvalidAction.NotFound' })
    );
  });
  const openApi: AcrOpenApi = {
    ...server,
    calls,
    instance,
    forbidden: new Set(),
    refusing: new Map(),
    passwordLife: 3_600_000,
    refuse: (times, refusing) => void refusals.push(...Array<Refusing>(times).fill(refusing)),
    recreate: (repository) => ids.forget(repository),
  };
  return openApi;
}

/** Contents written down; the test may change them at any time. */
export function tableShelf(table: Map<string, Entry[]>, namespaces: readonly string[] = []): Shelf {
  return {
    hasNamespace: (namespace) =>
      namespaces.includes(namespace) || [...table.keys()].some((name) => name.startsWith(`${namespace}/`)),
    tags: async (repository) => table.get(repository)?.map(({ tag }) => tag),
    entry: async (repository, tag) => {
      const entry = table.get(repository)?.find((entry) => entry.tag === tag);
      return entry ?? { tag, digest: '', status: 'DELETING' };
    },
  };
}

/** What is there by the instance's own accounts, holding what `under` has of it. */
export function instanceShelf({ namespaces, repositories }: AcrInstance, under?: Shelf): Shelf {
  return {
    hasNamespace: (namespace) => namespaces.has(namespace),
    tags: async (repository) =>
      repositories.has(repository) ? ((await under?.tags(repository)) ?? []) : undefined,
    entry: async (repository, tag) => (await under?.entry(repository, tag)) ?? { tag, digest: '' },
  };
}

/** Contents of the registry behind; asking costs it a list for each call, and a HEAD for each tag of a page. */
export function registryShelf(url: string, credential?: Credential): Shelf {
  return {
    hasNamespace: () => true,
    tags: async (repository) => {
      const path = `/v2/${repository}/tags/list`;
      const answer = await new Client(url, credential).send(path);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw new UnexpectedAnswer(path, 200, answer);
      const { tags } = JSON.parse(answer.body.toString());
      return tags ?? [];
    },
    entry: async (repository, tag) => {
      const digest = await digestOfTag(url, repository, tag, credential);
      return digest === undefined ? { tag, digest: '', status: 'DELETING' } : { tag, digest };
    },
  };
}

/** `crr-…` of repositories, while they are there. */
class Ids {
  readonly #ids = new Map<string, string>();
  #count = 0;

  of(repository: string): string {
    const id = this.#ids.get(repository) ?? `crr-${(++this.#count).toString().padStart(16, '0')}`;
    this.#ids.set(repository, id);
    return id;
  }

  repository(id: string): string | undefined {
    return [...this.#ids].find(([, each]) => each === id)?.[0];
  }

  forget(repository: string): void {
    this.#ids.delete(repository);
  }
}

async function getRepository(
  shelf: Shelf,
  ids: Ids,
  parameters: Record<string, string>,
  instance: AcrInstance,
): Promise<Answer> {
  const { RepoNamespaceName = '', RepoName = '' } = parameters;
  const repository = `${RepoNamespaceName}/${RepoName}`;
  if (!shelf.hasNamespace(RepoNamespaceName)) return missing('NAMESPACE');
  if ((await shelf.tags(repository)) === undefined) return missing('REPO');
  const named = { RepoId: ids.of(repository), RepoName, RepoNamespaceName, RepoStatus: 'NORMAL' };
  return success({ ...named, ...looksOf(instance, RepoNamespaceName, RepoName) });
}

async function listRepoTag(shelf: Shelf, ids: Ids, parameters: Record<string, string>): Promise<Answer> {
  const { RepoId = '', PageNo = '1', PageSize = '30' } = parameters;
  const repository = ids.repository(RepoId) ?? '';
  const tags = await shelf.tags(repository);
  if (tags === undefined) return missing('REPO');
  const [number, size] = [Number(PageNo), Number(PageSize)];
  if (!(number >= 1) || !(size >= 1 && size <= 100)) return failure({ status: 400, code: 'PARAMETER_ERROR' });
  const page = tags.slice((number - 1) * size, number * size);
  const entries = await Promise.all(page.map((tag) => shelf.entry(repository, tag)));
  return success({ Images: entries.map(image), TotalCount: String(tags.length), PageNo: number });
}

function image({ tag, digest, status = 'NORMAL' }: Entry): object {
  return { Tag: tag, Digest: digest.replace(/^sha256:/, ''), Status: status, ImageSize: 1, ImageUpdate: '1' };
}

function password(ExpireTime: number): Answer {
  return success({ TempUsername: temporary.name, AuthorizationToken: temporary.password, ExpireTime });
}

function forbidding(forbidden: ReadonlySet<string>, action: string): Refusing | undefined {
  return forbidden.has(action)
    ? { status: 403, code: 'NoPrivilege', message: 'Access denied for this user.' }
    : undefined;
}

/** Milliseconds. */
const mostSkew = 15 * 60_000;

function mistakeIn(call: Call, nonces: Set<string>, now: number): Refusing | undefined {
  const { headers } = call;
  const parts = /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(
    headers.authorization ?? '',
  );
  if (!parts) return { status: 400, code: 'IncompleteSignature' };
  const [, key, names = '', signature] = parts;
  if (key !== accessKey.accessKeyId) return { status: 404, code: 'InvalidAccessKeyId.NotFound' };
  const canonical = canonicalOf(call, names);
  // Alibaba's own message quotes all that was signed, a security token included.
  if (signature !== signatureOf(canonical) || !areAllSigned(headers, names))
    return { status: 400, code: 'SignatureDoesNotMatch', message: `server CanonicalRequest is ${canonical}` };
  if (headers['x-acs-version'] !== '2018-12-01') return { status: 400, code: 'InvalidVersion' };
  if (!(Math.abs(Date.parse(String(headers['x-acs-date'])) - now) <= mostSkew))
    return { status: 400, code: 'InvalidTimeStamp.Expired' };
  const nonce = String(headers['x-acs-signature-nonce']);
  if (nonces.has(nonce)) return { status: 400, code: 'SignatureNonceUsed' };
  nonces.add(nonce);
  return undefined;
}

function areAllSigned(headers: Call['headers'], names: string): boolean {
  const signed = names.split(';');
  const must = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-acs-'));
  return must.every((name) => signed.includes(name));
}

function canonicalOf({ method, path, query, headers }: Call, names: string): string {
  const pairs = [...query].map(([key, value]) => `${percent(key)}=${percent(value)}`).sort();
  const lines = names.split(';').map((name) => `${name}:${String(headers[name])}`);
  return [method, path, pairs.join('&'), ...lines, '', names, headers['x-acs-content-sha256']].join('\n');
}

function signatureOf(canonical: string): string {
  const hash = createHash('sha256').update(canonical).digest('hex');
  return createHmac('sha256', accessKey.accessKeySecret).update(`ACS3-HMAC-SHA256\n${hash}`).digest('hex');
}

/** RFC 3986, byte by byte. */
function percent(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
