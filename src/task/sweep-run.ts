import { RegistryError } from '../copy/error.ts';
import { digestOf } from '../oci/digest.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { audit } from './audit.ts';
import { type ComparisonOptions, RepositoryComparison } from './comparison.ts';
import { DestinationTags } from './destination-tags.ts';
import { isAllowed, isRefusal, projectOf } from './listed.ts';
import { planOf, type PlanOptions, repositoriesOf } from './plan.ts';
import { ProjectComparison } from './project-comparison.ts';
import type { Part, Sweep } from './store.ts';
import type { SweepOptions } from './sweep.ts';
import { Tally } from './tally.ts';

/**
 * One sweep from where it is to its end. Its work is cut into parts, which are written down before they are begun; behind
 * each page tasks are made first, then how far it is: what a crash interrupts is looked at again, and changes nothing.
 * Sources go on side by side, so that one that is slow or away does not keep the others.
 */
export class SweepRun {
  readonly #sweep: Sweep;
  readonly #options: SweepOptions;
  readonly #signal: AbortSignal;
  readonly #rules: ReturnType<SweepOptions['rules']['sources']>;
  readonly #tally: Tally;
  readonly #there: DestinationTags;
  readonly #caches = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(sweep: Sweep, options: SweepOptions, signal: AbortSignal) {
    this.#sweep = sweep;
    this.#options = options;
    this.#signal = signal;
    this.#rules = options.rules.sources(sweep.rule);
    const { registries, records, submit, clock } = options;
    const now = (): number => clock.now();
    this.#tally = new Tally({ sweep, submit, now });
    this.#there = new DestinationTags({
      registries,
      records,
      isWanted: (record) =>
        this.#match(record.sourceRepository, record.sourceTag).some(
          (copy) =>
            copy.destination === record.destination &&
            copy.destinationRepository === record.destinationRepository &&
            copy.destinationTag === record.destinationTag,
        ),
      now,
      signal,
    });
  }

  /** Throws `StorageError`, mistakes of this program, and the signal's reason: then it can go on from there. */
  async run(): Promise<void> {
    const { store } = this.#options;
    if (!store.isPlanned(this.#sweep.id)) await this.#plan();
    const sources = store.sources(this.#sweep.id).map((source) => this.#all(source));
    const [failed] = (await Promise.allSettled(sources)).filter((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #plan(): Promise<void> {
    const { store, registries, records, clock, auditShare: share, catchUp } = this.#options;
    const [signal, tally, now] = [this.#signal, this.#tally, () => clock.now()];
    for (const destination of new Set(this.#rules.map((one) => one.destination)))
      await audit(destination, { registries, records, tally, share, now, signal });
    const parts: Part[] = [];
    for (const [source, here] of Map.groupBy(this.#rules, (one) => one.source)) {
      if (!this.#sweep.dryRun) await catchUp(source, tally, signal);
      parts.push(...(await planOf(source, here, this.#planOptions())));
    }
    store.plan(this.#sweep, parts);
  }

  #planOptions(): PlanOptions {
    const { registries, rules, store } = this.#options;
    const failed = (line: string): void => this.#tally.failed(line);
    return { registries, rules, known: () => store.repositories(), failed, signal: this.#signal };
  }

  async #all(source: string): Promise<void> {
    const { store } = this.#options;
    const next = (): Part | undefined => store.next(this.#sweep.id, source);
    for (let part = next(); part !== undefined; part = next()) {
      this.#signal.throwIfAborted();
      await this.#part(part);
    }
  }

  /** What cannot be compared is counted and named, and does not stop the rest. */
  async #part(part: Part): Promise<void> {
    let more: Part[] = [];
    try {
      if (part.kind === 'project') more = await this.#project(part);
      else await this.#repository(part);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      this.#tally.failed(`${part.source}/${part.name}: ${error.message}`);
    }
    await this.#save(part, 'done', more);
  }

  /** Where the project cannot be listed as a whole: its repositories, instead of it. */
  async #project(part: Part): Promise<Part[]> {
    const listing = this.#options.registries.listing(part.source);
    try {
      if (listing !== undefined)
        await this.#pages(part, this.#comparison(part.source).run(listing, part.name, part.position));
      return [];
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    const names = await repositoriesOf(part.source, part.name, this.#planOptions());
    return this.#parts(
      part.source,
      'repository',
      names.filter((name) => this.#isWanted(part.source, name)),
    );
  }

  async #pages(part: Part, pages: ReturnType<ProjectComparison['run']>): Promise<void> {
    for await (const { lastId, rest } of pages)
      await this.#save(part, lastId, this.#parts(part.source, 'rest', rest));
  }

  async #repository({ source, kind, name }: Part): Promise<void> {
    const cached = (await this.#cachesOf(source)).has(projectOf(name));
    const comparison = new RepositoryComparison(this.#common(), source, name);
    await comparison.run(kind === 'rest' ? 'rest' : 'all', () => (cached ? 'proxy-cache' : 'unknown'));
  }

  async #save(part: Part, position: number | 'done', more: readonly Part[]): Promise<void> {
    await this.#tally.submit();
    if (!this.#sweep.dryRun) this.#there.remember();
    this.#options.store.progress(this.#sweep, part, position, more);
  }

  #comparison(source: string): ProjectComparison {
    const isWanted = (name: string): boolean => this.#isWanted(source, name);
    const { announced } = this.#options;
    return new ProjectComparison(
      { ...this.#common(), isWanted, isDue: (name) => this.#isDue(name), announced },
      source,
    );
  }

  #common(): ComparisonOptions {
    const match: ComparisonOptions['match'] = (...tag) => this.#match(...tag);
    const { registries } = this.#options;
    return { registries, match, there: this.#there, tally: this.#tally, signal: this.#signal };
  }

  #match(repository: string, tag: string, of?: readonly string[]): (Wanted | Refused)[] {
    const { rule } = this.#sweep;
    return this.#options.rules
      .match(repository, tag, of)
      .filter((copy) => rule === undefined || copy.rule === rule);
  }

  #isWanted(source: string, repository: string): boolean {
    const { rules } = this.#options;
    return this.#rules.some((one) => one.source === source && rules.matchesRepository(one.rule, repository));
  }

  /** After 1/share sweeps every repository has had its turn, and none of them two. */
  #isDue(repository: string): boolean {
    const { auditShare: share } = this.#options;
    if (share === 0) return false;
    const turns = Math.ceil(1 / share);
    const [, hex = '0'] = digestOf(Buffer.from(repository)).split(':');
    return Number.parseInt(hex.slice(0, 8), 16) % turns === this.#sweep.id % turns;
  }

  #parts(source: string, kind: Part['kind'], names: Iterable<string>): Part[] {
    return [...names].map((name) => ({ source, kind, name, position: 0 }));
  }

  /** Projects that are proxy caches: their tags come only by rules that spell them out. */
  #cachesOf(source: string): Promise<ReadonlySet<string>> {
    const found = this.#caches.get(source) ?? this.#listCaches(source);
    this.#caches.set(source, found);
    return found;
  }

  async #listCaches(source: string): Promise<ReadonlySet<string>> {
    const caches = new Set<string>();
    const listing = this.#options.registries.listing(source);
    const add = async (): Promise<void> => {
      for (const { name, proxyCache } of (await listing?.projects(this.#signal)) ?? [])
        if (proxyCache) caches.add(name);
    };
    await isAllowed(add());
    return caches;
  }
}
