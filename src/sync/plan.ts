import type { Clock } from '../clock.ts';
import { at, CopyError, RegistryError } from '../copy/error.ts';
import { pairsOf, PairingError } from '../imagesyncer/pairs.ts';
import type { SyncRule } from '../imagesyncer/pairs.ts';
import type { Place } from '../imagesyncer/place.ts';
import { parallel } from '../task/parallel.ts';
import { verdictOf } from '../task/retry.ts';
import type { RetryPolicy } from '../task/retry.ts';
import { destinationOf, sourceOf } from './outcome.ts';
import type { Copy, RuleFailure } from './outcome.ts';

export interface PlanOptions {
  /** Every tag of a repository; none where there is no such repository. Throws `RegistryError`. */
  tags(place: Place, signal: AbortSignal): AsyncIterable<string>;
  /** Lists asked for at once. */
  width: number;
  policy: RetryPolicy;
  clock: Clock;
  signal: AbortSignal;
  /** Told of each rule as it is done. */
  onRule(rule: SyncRule, found: { tags: number } | RuleFailure): void;
}

/** What the rules come to, in the order of the file. */
export interface Plan {
  /** Each destination tag once. */
  copies: Copy[];
  /** Tags that give way: another line of the file, further down, sends another source tag to the same destination tag. */
  collisions: { copy: Copy; message: string }[];
  failures: RuleFailure[];
}

/** Asks for the lists of tags that the rules need, each once, and pairs them. Throws only the signal's reason. */
export async function planOf(rules: readonly SyncRule[], options: PlanOptions): Promise<Plan> {
  const lists = new Lists(options);
  const found = new Map<SyncRule, Copy[]>();
  const failures = new Map<SyncRule, RuleFailure>();
  await parallel(rules, options.width, async (rule) => {
    try {
      const copies = await copiesOf(rule, lists);
      found.set(rule, copies);
      options.onRule(rule, { tags: copies.length });
    } catch (error) {
      options.signal.throwIfAborted();
      const failure = failureOf(rule, error);
      failures.set(rule, failure);
      options.onRule(rule, failure);
    }
  });
  const inOrder = <T>(of: ReadonlyMap<SyncRule, T>): T[] => rules.flatMap((rule) => of.get(rule) ?? []);
  return { ...settled(inOrder(found).flat()), failures: inOrder(failures) };
}

async function copiesOf(rule: SyncRule, lists: Lists): Promise<Copy[]> {
  const tags = rule.wanted.kind === 'listed' ? [] : await lists.of(rule.from);
  return pairsOf(rule, tags).map(({ source, destination }) => ({
    rule: `${rule.source} -> ${rule.destination}`,
    source: rule.from.registry,
    sourceRepository: rule.from.repository,
    sourceTag: source,
    destination: rule.to.registry,
    destinationRepository: rule.to.repository,
    destinationTag: destination,
    of: rule,
  }));
}

/** The last line of the file has a destination tag: written in this order one by one, they would end so. */
function settled(copies: readonly Copy[]): Pick<Plan, 'copies' | 'collisions'> {
  const last = new Map(copies.map((copy) => [destinationOf(copy), copy]));
  const collisions = new Map<string, Plan['collisions'][number]>();
  for (const copy of copies) {
    const [from, to] = [sourceOf(copy), destinationOf(copy)];
    const winner = sourceOf(last.get(to) ?? copy);
    if (winner !== from)
      collisions.set(`${from} ${to}`, {
        copy,
        message: `${winner} goes to ${to} as well, and stands further down`,
      });
  }
  return { copies: [...last.values()], collisions: [...collisions.values()] };
}

/** Lists of tags, each asked for once, and again after a failure that may pass. */
class Lists {
  readonly #options: PlanOptions;
  readonly #lists = new Map<string, Promise<string[]>>();

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  of(place: Place): Promise<string[]> {
    const name = `${place.registry}/${place.repository}`;
    const list = this.#lists.get(name) ?? this.#ask(place, name);
    this.#lists.set(name, list);
    return list;
  }

  async #ask(place: Place, name: string): Promise<string[]> {
    const { policy, clock, signal } = this.#options;
    const wantedAt = clock.now();
    for (let attempts = 1; ; attempts++) {
      try {
        return await at('source', `list the tags of ${name}`, this.#once(place, name));
      } catch (error) {
        signal.throwIfAborted();
        const verdict = verdictOf(error, { attempts, wantedAt }, policy, clock);
        if (verdict.kind !== 'retry') throw error;
        await clock.sleep(verdict.at - clock.now(), signal);
      }
    }
  }

  /** A name with a mistake in it must not look like a repository that has all it should. */
  async #once(place: Place, name: string): Promise<string[]> {
    const tags: string[] = [];
    for await (const tag of this.#options.tags(place, this.#options.signal)) tags.push(tag);
    if (tags.length > 0) return tags;
    throw new RegistryError('not-found', `${name} has no tags; is there such a repository?`);
  }
}

function failureOf({ source, destination }: SyncRule, error: unknown): RuleFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CopyError) return { source, destination, reason: error.reason, message };
  if (error instanceof PairingError) return { source, destination, reason: 'configuration', message };
  return { source, destination, reason: 'internal', message };
}
