import { BlockList, isIP } from 'node:net';

/** A proxy's setting is none. The text may hold a password, so it is not repeated. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
}

/** By `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in either case; upper case goes first. Throws `ProxyError`. */
export function proxiesOf(environment: Readonly<Record<string, string | undefined>>): Proxies {
  const read = (name: string): string => environment[name] || environment[name.toLowerCase()] || '';
  return new Proxies(
    proxyUrl('HTTP_PROXY', read('HTTP_PROXY')),
    proxyUrl('HTTPS_PROXY', read('HTTPS_PROXY')),
    read('NO_PROXY'),
  );
}

type Exception = (host: string, port: string) => boolean;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Which proxy leads to an address, as Go's programs choose it: https://pkg.go.dev/golang.org/x/net/http/httpproxy */
export class Proxies {
  readonly #http: URL | undefined;
  readonly #https: URL | undefined;
  readonly #exceptions: readonly Exception[];

  /** `except`: names, each for those below it as well, addresses and networks, by commas. */
  constructor(http: URL | undefined, https: URL | undefined, except: string) {
    this.#http = http;
    this.#https = https;
    const entries = except.split(',').map((entry) => entry.trim().toLowerCase());
    this.#exceptions = entries.filter((entry) => entry !== '').map(exception);
  }

  /** `undefined`: none, as for this machine always. */
  of(url: URL): URL | undefined {
    const host = url.hostname.replace(/^\[|\]$|\.$/g, '');
    if (host === 'localhost' || isWithin(loopback, host)) return undefined;
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    if (this.#exceptions.some((fits) => fits(host, port))) return undefined;
    return url.protocol === 'https:' ? this.#https : this.#http;
  }
}

function proxyUrl(name: string, text: string): URL | undefined {
  if (text === '') return undefined;
  const url = parse(text.includes('://') ? text : `http://${text}`);
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol)) return url;
  throw new ProxyError(`${name}: expected http://HOST:PORT or https://HOST:PORT, got something else`);
}

function parse(text: string): URL | undefined {
  try {
    const url = new URL(text);
    decodeURIComponent(url.username + url.password);
    return url;
  } catch {
    return undefined;
  }
}

function exception(entry: string): Exception {
  if (entry === '*') return () => true;
  const network = networkOf(entry);
  if (network !== undefined) return (host) => isWithin(network, host);
  const parts = isIP(entry) === 6 ? null : /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry);
  const [, name = entry, port = ''] = parts ?? [];
  // With a dot or star in front it is for those below the name only.
  const bare = name.replace(/^\*?\./, '');
  const fits = (host: string): boolean =>
    (bare === name && host === name) || (isIP(host) === 0 && host.endsWith(`.${bare}`));
  return (host, at) => (port === '' || port === at) && fits(host);
}

function networkOf(entry: string): BlockList | undefined {
  const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const network = new BlockList();
  network.addSubnet(address, Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  return network;
}

function isWithin(network: BlockList, host: string): boolean {
  const version = isIP(host);
  return version !== 0 && network.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
