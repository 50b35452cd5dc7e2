import type { Clock } from '../clock.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Registries } from './registries.ts';
import type { Entered, Entry } from './store.ts';

export interface ResyncRequest {
  repository: string;
  /** All tags that the rules match, if not given. */
  tag?: string;
  force: boolean;
}

export interface ResyncOptions {
  registries: Registries;
  rules: {
    match(repository: string, tag: string): (Wanted | Refused)[];
    matchesRepository(rule: string, repository: string): boolean;
    sources(): readonly { rule: string; source: string }[];
  };
  submit(entry: Entry): Promise<Entered>;
  clock: Clock;
}

/** Tasks made in one commit. */
const batch = 500;

/**
 * Copies again on demand: the ids of the tasks that stand for it, or `undefined` when no rule matches. Throws
 * `RegistryError` when the tags cannot be listed, and `StorageError`.
 */
export async function resync(request: ResyncRequest, options: ResyncOptions): Promise<number[] | undefined> {
  const wanted = await wantedOf(request, options);
  if (wanted === undefined) return undefined;
  const tasks: number[] = [];
  for (let start = 0; start < wanted.length; start += batch) {
    const part = wanted.slice(start, start + batch);
    const wantedAt = options.clock.now();
    const entered = await options.submit({ door: 'admin', force: request.force, wantedAt, wanted: part });
    tasks.push(...entered.tasks);
  }
  return tasks;
}

async function wantedOf(
  request: ResyncRequest,
  options: ResyncOptions,
): Promise<(Wanted | Refused)[] | undefined> {
  const { repository, tag } = request;
  const { rules, registries } = options;
  const matching = rules.sources().filter(({ rule }) => rules.matchesRepository(rule, repository));
  const wanted = tag === undefined ? [] : rules.match(repository, tag);
  if (matching.length === 0 || (tag !== undefined && wanted.length === 0)) return undefined;
  if (tag !== undefined) return wanted;
  for (const source of new Set(matching.map((one) => one.source))) {
    for await (const name of registries.source(source, repository).tags()) {
      wanted.push(...rules.match(repository, name).filter((copy) => copy.source === source));
    }
  }
  return wanted;
}
