import { isIP } from 'node:net';
import { RegistryError } from '../copy/error.ts';

/** Scheme, host and path: what may be shown. A query may carry a signature; who knows an upload session may write to it. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/(?<=\/blobs\/uploads\/).+/, '…')}`;
}

/** The same scheme, host and port; a default port may be written or not (`URL` drops it). */
export function sameOrigin(one: URL, other: URL): boolean {
  return one.protocol === other.protocol && one.host === other.host;
}

/**
 * Where a `Location`, redirect or `Link` leads, relative to the request that it answered. Refuses what no honest
 * registry sends: other schemes, https → http, and a step from outside to this machine or its link.
 */
export function follow(from: URL, location: string | undefined, what: string): URL {
  if (location === undefined || location === '' || !URL.canParse(location, from.href)) {
    throw misled(
      from,
      what,
      location === undefined ? 'nothing' : `"${withoutQuery(location).slice(0, 100)}"`,
    );
  }
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw misled(from, what, `a ${to.protocol} address`);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw misled(from, what, `plain http://${to.host}`);
  if (isInternal(to.hostname) && !isInternal(from.hostname)) {
    throw misled(from, what, `the internal address ${to.host}`);
  }
  return to;
}

/** What is no address has no query either, but what would be one may carry a signature, and a user a password. */
function withoutQuery(text: string): string {
  return text.replace(/[?#].*/s, '').replace(/\/\/[^/]*@/, '//***@');
}

function misled(from: URL, what: string, got: string): RegistryError {
  return new RegistryError('protocol', `${shown(from)}: expected ${what} to a web address, got ${got}`);
}

/** Loopback, link-local and Alibaba Cloud's metadata address: nothing a registry elsewhere may send us to. */
export function isInternal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  if (isIP(host) === 4) return isInternalV4(host);
  if (isIP(host) !== 6) return false;
  return host === '::' || host === '::1' || /^fe[89ab]/.test(host) || isInternalV4(mappedV4(host));
}

function isInternalV4(host: string): boolean {
  return /^(127\.|0\.|169\.254\.|100\.100\.100\.200$)/.test(host);
}

/** The IPv4 address within an IPv6 one, which a connection goes to; empty for every other. */
function mappedV4(host: string): string {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host) ?? [];
  if (high === undefined || low === undefined) return '';
  return [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]).join('.');
}
