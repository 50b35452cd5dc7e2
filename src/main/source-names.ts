import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { SourceArtifacts, SourceNames } from '../doctor/rules/evidence.ts';
import type { Ruleset } from '../rule/match.ts';
import type { ListedArtifact, Listing } from '../task/listing.ts';
import type { Registries } from '../task/registries.ts';
import { type Survey, surveyOf } from '../task/survey.ts';

/** Projects asked at once. */
const width = 8;

/** Milliseconds for all names, and then for all artifacts: what is not told by then, nobody waits for. */
const patience = 3_000;

/** Artifacts that are looked at, of each source, and of each project: it is a glance, and has to be quick. */
const [most, mostOfProject] = [2_000, 500];

export interface SourceListsOptions {
  rules: Ruleset;
  registries: Registries;
  signal: AbortSignal;
  clock: Clock;
}

/** Asks a source for its names as a sweep does, without looking at a tag, for a time that bounds it whatever the source has. */
export class SourceLists {
  readonly #source: string;
  readonly #options: SourceListsOptions;
  #survey: Promise<Survey> | undefined;

  constructor(source: string, options: SourceListsOptions) {
    this.#source = source;
    this.#options = options;
  }

  async names(): Promise<SourceNames> {
    const { names, failure, unnamed } = await this.#ask();
    const whole = failure === undefined ? [] : [`${this.#source}: ${failure.message}`];
    const alike = Map.groupBy(unnamed, ([, { message }]) => message);
    const parts = [...alike].map(([message, its]) => `${this.#placesOf(its)}: ${message}`);
    const read = [...names].filter((name) => this.#options.rules.mapped(this.#source, name).length > 0);
    return { names: read.toSorted(), failures: [...whole, ...parts] };
  }

  /** None where there is no such list. Throws `RegistryError`. */
  async artifacts(): Promise<SourceArtifacts | undefined> {
    const { registries, rules } = this.#options;
    const listing = registries.listing(this.#source);
    if (listing === undefined) return undefined;
    const { projects, failure } = await this.#ask();
    if (failure !== undefined) throw failure;
    const reached = projects.filter(({ name, proxyCache }) => !proxyCache && rules.reads(this.#source, name));
    const names = reached.map(({ name }) => name);
    return this.#inTime((late) => this.#glance(names, listing, late));
  }

  async #glance(
    projects: readonly string[],
    listing: Pick<Listing, 'artifacts'>,
    late: AbortSignal,
  ): Promise<SourceArtifacts> {
    const artifacts: ListedArtifact[] = [];
    let more = false;
    try {
      for (const name of projects) {
        const signal = AbortSignal.any([this.#options.signal, late]);
        let here = 0;
        for await (const page of listing.artifacts(name, 0, signal)) {
          artifacts.push(...page.artifacts);
          here += page.artifacts.length;
          if (here < mostOfProject && artifacts.length < most) continue;
          more = true;
          break;
        }
        if (artifacts.length >= most) break;
      }
    } catch (error) {
      if (!late.aborted || artifacts.length === 0) throw error;
      more = true;
    }
    return { artifacts, more };
  }

  #ask(): Promise<Survey> {
    const { rules, registries, signal } = this.#options;
    const here = rules.sources().filter((one) => one.source === this.#source);
    return (this.#survey ??= this.#inTime((late) =>
      surveyOf(this.#source, here, { registries, rules, width, signal, late }),
    ));
  }

  async #inTime<T>(look: (late: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const late = new RegistryError(
      'timeout',
      `not listed in ${patience / 1000} s, which is all that is waited for`,
    );
    const timer = this.#options.clock.after(patience, () => stop.abort(late));
    try {
      return await look(stop.signal);
    } finally {
      timer.cancel();
    }
  }

  /** The first ones by name. */
  #placesOf(unnamed: readonly (readonly [project: string, why: unknown])[]): string {
    const shown = unnamed.slice(0, 5).map(([project]) => `${this.#source}/${project}`);
    const more = unnamed.length - shown.length;
    return shown.join(', ') + (more > 0 ? ` and ${more} more projects` : '');
  }
}
