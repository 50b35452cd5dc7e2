import { RegistryError } from '../copy/error.ts';
import { believeAbsent, caps, parseObject } from './body.ts';
import type { Call } from './call.ts';
import type { Sender } from './transport.ts';
import { follow, sameOrigin, shown } from './url.ts';

/** Asked for; registries give fewer, and some refuse more. */
const pageSize = 1000;

/** Where a list ends that has no end: pages in all, and pages in a row that bring nothing new. */
const maxPages = 10_000;
const maxBarren = 10;

/** Characters of an address. */
const maxLink = 2_000;

/** Names of one list, far above what a repository has: who asks for them holds them in memory. */
const maxNames = 1_000_000;

/**
 * The names in a paged list, `tags` or `repositories`. The next page is where `Link` says (relative or not, also after
 * a short page); a full page without one is asked on from its `last` name, for old registries. One that does not
 * page at all gives everything again then: what was on the page before is not new. A 404 is an empty
 * list if the registry itself says so.
 */
export async function* listed(
  transport: Sender,
  call: Call,
  member: 'tags' | 'repositories',
): AsyncGenerator<string> {
  let url: URL | undefined = withQuery(call.url, {});
  let before: ReadonlySet<string> = new Set();
  let barren = 0;
  let count = 0;
  const followed = new Set<string>();
  while (url !== undefined) {
    if (followed.has(url.href) || followed.size === maxPages || barren === maxBarren) throw standing(url);
    followed.add(url.href);
    const page = await transport.send({ ...call, url }, caps.list);
    if (page.status === 404) return believeAbsent(page.bytes, shown(url));
    const names = namesOf(parseObject(page.bytes, shown(url))[member], url);
    const fresh = names.filter((name) => !before.has(name));
    count += fresh.length;
    if (count > maxNames) throw tooLong(url);
    yield* fresh;
    barren = fresh.length === 0 ? barren + 1 : 0;
    const linked = linkOf(page.headers.get('link'), url, call.url);
    const end = names.length < pageSize ? undefined : fresh.at(-1);
    before = new Set(names);
    url = linked ?? (end === undefined ? undefined : withQuery(call.url, { last: end }));
  }
}

function withQuery(base: URL, query: Record<string, string>): URL {
  const url = new URL(base);
  url.searchParams.set('n', String(pageSize));
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

// `null` is an empty list.
function namesOf(value: unknown, url: URL): string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.filter((name): name is string => typeof name === 'string');
  throw new RegistryError('protocol', `${shown(url)}: expected a list of names, got ${typeof value}`);
}

/**
 * The address of the link whose relation is `next` (RFC 8288). Neither an address nor a parameter holds a `<` here, so that
 * every character of a hostile header is looked at a bounded number of times.
 */
export function nextLink(header: string): string | undefined {
  for (const [, target = '', parameters = ''] of header.matchAll(/<([^<>]*)>([^<]*)/g)) {
    const [, relation = ''] = /;[ \t]*rel[ \t]*=[ \t]*("[^"]*"|[^ \t",;]+)/i.exec(parameters) ?? [];
    const relations = relation.replaceAll('"', '').toLowerCase().split(' ');
    if (target !== '' && target.length <= maxLink && relations.includes('next')) return target;
  }
  return undefined;
}

function linkOf(header: string | null, from: URL, base: URL): URL | undefined {
  const target = nextLink(header ?? '');
  if (target === undefined) return undefined;
  const url = follow(from, target, 'the next page');
  if (sameOrigin(url, base)) return url;
  throw new RegistryError(
    'protocol',
    `${shown(from)}: expected the next page at ${base.host}, got ${url.host}`,
  );
}

function standing(url: URL): RegistryError {
  return new RegistryError('protocol', `${shown(url)}: the list does not end, its pages repeat`);
}

function tooLong(url: URL): RegistryError {
  return new RegistryError(
    'protocol',
    `${shown(url)}: expected at most ${maxNames} names, the list has more`,
  );
}
