import { RegistryError } from '../copy/error.ts';
import { caps, parseObject } from './body.ts';
import type { Call, Transport } from './transport.ts';
import { follow, sameOrigin, shown } from './url.ts';

/** Asked for; registries give fewer, and some refuse more. */
const pageSize = 1000;

/**
 * The names in a paged list, `tags` or `repositories`. The next page is where `Link` says (relative or not, also after
 * a short page); a full page without one is asked on from its `last` name, for old registries; a registry that does
 * not page at all sends everything, twice at most. A 404 is an empty list.
 */
export async function* listed(
  transport: Transport,
  call: Call,
  member: 'tags' | 'repositories',
): AsyncGenerator<string> {
  let url: URL | undefined = withQuery(call.url, {});
  let last = '';
  const followed = new Set<string>();
  while (url !== undefined) {
    if (followed.size > 100_000 || followed.has(url.href)) throw standing(url);
    followed.add(url.href);
    const page = await transport.send({ ...call, url }, caps.list);
    if (page.status === 404) return;
    const names = namesOf(parseObject(page.bytes, shown(url))[member], url);
    // An unpaged registry ignores `last`: what was given already is not given again.
    const fresh: string[] =
      last !== '' && names[0] !== undefined && names[0] <= last ? names.filter((name) => name > last) : names;
    yield* fresh;
    const linked = linkOf(page.headers.get('link'), url, call.url);
    const end = fresh.at(-1);
    if (linked === undefined && (end === undefined || names.length < pageSize)) return;
    url = linked ?? withQuery(call.url, { last: end ?? '' });
    last = linked === undefined ? (end ?? '') : '';
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

function linkOf(header: string | null, from: URL, base: URL): URL | undefined {
  const target = /<([^>]{1,2000})>\s*;[^,]*\brel="?next"?/i.exec(header ?? '')?.[1];
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
