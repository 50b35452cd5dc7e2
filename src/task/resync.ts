import type { Clock } from '../clock.ts';
import { companionOf } from '../oci/companion.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { submitInBatches } from './batch.ts';
import type { Registries } from './registries.ts';
import type { Entered, Entry } from './store.ts';
import { wantedOf } from './wanted.ts';

export interface ResyncRequest {
  repository: string;
  /** All tags that the rules match, if not given. */
  tag?: string;
  force: boolean;
}

export interface ResyncOptions {
  registries: Registries;
  rules: {
    match(repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[];
    matchesRepository(rule: string, repository: string): boolean;
    sources(): readonly { rule: string; source: string }[];
  };
  submit(entry: Entry): Promise<Entered>;
  clock: Clock;
}

/** Tags whose digests are asked for at once, where there are signatures. */
const width = 4;

/**
 * Copies again on demand: the ids of the tasks that stand for it, or `undefined` when no rule matches. Throws
 * `RegistryError` when the tags cannot be listed, and `StorageError`.
 */
export async function resync(request: ResyncRequest, options: ResyncOptions): Promise<number[] | undefined> {
  const wanted = await copiesOf(request, options);
  if (wanted === undefined) return undefined;
  const entry = { door: 'admin', force: request.force, wantedAt: options.clock.now(), wanted } as const;
  return (await submitInBatches(options.submit, entry)).tasks;
}

async function copiesOf(
  { repository, tag }: ResyncRequest,
  options: ResyncOptions,
): Promise<(Wanted | Refused)[] | undefined> {
  const { rules } = options;
  const matching = rules.sources().filter(({ rule }) => rules.matchesRepository(rule, repository));
  if (matching.length === 0) return undefined;
  // Where a signature goes is known only by the image that it belongs to.
  if (tag !== undefined && companionOf(tag) === undefined) return orNone(rules.match(repository, tag));
  const all: (Wanted | Refused)[] = [];
  for (const source of new Set(matching.map((one) => one.source))) {
    all.push(...(await copiesFrom(source, repository, options)));
  }
  return tag === undefined ? all : orNone(all.filter(({ sourceTag }) => sourceTag === tag));
}

function orNone<T>(items: T[]): T[] | undefined {
  return items.length === 0 ? undefined : items;
}

async function copiesFrom(
  source: string,
  repository: string,
  { registries, rules }: ResyncOptions,
): Promise<(Wanted | Refused)[]> {
  const from = registries.source(source, repository);
  const tags: string[] = [];
  for await (const tag of from.tags()) tags.push(tag);
  const match = (tag: string, of: readonly string[]): (Wanted | Refused)[] =>
    rules.match(repository, tag, of);
  const wanted = await wantedOf(tags, { match, resolve: (tag) => from.resolve(tag), width });
  return wanted.filter((copy) => copy.source === source);
}
