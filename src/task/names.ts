import { setImmediate } from 'node:timers/promises';
import { within } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { firstPart } from '../oci/reference.ts';
import type { Collision, Mapping, MappedName, NameFindings } from '../rule/mapping.ts';
import {
  collisionWords,
  contestedWords,
  invalidWords,
  NameJudge,
  placeOf,
  takenWords,
} from '../rule/mapping.ts';
import type { RuleSource } from '../rule/match.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { provenOwner } from './ownership.ts';
import { parallel } from './parallel.ts';
import type { Owner, Sweep } from './store.ts';
import { type Survey, surveyOf, type SurveyOptions, type SurveyRules } from './survey.ts';

/** What is remembered of names; as in `store.ts`, each method is one transaction and throws `StorageError`. */
export interface NameStore {
  /** Repositories of the source that were known when they were last remembered, or have been named since. */
  names(source: string): string[];
  /** Where the rules put repositories, each with all of its places: those where they were put before are forgotten. */
  remember(mappings: readonly Mapping[]): void;
  /** Repositories that the source has no more. */
  forget(source: string, names: readonly string[]): void;
  /** Whose a destination repository is: of the first that something was copied of, or that was found there. */
  owner(destination: string, destinationRepository: string): Owner | undefined;
  own(mapping: Omit<Mapping, 'rule'>): void;
}

/** What is needed of the rules. */
export interface NameRules extends SurveyRules {
  match(repository: string, tag: string): (Wanted | Refused)[];
  sources(rule?: string): readonly RuleSource[];
  /** Where the rules put that repository of that source. */
  mapped(source: string, repository: string): MappedName[];
  owns(source: string, sourceRepository: string, destination: string, destinationRepository: string): boolean;
}

export interface KnownNamesOptions extends SurveyOptions {
  rules: NameRules;
  store: NameStore;
  sweep: Sweep;
  clock: Clock;
  /** Told of what is wrong, each time that more is known. */
  onFindings?: ((findings: NameFindings) => void) | undefined;
}

/** Destination repositories without an owner of which a sweep looks for one. */
const looksForOwners = 20;

/** Lines kept with a sweep; all are counted. */
const kept = 20;

/** Names between two pauses. */
const pieceSize = 1_000;

/** How long sources wait for the names of others (ms): one that does not answer keeps nobody. */
const patience = 10_000;

interface Contested {
  collision: Collision;
  owner: Owner | undefined;
}

/**
 * The names of all repositories that the rules can match, and what is wrong with them as a whole: known before anything is
 * compared. Of a source that gives no list, what is remembered counts, and what the rules spell out.
 */
export class KnownNames {
  readonly #options: KnownNamesOptions;
  readonly #surveys: ReadonlyMap<string, Promise<Survey>>;
  /** By source. */
  readonly #names = new Map<string, ReadonlySet<string>>();
  /** Where these go, as long as they are judged. */
  readonly #mapped = new Map<string, readonly MappedName[]>();
  /** By destination repository. */
  #contested: ReadonlyMap<string, Contested> = new Map();
  #judged: Promise<void> = Promise.resolve();
  #proven: Promise<void> | undefined;

  /** Begins to ask the sources. */
  constructor(sources: readonly string[], options: KnownNamesOptions) {
    this.#options = options;
    for (const source of new Set(options.rules.sources().map((one) => one.source)))
      this.#names.set(source, new Set(options.store.names(source)));
    this.#surveys = new Map(sources.map((source) => [source, this.#survey(source)]));
  }

  /** What the source has, when its names are judged together with those of all others that answer. */
  async of(source: string): Promise<Survey> {
    const survey = this.#surveys.get(source);
    if (survey === undefined) throw new Error(`the names of ${source} were not asked for`);
    await this.#others(survey);
    this.#proven ??= this.#prove();
    await this.#proven;
    return survey;
  }

  /** Why nothing is copied to where the copy would go: somebody else's place, or one that several want. */
  refusalOf(copy: Wanted | Refused): Refused | undefined {
    const contested = this.#contested.get(placeOf(copy));
    if (contested === undefined || 'reason' in copy) return undefined;
    const { collision, owner } = contested;
    if (owner === undefined) return { ...copy, reason: 'name-collision', message: contestedWords(collision) };
    const { source, sourceRepository } = copy;
    if (owner.source === source && owner.sourceRepository === sourceRepository) return undefined;
    return { ...copy, reason: 'name-collision', message: takenWords(owner, copy) };
  }

  async #survey(source: string): Promise<Survey> {
    const { rules, sweep } = this.#options;
    const here = rules.sources().filter((one) => one.source === source);
    const survey = await surveyOf(source, here, this.#options);
    const remembered = this.#names.get(source) ?? new Set();
    for (const name of remembered)
      if (survey.failure !== undefined || survey.unnamed.has(firstPart(name))) survey.names.add(name);
    this.#names.set(source, survey.names);
    this.#mapped.delete(source);
    if (!sweep.dryRun) await this.#remember(source, remembered);
    await this.#judge();
    return survey;
  }

  /** Only what is new or gone is written. */
  async #remember(source: string, before: ReadonlySet<string>): Promise<void> {
    const { store } = this.#options;
    const now = Map.groupBy(await this.#mappedOf(source), ({ sourceRepository }) => sourceRepository);
    const gone = [...before].filter((name) => !now.has(name));
    for (const names of pieces(gone)) {
      store.forget(source, names);
      await this.#pause();
    }
    for (const mapped of pieces([...now.values()])) {
      store.remember(mapped.flat());
      await this.#pause();
    }
  }

  async #others(own: Promise<Survey>): Promise<void> {
    await own;
    const { clock, signal } = this.#options;
    const done = new AbortController();
    const waiting = clock.sleep(patience, AbortSignal.any([signal, done.signal])).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#surveys.values()), waiting]);
    done.abort();
    signal.throwIfAborted();
  }

  /** What is there tells whose it is, where the database does not know any more. */
  async #prove(): Promise<void> {
    this.#mapped.clear();
    const { clock, signal, width } = this.#options;
    const unowned = [...this.#contested.values()].filter(({ owner }) => owner === undefined);
    const late = new Error('nobody answered in time');
    await within(clock, patience, late, (over) => {
      const either = AbortSignal.any([signal, over]);
      return parallel(unowned.slice(0, looksForOwners), width, (one) => this.#proveOne(one, either));
    });
    signal.throwIfAborted();
  }

  async #proveOne(contested: Contested, signal: AbortSignal): Promise<void> {
    const { store, sweep, rules, registries } = this.#options;
    const { collision } = contested;
    const owner = await provenOwner(collision, { rules, registries, signal });
    if (owner === undefined) return;
    contested.owner = owner;
    const { destination, destinationRepository } = collision;
    const { source, sourceRepository } = owner;
    if (!sweep.dryRun) store.own({ source, sourceRepository, destination, destinationRepository });
  }

  /** In the order of the names. */
  async #mappedOf(source: string): Promise<readonly MappedName[]> {
    const known = this.#mapped.get(source);
    if (known !== undefined) return known;
    const mapped: MappedName[] = [];
    for (const names of pieces([...(this.#names.get(source) ?? [])].toSorted())) {
      for (const name of names) mapped.push(...this.#options.rules.mapped(source, name));
      await this.#pause();
    }
    this.#mapped.set(source, mapped);
    return mapped;
  }

  /** Others have their turn: a source may have a hundred thousand names. */
  async #pause(): Promise<void> {
    await setImmediate();
    this.#options.signal.throwIfAborted();
  }

  async #findings(): Promise<NameFindings> {
    const judge = new NameJudge();
    for (const source of this.#names.keys())
      for (const mapped of pieces(await this.#mappedOf(source))) {
        for (const one of mapped) judge.add(one);
        await this.#pause();
      }
    return judge.findings();
  }

  /** One after the other: the last one knows most. */
  #judge(): Promise<void> {
    const next = this.#judged.then(() => this.#judgeNow());
    this.#judged = next.catch(() => undefined);
    return next;
  }

  async #judgeNow(): Promise<void> {
    const { store, rules, sweep, onFindings } = this.#options;
    const findings = await this.#findings();
    const ownerOf = ({ destination, destinationRepository }: Collision): Owner | undefined => {
      const owner = store.owner(destination, destinationRepository);
      if (owner === undefined) return undefined;
      const { source, sourceRepository } = owner;
      return rules.owns(source, sourceRepository, destination, destinationRepository) ? owner : undefined;
    };
    this.#contested = new Map(
      findings.collisions.map((collision) => [placeOf(collision), { collision, owner: ownerOf(collision) }]),
    );
    const told = ofRule(findings, sweep.rule);
    sweep.invalidNames = told.invalid.length;
    sweep.collisions = told.collisions.length;
    sweep.nameErrors = linesOf(told, kept);
    onFindings?.(told);
  }
}

/** What is wrong, one line each, at most so many of both together. */
function linesOf({ collisions, invalid }: NameFindings, most: number): string[] {
  const lines = collisions.slice(0, most).map(collisionWords);
  return [...lines, ...invalid.slice(0, most - lines.length).map(invalidWords)];
}

/** Small enough for one turn of the event loop. */
function* pieces<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += pieceSize) yield items.slice(at, at + pieceSize);
}

/** Where only one rule is looked at: what it has a part in. */
function ofRule({ invalid, collisions }: NameFindings, rule: string | undefined): NameFindings {
  if (rule === undefined) return { invalid, collisions };
  return {
    invalid: invalid.filter((one) => one.rule === rule),
    collisions: collisions.filter(({ meeting }) => meeting.some((one) => one.rule === rule)),
  };
}
