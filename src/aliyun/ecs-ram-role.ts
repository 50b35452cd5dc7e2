import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { printable } from '../printable.ts';
import { jsonIn } from './answer.ts';
import type { Identity } from './identity.ts';
import { Renewing } from './renewing.ts';
import type { Passing } from './renewing.ts';
import { keyRefused, stsKeyIn } from './sts-key.ts';
import type { Wire } from './wire.ts';

export interface EcsRamRoleOptions {
  /** Of the instance; missing: the one that its metadata names. */
  role: string | undefined;
  /** Origin of the metadata server. */
  url: URL;
  /** Reaches it directly: it speaks to its own machine only. */
  wire: Wire;
  clock: Clock;
}

const what = 'the RAM role of this ECS instance (aliyun.ecsRamRole)';
const keys = '/latest/meta-data/ram/security-credentials/';

/** Seconds; for the two questions that follow. */
const tokenLife = '300';

/** The temporary key of the RAM role of the ECS instance that this runs on. https://www.alibabacloud.com/help/en/doc-detail/54579.html */
export function ecsRamRole(options: EcsRamRoleOptions): Renewing<Identity> {
  return new Renewing(() => fetchKey(options), options.clock);
}

async function fetchKey(options: EcsRamRoleOptions): Promise<Passing<Identity>> {
  const headers = await tokenHeaders(options);
  const role = options.role ?? roleIn(await read(options, keys, headers));
  return stsKeyIn(what, jsonIn(await read(options, keys + role, headers)));
}

/** Instances may demand a token (IMDSv2); a metadata server that knows none is asked without. */
async function tokenHeaders({ wire, url }: EcsRamRoleOptions): Promise<Record<string, string>> {
  const headers = { 'x-aliyun-ecs-metadata-token-ttl-seconds': tokenLife };
  const { status, text } = await wire.ask(what, {
    method: 'PUT',
    url: new URL('/latest/api/token', url),
    headers,
  });
  if (status >= 500 || status === 429) throw keyRefused(`${what} at ${url.origin}`, status, {});
  const token = text.trim();
  return status === 200 && /^[!-~]+$/.test(token) ? { 'x-aliyun-ecs-metadata-token': token } : {};
}

async function read(
  { wire, url }: EcsRamRoleOptions,
  path: string,
  headers: Record<string, string>,
): Promise<string> {
  const { status, text } = await wire.ask(what, { method: 'GET', url: new URL(path, url), headers });
  if (status === 200) return text;
  const next = 'expected a RAM role of that name, attached to the instance in the ECS console';
  // Its errors are pages: nothing to be told.
  throw keyRefused(`${what} at ${url.origin}${path}`, status, { next });
}

function roleIn(text: string): string {
  const role = text.trim();
  if (/^[\w.-]+$/.test(role)) return role;
  throw new RegistryError('protocol', `${what}: expected the name of one role, got "${printable(text, 40)}"`);
}
