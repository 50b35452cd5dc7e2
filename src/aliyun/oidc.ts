import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { jsonIn, unexpected } from './answer.ts';
import type { Identity } from './identity.ts';
import { Renewing } from './renewing.ts';
import type { Passing } from './renewing.ts';
import { queryOf } from './signature.ts';
import { keyRefused, stsKeyIn } from './sts-key.ts';
import type { Wire } from './wire.ts';

export interface OidcOptions {
  /** `acs:ram::ACCOUNT:role/NAME` */
  roleArn: string;
  /** `acs:ram::ACCOUNT:oidc-provider/NAME` */
  providerArn: string;
  /** Holds the token of the provider; read for each call, since Kubernetes writes a new one now and then. */
  tokenFile: string;
  /** Appears in ActionTrail. */
  sessionName: string;
  /** Where STS is: `https://sts.REGION.aliyuncs.com`. */
  url: () => Promise<URL>;
  wire: Wire;
  clock: Clock;
}

const action = 'AssumeRoleWithOIDC';
const schema = z.object({ Credentials: z.unknown() });

/** The temporary key of a RAM role that trusts a token of Kubernetes (RRSA) or another issuer. https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-assumerolewithoidc */
export function oidcRole(options: OidcOptions): Renewing<Identity> {
  return new Renewing(() => assumeRole(options), options.clock);
}

/** Not signed: the token is what proves who asks. It goes in the body, since addresses are written down on the way. */
async function assumeRole(options: OidcOptions): Promise<Passing<Identity>> {
  const { roleArn, providerArn, sessionName, wire } = options;
  const [token, origin] = await Promise.all([tokenIn(options.tokenFile), options.url()]);
  const form = {
    RoleArn: roleArn,
    OIDCProviderArn: providerArn,
    OIDCToken: token,
    RoleSessionName: sessionName,
  };
  const { status, text } = await wire.ask(action, {
    method: 'POST',
    url: new URL(`/?${queryOf(common(options.clock))}`, origin),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: queryOf(form),
  });
  return keyIn(`${action} at ${origin.origin}`, status, text, token);
}

function common(clock: Clock): Record<string, string> {
  const Timestamp = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  return { Action: action, Format: 'JSON', SignatureNonce: randomUUID(), Timestamp, Version: '2015-04-01' };
}

function keyIn(call: string, status: number, text: string, secret: string): Passing<Identity> {
  const next =
    'expected a role whose trust policy names this OIDC provider, audience and service account, and a token in force';
  if (status !== 200) throw keyRefused(call, status, { text, next, secret });
  const answer = schema.safeParse(jsonIn(text));
  if (!answer.success) throw unexpected(call, answer.error);
  return stsKeyIn(call, answer.data.Credentials);
}

async function tokenIn(file: string): Promise<string> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token !== '') return token;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegistryError('denied', `aliyun.oidc.tokenFile: expected a file with a token: ${why}`, {
      cause,
    });
  }
  throw new RegistryError('denied', `aliyun.oidc.tokenFile: expected a token in ${file}, got an empty file`);
}
