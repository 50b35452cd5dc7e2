import { within } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { firstPart } from '../oci/reference.ts';
import { onceFor } from '../doctor/check.ts';
import type { SourceArtifacts, SourceNames } from '../doctor/rules/evidence.ts';
import type { Ruleset } from '../rule/match.ts';
import type { Registries } from '../task/registries.ts';
import type { ListedArtifact, Listing } from '../task/listing.ts';
import { type Survey, surveyOf } from '../task/survey.ts';

/** Projects asked at once. */
const width = 8;

/** Milliseconds for all names of a source, and then for all its artifacts: what is not told by then, nobody waits for. */
const patience = 3_000;

/** Artifacts that are looked at, of each source, and of each project: it is a glance, and has to be quick. */
const [most, mostOfProject] = [2_000, 500];

/** Projects that are named where many fail alike. */
const mostNamed = 5;

export interface SourceListsOptions {
  rules: Ruleset;
  registries: Registries;
  signal: AbortSignal;
  clock: Clock;
}

/** What sources have, without a look at a tag. Each is asked for its names once, as a sweep asks, for a time that bounds it. */
export class SourceLists {
  readonly #options: SourceListsOptions;
  readonly #survey: (source: string) => Promise<Survey>;

  constructor(options: SourceListsOptions) {
    this.#options = options;
    const { rules, registries, signal } = options;
    this.#survey = onceFor((source) => {
      const here = rules.sources().filter((one) => one.source === source);
      return this.#inTime((late) => surveyOf(source, here, { registries, rules, width, signal, late }));
    });
  }

  async names(source: string): Promise<SourceNames> {
    const { names, failure, unnamed } = await this.#survey(source);
    const whole = failure === undefined ? [] : [`${source}: ${failure.message}`];
    const alike = Map.groupBy(unnamed, ([, { message }]) => message);
    const parts = [...alike].map(([message, its]) => `${placesOf(source, its)}: ${message}`);
    const read = [...names].filter((name) => this.#options.rules.mapped(source, name).length > 0);
    return { names: read.toSorted(), failures: [...whole, ...parts] };
  }

  /** None where there is no such list. Throws `RegistryError`. */
  async artifacts(source: string): Promise<SourceArtifacts | undefined> {
    const listing = this.#options.registries.listing(source);
    if (listing === undefined) return undefined;
    const projects = this.#projectsIn(source, await this.#survey(source));
    return this.#inTime((late) => this.#glance(listing, projects, late));
  }

  async #glance(listing: Listing, projects: readonly string[], late: AbortSignal): Promise<SourceArtifacts> {
    const signal = AbortSignal.any([this.#options.signal, late]);
    const artifacts: ListedArtifact[] = [];
    let more = false;
    try {
      for (const project of projects) {
        more = (await addFirst(artifacts, listing, project, signal)) || more;
        if (artifacts.length >= most) return { artifacts, more: true };
      }
    } catch (error) {
      // What came in time is worth a word.
      if (!late.aborted || artifacts.length === 0) throw error;
      more = true;
    }
    return { artifacts, more };
  }

  /** Where projects were not listed, those of the repositories that are known. */
  #projectsIn(source: string, { projects, names, failure }: Survey): string[] {
    if (failure !== undefined) throw failure;
    if (projects.length === 0) return [...new Set([...names].map(firstPart))];
    return projects
      .filter(({ name, proxyCache }) => !proxyCache && this.#options.rules.reads(source, name))
      .map(({ name }) => name);
  }

  #inTime<T>(look: (late: AbortSignal) => Promise<T>): Promise<T> {
    const words = `not listed in ${patience / 1000} s, which is all that is waited for`;
    return within(this.#options.clock, patience, new RegistryError('timeout', words), look);
  }
}

/** Adds the first artifacts of a project; whether it has, or may have, more. */
async function addFirst(
  artifacts: ListedArtifact[],
  listing: Listing,
  project: string,
  signal: AbortSignal,
): Promise<boolean> {
  let here = 0;
  for await (const page of listing.artifacts(project, 0, signal)) {
    artifacts.push(...page.artifacts);
    here += page.artifacts.length;
    if (here >= mostOfProject) return true;
  }
  return false;
}

function placesOf(source: string, unnamed: readonly (readonly [project: string, why: unknown])[]): string {
  const shown = unnamed.slice(0, mostNamed).map(([project]) => `${source}/${project}`);
  const more = unnamed.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more projects` : '');
}
