import { createHash, createHmac } from 'node:crypto';
import type { Identity } from './identity.ts';

/** One RPC call: everything is in the query, the body is empty. */
export interface Operation {
  host: string;
  action: string;
  version: string;
  parameters: Readonly<Record<string, string>>;
}

/** What makes one signature different from the next. */
export interface Moment {
  /** Milliseconds since 1970. Refused when the server's clock is far from it. */
  time: number;
  /** Never used before with this key. */
  nonce: string;
}

const algorithm = 'ACS3-HMAC-SHA256';
const emptyBody = sha256('');

/**
 * The headers of `POST https://HOST/?QUERY`, where QUERY is `queryOf` the parameters, with `authorization` by
 * ACS3-HMAC-SHA256. https://alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
 */
export function signedHeaders(
  operation: Operation,
  identity: Identity,
  moment: Moment,
): Record<string, string> {
  const headers = unsignedHeaders(operation, identity, moment);
  const names = Object.keys(headers).toSorted();
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join('');
  const signed = names.join(';');
  const canonical = ['POST', '/', queryOf(operation.parameters), lines, signed, emptyBody].join('\n');
  const signature = createHmac('sha256', identity.accessKeySecret)
    .update(`${algorithm}\n${sha256(canonical)}`)
    .digest('hex');
  const authorization = `${algorithm} Credential=${identity.accessKeyId},SignedHeaders=${signed},Signature=${signature}`;
  return { ...headers, authorization };
}

/** The query in the one form that is signed: sorted by key, percent-encoded as RFC 3986 has it. */
export function queryOf(parameters: Readonly<Record<string, string>>): string {
  return Object.keys(parameters)
    .toSorted()
    .map((key) => `${encode(key)}=${encode(parameters[key] ?? '')}`)
    .join('&');
}

function unsignedHeaders(
  { host, action, version }: Operation,
  { securityToken }: Identity,
  { time, nonce }: Moment,
): Record<string, string> {
  return {
    host,
    'x-acs-action': action,
    'x-acs-content-sha256': emptyBody,
    'x-acs-date': new Date(time).toISOString().replace(/\.\d+Z$/, 'Z'),
    'x-acs-signature-nonce': nonce,
    'x-acs-version': version,
    ...(securityToken !== undefined && { 'x-acs-security-token': securityToken }),
  };
}

/** `encodeURIComponent` leaves five characters as they are that RFC 3986 reserves. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
