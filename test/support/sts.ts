import { text } from 'node:stream/consumers';
import { type Answer, type Call, json } from '../../src/demo/registry/call.ts';
import { accessKey } from './acr-openapi.ts';
import { type CallServer, startCallServer } from './call-server.ts';
import type { Ending } from './temporary.ts';

/*
 * Stand in for whoever gives out temporary keys of Alibaba Cloud, as documented: STS, which takes the token of an OIDC
 * provider, and the metadata server of an ECS instance. The key is the one that the OpenAPI's stand-in takes.
 */

export const role = {
  roleArn: 'acs:ram::1000000000000001:role/mirror',
  providerArn: 'acs:ram::1000000000000001:oidc-provider/ack',
};

interface KeyGiver extends CallServer {
  /** Milliseconds that the next key is good for. */
  life: number;
  /** Keys given so far; each has a security token of its own: `sts-token-1`, … */
  given: number;
}

export interface Sts extends KeyGiver {
  /** The one token that is taken. */
  token: string;
  /** Of each call: what stood in its address, and in its body. */
  readonly calls: { query: Record<string, string>; form: Record<string, string> }[];
}

export async function startSts(t: Ending, now: () => number = Date.now): Promise<Sts> {
  const calls: Sts['calls'] = [];
  const server = await startCallServer(t, async (call) => {
    const form = Object.fromEntries(new URLSearchParams(await text(call.body)));
    const query = Object.fromEntries(call.query);
    calls.push({ query, form });
    const { Action, Version, Format } = query;
    if (call.method !== 'POST' || call.headers.authorization !== undefined) return json(400, {});
    if (`${Action} ${Version} ${Format}` !== 'AssumeRoleWithOIDC 2015-04-01 JSON')
      return refusal(404, 'InvalidAction.NotFound', '');
    if (form['RoleArn'] !== role.roleArn || form['OIDCProviderArn'] !== role.providerArn)
      return refusal(404, 'EntityNotExist.Role', 'The role does not exist.');
    if (form['OIDCToken'] !== sts.token)
      return refusal(
        400,
        'AuthenticationFail.OIDCToken.Expired',
        `The token ${form['OIDCToken']} has expired.`,
      );
    return json(200, { RequestId: 'R-3', AssumedRoleUser: {}, Credentials: key(sts, now()) });
  });
  const sts: Sts = { ...server, calls, token: 'oidc-token-not-to-be-shown', life: 3_600_000, given: 0 };
  return sts;
}

export interface EcsMetadata extends KeyGiver {
  /** Of the instance; none: no role is attached. */
  role: string | undefined;
  /** `required`: only whoever has a token is answered. `unknown`: as before there were tokens. */
  tokens: 'required' | 'unknown';
}

export async function startEcsMetadata(t: Ending, now: () => number = Date.now): Promise<EcsMetadata> {
  const token = 'metadata-token';
  const server = await startCallServer(t, (call) => {
    if (call.path === '/latest/api/token' && ecs.tokens === 'required') return tokenFor(call, token);
    if (ecs.tokens === 'required' && call.headers['x-aliyun-ecs-metadata-token'] !== token) return page(403);
    const [, name] = /^\/latest\/meta-data\/ram\/security-credentials\/(.*)$/.exec(call.path) ?? [];
    if (call.method !== 'GET' || name === undefined || ecs.role === undefined) return page(404);
    if (name === '') return { status: 200, headers: {}, body: Buffer.from(ecs.role) };
    return name === ecs.role ? json(200, { Code: 'Success', ...key(ecs, now()) }) : page(404);
  });
  const ecs: EcsMetadata = { ...server, role: 'mirror', tokens: 'required', life: 3_600_000, given: 0 };
  return ecs;
}

function tokenFor({ method, headers }: Call, token: string): Answer {
  const seconds = Number(headers['x-aliyun-ecs-metadata-token-ttl-seconds']);
  if (method !== 'PUT' || !(seconds >= 1 && seconds <= 21_600)) return page(400);
  return { status: 200, headers: {}, body: Buffer.from(token) };
}

function key(giver: KeyGiver, now: number): object {
  giver.given++;
  return {
    AccessKeyId: accessKey.accessKeyId,
    AccessKeySecret: accessKey.accessKeySecret,
    SecurityToken: `sts-token-${giver.given}`,
    Expiration: new Date(now + giver.life).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
}

function page(status: number): Answer {
  return { status, headers: { 'content-type': 'text/html' }, body: Buffer.from(`<html>${status}</html>`) };
}

function refusal(status: number, Code: string, Message: string): Answer {
  return json(status, { RequestId: 'R-4', HostId: 'sts', Code, Message });
}
