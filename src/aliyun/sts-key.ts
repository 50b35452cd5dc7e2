import { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { printable } from '../printable.ts';
import { jsonIn, unexpected } from './answer.ts';
import type { Identity } from './identity.ts';
import type { Passing } from './renewing.ts';

const text = z.string().min(1);

/** A temporary key as STS and the metadata of an ECS instance write it. */
const schema = z.object({
  AccessKeyId: text,
  AccessKeySecret: text,
  SecurityToken: text,
  Expiration: z.string().refine((time) => Number.isFinite(Date.parse(time)), { error: 'expected a time' }),
});

/** The temporary key in an answer's JSON, which `call` names; throws `RegistryError` where there is none. */
export function stsKeyIn(call: string, value: unknown): Passing<Identity> {
  const key = schema.safeParse(value);
  if (!key.success) throw unexpected(call, key.error);
  const { AccessKeyId, AccessKeySecret, SecurityToken, Expiration } = key.data;
  return {
    value: { accessKeyId: AccessKeyId, accessKeySecret: AccessKeySecret, securityToken: SecurityToken },
    expiresAt: Date.parse(Expiration),
  };
}

const saidSchema = z.object({
  Code: z.string().optional().catch(undefined),
  Message: z.string().optional().catch(undefined),
  RequestId: z.string().optional().catch(undefined),
});

/** The error for an answer that holds no key; `next` is what to do where it is meant. `secret` was sent, and is not repeated. */
export function keyRefused(
  call: string,
  status: number,
  { text = '', next = '', secret = '' }: { text?: string; next?: string; secret?: string },
): RegistryError {
  const said = saidSchema.safeParse(jsonIn(text)).data ?? {};
  const shown = (words = '', length: number): string =>
    printable(secret === '' ? words : words.replaceAll(secret, '***'), length);
  const [Code, Message, RequestId] = [
    shown(said.Code, 64),
    shown(said.Message, 300),
    shown(said.RequestId, 64),
  ];
  const fault = faultOf(status, Code);
  const parts = [Code, Message, RequestId && `request ${RequestId}`, fault === 'denied' && next];
  const words = parts.filter((part) => part !== undefined && part !== '' && part !== false).join('; ');
  const message = `${call} answered ${status}${words === '' ? '' : ` (${words})`}`;
  return new RegistryError(fault, message, { status, ...(Code !== '' && { code: Code }) });
}

function faultOf(status: number, code: string): 'rate-limited' | 'unreachable' | 'timeout' | 'denied' {
  if (status === 429 || /^Throttling/i.test(code)) return 'rate-limited';
  if (status === 408) return 'timeout';
  return status >= 500 ? 'unreachable' : 'denied';
}
