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
    throw misled(from, what, location === undefined ? 'nothing' : `"${location.slice(0, 100)}"`);
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

function misled(from: URL, what: string, got: string): RegistryError {
  return new RegistryError('protocol', `${shown(from)}: expected ${what} to a web address, got ${got}`);
}

/** Loopback, link-local and Alibaba Cloud's metadata address: nothing a registry elsewhere may send us to. */
export function isInternal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  if (isIP(host) === 4) return /^(127\.|0\.|169\.254\.|100\.100\.100\.200$)/.test(host);
  if (isIP(host) !== 6) return false;
  return (
    host === '::' || host === '::1' || /^fe[89ab]/.test(host) || /^::ffff:(7f|a9fe:|6464:64c8$)/.test(host)
  );
}
