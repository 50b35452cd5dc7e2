import type { Clock } from '../clock.ts';
import { at, failureOf, RegistryError } from '../copy/error.ts';
import { pairsOf, PairingError } from '../imagesyncer/pairs.ts';
import type { SyncRule } from '../imagesyncer/pairs.ts';
import type { Place } from '../imagesyncer/place.ts';
import { parallel } from '../task/parallel.ts';
import { verdictOf } from '../task/retry.ts';
import type { RetryPolicy } from '../task/retry.ts';
import { byNumbers, destinationOf, sourceOf } from './outcome.ts';
import type { Copy, RuleFailure } from './outcome.ts';

export interface PlanOptions {
  /** Every tag of a repository; none where there is no such repository. Throws `RegistryError`. */
  tags(place: Place, signal: AbortSignal): AsyncIterable<string>;
  /** Lists asked for at once. */
  width: number;
  policy: RetryPolicy;
  clock: Clock;
  /** Its abort ends the asking: what was not found then is `interrupted`. */
  signal: AbortSignal;
  /** Told of each further attempt, which is the second or later one. */
  onRetry(attempt: number): void;
  /** Told of each list that could not be got and is asked for again, and why. */
  onFailed(list: string, why: string): void;
  /** Told of each rule as it is done. */
  onRule(rule: SyncRule, found: { tags: number } | RuleFailure): void;
}

/** What is to be copied. */
export interface Plan {
  /** Each destination tag once. */
  copies: Copy[];
  /** What is wanted, and is not copied. */
  skipped: { copy: Copy; reason: 'name-collision' | 'name-invalid'; message: string }[];
  failures: RuleFailure[];
}

/**
 * Asks for the lists of tags that the rules need, each once, and pairs them, in the order of the file. Does not throw: a rule
 * that fails is told as one.
 */
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
      const failure = options.signal.aborted ? interrupted(rule) : failed(rule, error);
      failures.set(rule, failure);
      if (!options.signal.aborted) options.onRule(rule, failure);
    }
  });
  const inOrder = <T>(of: ReadonlyMap<SyncRule, T>): T[] => rules.flatMap((rule) => of.get(rule) ?? []);
  return { ...settled(inOrder(found).flat()), failures: inOrder(failures) };
}

async function copiesOf(rule: SyncRule, lists: Lists): Promise<Copy[]> {
  const tags = rule.selection.kind === 'listed' ? [] : await lists.of(rule.from);
  return pairsOf(rule, tags).map(({ source, destination }) => ({
    rule: `${rule.source} -> ${rule.destination}`,
    source: rule.from.registry,
    sourceRepository: rule.from.repository,
    sourceTag: source,
    destination: rule.to.registry,
    destinationRepository: rule.to.repository,
    destinationTag: destination,
    named: rule.selection.kind === 'listed',
  }));
}

/**
 * The last line of the file has a destination tag: written in this order one by one, they would end so. Other source tags
 * for it, further up, give way.
 */
function settled(copies: readonly Copy[]): Pick<Plan, 'copies' | 'skipped'> {
  const last = new Map(copies.map((copy) => [destinationOf(copy), copy]));
  const skipped = new Map<string, Plan['skipped'][number]>();
  for (const copy of copies) {
    const [from, to] = [sourceOf(copy), destinationOf(copy)];
    const winner = sourceOf(last.get(to) ?? copy);
    const message = `${winner} goes to ${to} as well, and stands further down`;
    if (winner !== from) skipped.set(`${from} ${to}`, { copy, reason: 'name-collision', message });
  }
  return { copies: [...last.values()], skipped: [...skipped.values()] };
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
        this.#options.onFailed(name, verdict.message);
        await clock.sleep(verdict.at - clock.now(), signal);
        this.#options.onRetry(attempts + 1);
      }
    }
  }

  /** A name with a mistake in it must not look like a repository that has all it should. */
  async #once(place: Place, name: string): Promise<string[]> {
    const tags: string[] = [];
    for await (const tag of this.#options.tags(place, this.#options.signal)) tags.push(tag);
    // Some registries list them in no order at all.
    if (tags.length > 0) return tags.sort(byNumbers);
    throw new RegistryError('not-found', `${name} has no tags; is there such a repository?`);
  }
}

function interrupted({ source, destination }: SyncRule): RuleFailure {
  const message = 'the run was stopped before the tags were listed';
  return { source, destination, reason: 'interrupted', message };
}

function failed({ source, destination }: SyncRule, error: unknown): RuleFailure {
  const failure = failureOf(error);
  const reason = error instanceof PairingError ? 'configuration' : failure.reason;
  return { source, destination, reason, message: failure.message };
}
