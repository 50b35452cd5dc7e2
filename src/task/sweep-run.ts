import type { RuleSource } from '../rule/match.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { audit } from './audit.ts';
import type { ComparisonOptions } from './comparison.ts';
import { DestinationTags } from './destination-tags.ts';
import { KnownNames } from './names.ts';
import type { RecordStore, TagRecord } from './record.ts';
import { SourceSweep } from './source-sweep.ts';
import type { Part, Sweep } from './store.ts';
import type { SweepOptions } from './sweep.ts';
import { Tally } from './tally.ts';

/** Requests that a sweep has under way in a source, unless it is told otherwise. */
const fewRequests = 4;

/** Sweeps of everything are counted as positions are kept. */
const turnOf = ['', 'turn'] as const;

/**
 * One sweep from where it is to its end. Its work is cut into parts, which are written down before they are begun.
 * Sources go on side by side, so that one that is slow or away does not keep the others.
 */
export class SweepRun {
  readonly #sweep: Sweep;
  readonly #options: SweepOptions;
  readonly #signal: AbortSignal;
  /** Those of the sweep, with their ends. */
  readonly #rules: readonly RuleSource[];

  constructor(sweep: Sweep, options: SweepOptions, signal: AbortSignal) {
    this.#sweep = sweep;
    this.#options = options;
    this.#signal = signal;
    this.#rules = options.rules.sources(sweep.rule);
  }

  /** Throws `StorageError`, mistakes of this program, and the signal's reason: then it can go on from there. */
  async run(): Promise<void> {
    const { store } = this.#options;
    if (!store.isPlanned(this.#sweep.id)) await this.#begin();
    // Since it was planned a source may have left the rules, and the configuration.
    const sources = store
      .sources(this.#sweep.id)
      .filter((name) => this.#rules.some(({ source }) => source === name));
    const names = this.#newNames(sources);
    const runs = sources.map((source) => this.#sourceSweep(source, names).run());
    const [failed] = (await Promise.allSettled(runs)).filter((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.#countTurn();
  }

  #countTurn(): void {
    const { rule, dryRun } = this.#sweep;
    const { positions } = this.#options;
    if (rule === undefined && !dryRun)
      positions.setPosition(...turnOf, (positions.position(...turnOf) ?? 0) + 1);
  }

  /** One destination or source that is away keeps no other: each makes its own plan. */
  async #begin(): Promise<void> {
    const { store, registries, records, rules, clock, auditShare: share } = this.#options;
    const [signal, tally, now] = [this.#signal, this.#newTally(), () => clock.now()];
    const isImmutable = rules.hasImmutable ? rules.isImmutable.bind(rules) : undefined;
    const options = { registries, records, isImmutable, tally, share, now, signal };
    const destinations = new Set(this.#sweep.dryRun ? [] : this.#rules.map((one) => one.destination));
    await Promise.all([...destinations].map((destination) => audit(destination, options)));
    const sources = new Set(this.#rules.map((one) => one.source));
    const parts = [...sources].map((source): Part => ({ source, kind: 'plan', name: '', position: 0 }));
    store.plan(this.#sweep, parts);
  }

  /** A sweep that goes on asks for them again: they are few requests, and may have changed. */
  #newNames(sources: readonly string[]): KnownNames {
    const { names: store, registries, rules, clock, onFindings, width = fewRequests } = this.#options;
    const [sweep, signal] = [this.#sweep, this.#signal];
    return new KnownNames(sources, { store, registries, rules, clock, onFindings, width, sweep, signal });
  }

  /** With a tally of its own: what one source has found is committed before its own position, and not with another's. */
  #sourceSweep(source: string, names: KnownNames): SourceSweep {
    const { registries, records, rules, clock } = this.#options;
    const [signal, now] = [this.#signal, () => clock.now()];
    const { dryRun, rule } = this.#sweep;
    const here = this.#rules.filter((one) => one.source === source);
    const match = (repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[] =>
      rules.match(repository, tag, of, rule).map((copy) => names.refusalOf(copy) ?? copy);
    const isWanted = (record: TagRecord): boolean => this.#isWanted(record);
    const confirm: RecordStore['confirm'] = (seen) => (dryRun ? undefined : records.confirm(seen));
    const known = { find: records.find.bind(records), confirm };
    const isImmutable = (copy: Wanted): boolean => rules.isImmutable(copy);
    const there = new DestinationTags({ registries, records: known, isWanted, isImmutable, now, signal });
    const options = {
      sweep: this.#sweep,
      turn: this.#options.positions.position(...turnOf) ?? 0,
      registries,
      match,
      there,
      tally: this.#newTally(),
      now,
      signal,
      here,
      survey: () => names.of(source),
      width: this.#options.width ?? fewRequests,
      onCompare: this.#options.onCompare,
      onListed: (...listed: Parameters<ComparisonOptions['onListed']>) => this.#forgetGone(...listed),
      isWanted: (repository: string) => here.some((one) => rules.matchesRepository(one.rule, repository)),
    };
    return new SourceSweep(source, options, this.#options);
  }

  #newTally(): Tally {
    const { submit, clock } = this.#options;
    return new Tally({ sweep: this.#sweep, submit, now: () => clock.now() });
  }

  /** A list without any tag is left alone: a registry that has lost its storage says the same. */
  #forgetGone(source: string, repository: string, tags: readonly string[], at: number): void {
    if (this.#sweep.dryRun || tags.length === 0) return;
    const { rules, records } = this.#options;
    for (const { destination, destinationRepository } of rules.mapped(source, repository)) {
      const repositories = { source, sourceRepository: repository, destination, destinationRepository };
      records.distrustGone(repositories, tags, at);
    }
  }

  /** Whether any rule still puts the recorded source tag where it was put. */
  #isWanted(record: TagRecord): boolean {
    return this.#options.rules
      .match(record.sourceRepository, record.sourceTag)
      .some(
        ({ destination, destinationRepository, destinationTag }) =>
          destination === record.destination &&
          destinationRepository === record.destinationRepository &&
          destinationTag === record.destinationTag,
      );
  }
}
