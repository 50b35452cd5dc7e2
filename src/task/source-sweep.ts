import { setImmediate } from 'node:timers/promises';
import { RegistryError } from '../copy/error.ts';
import { digestOf } from '../oci/digest.ts';
import { firstPart } from '../oci/reference.ts';
import type { RuleSource } from '../rule/match.ts';
import { type ComparisonOptions, RepositoryComparison } from './comparison.ts';
import { isRefusal } from './listed.ts';
import { planOf, type PlanOptions, repositoriesOf } from './plan.ts';
import { ProjectComparison } from './project-comparison.ts';
import type { Part, Sweep } from './store.ts';
import type { Survey } from './survey.ts';
import type { SweepOptions } from './sweep.ts';
import type { Cause } from './task.ts';

/** Parts written down at once. */
const pieceSize = 1_000;

export interface SourceSweepOptions extends ComparisonOptions {
  sweep: Sweep;
  /** How many sweeps of everything have been completed before. */
  turn: number;
  /** The rules of the sweep that read this source. */
  here: readonly RuleSource[];
  /** What the source has, when it is known how all names get on with each other. */
  survey(): Promise<Survey>;
  /** Whether one of them matches the repository. */
  isWanted(repository: string): boolean;
}

/**
 * What a sweep has to do in one source, part by part. Behind each page its tasks are made first, then how far it is is
 * written down: what a crash interrupts is looked at again, and changes nothing.
 */
export class SourceSweep {
  readonly #source: string;
  readonly #options: SourceSweepOptions;
  readonly #shared: SweepOptions;
  #caches: Promise<ReadonlySet<string>> | undefined;

  constructor(source: string, options: SourceSweepOptions, shared: SweepOptions) {
    this.#source = source;
    this.#options = options;
    this.#shared = shared;
  }

  async run(): Promise<void> {
    const { sweep, signal } = this.#options;
    const survey = await this.#options.survey();
    const next = (): Part | undefined => this.#shared.store.next(sweep.id, this.#source);
    for (let part = next(); part !== undefined; part = next()) {
      signal.throwIfAborted();
      await this.#part(part, survey);
    }
  }

  /** What cannot be compared is counted and named, and does not stop the rest. */
  async #part(part: Part, survey: Survey): Promise<void> {
    const { signal, tally } = this.#options;
    let more: Part[] = [];
    try {
      if (part.kind === 'plan') more = await this.#plan(survey);
      else if (part.kind === 'project') more = await this.#project(part);
      else await this.#repository(part);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      tally.failed(`${part.source}/${part.name}: ${error.message}`);
    }
    await this.#saveAll(part, more);
  }

  /** In pieces: a hundred thousand in one commit would keep everybody. Until the last one its part is done anew. */
  async #saveAll(part: Part, more: readonly Part[]): Promise<void> {
    let at = 0;
    for (; at + pieceSize < more.length; at += pieceSize) {
      await this.#save(part, part.position, more.slice(at, at + pieceSize));
      await setImmediate();
      this.#options.signal.throwIfAborted();
    }
    await this.#save(part, 'done', more.slice(at));
  }

  async #plan(survey: Survey): Promise<Part[]> {
    const { sweep, tally, signal, here } = this.#options;
    if (!sweep.dryRun) await this.#shared.catchUp(this.#source, tally, signal);
    for (const [project, { message }] of survey.unnamed)
      tally.note(
        `${this.#source}/${project}: names that meet are seen only as they are compared: ${message}`,
      );
    return planOf(this.#source, here, survey, this.#planOptions());
  }

  #planOptions(): PlanOptions {
    const { registries, tally, signal } = this.#options;
    const { rules, store } = this.#shared;
    const failed = (line: string): void => tally.failed(line);
    return { registries, rules, known: () => store.repositories(), failed, signal };
  }

  /** Where the project cannot be listed as a whole: its repositories, instead of it. */
  async #project(part: Part): Promise<Part[]> {
    try {
      await this.#pages(part);
      return [];
    } catch (error) {
      if (!isRefusal(error) && !isOdd(error)) throw error;
      // One odd row in it must not hide all others.
      if (isOdd(error)) this.#options.tally.note(`${this.#source}/${part.name}: ${error.message}`);
    }
    const names = await repositoriesOf(this.#source, part.name, this.#planOptions());
    return this.#parts('repository', names.filter(this.#options.isWanted));
  }

  async #pages(part: Part): Promise<void> {
    const listing = this.#options.registries.listing(this.#source);
    if (listing === undefined) return;
    const { announced } = this.#shared;
    const isDue = (name: string): boolean => this.#isDue(name);
    const comparison = new ProjectComparison({ ...this.#options, isDue, announced }, this.#source);
    for await (const { lastId, rest } of comparison.run(listing, part.name, part.position))
      await this.#save(part, lastId, this.#parts('rest', rest));
  }

  async #repository({ kind, name }: Part): Promise<void> {
    const comparison = new RepositoryComparison(this.#options, this.#source, name);
    await comparison.run(kind === 'rest' ? 'rest' : 'all', () => this.#causeIn(firstPart(name)));
  }

  async #save(part: Part, position: number | 'done', more: readonly Part[]): Promise<void> {
    const { sweep, tally, there } = this.#options;
    await tally.submit();
    there.remember();
    this.#shared.store.progress(sweep, part, position, more);
  }

  /** After 1/share sweeps every repository has had its turn, and none of them two. */
  #isDue(repository: string): boolean {
    const { auditShare: share } = this.#shared;
    if (share === 0) return false;
    const turns = Math.ceil(1 / share);
    const [, hex = '0'] = digestOf(Buffer.from(repository)).split(':');
    return Number.parseInt(hex.slice(0, 8), 16) % turns === this.#options.turn % turns;
  }

  #parts(kind: Part['kind'], names: Iterable<string>): Part[] {
    return [...names].map((name) => ({ source: this.#source, kind, name, position: 0 }));
  }

  /** Tags of a proxy cache come only by rules that spell their repository out. */
  async #causeIn(project: string): Promise<Cause> {
    this.#caches ??= this.#listCaches();
    return (await this.#caches).has(project) ? 'proxy-cache' : 'unknown';
  }

  async #listCaches(): Promise<ReadonlySet<string>> {
    const { registries, signal } = this.#options;
    try {
      const projects = (await registries.listing(this.#source)?.projects(signal)) ?? [];
      return new Set(projects.filter(({ proxyCache }) => proxyCache).map(({ name }) => name));
    } catch (error) {
      // It is asked for the sake of a cause only.
      if (error instanceof RegistryError) return new Set();
      throw error;
    }
  }
}

function isOdd(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.fault === 'protocol';
}
