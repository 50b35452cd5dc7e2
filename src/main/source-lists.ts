import { firstPart } from '../oci/reference.ts';
import { onceFor } from '../doctor/check.ts';
import type { SourceArtifacts, SourceNames } from '../doctor/rules/evidence.ts';
import type { Ruleset } from '../rule/match.ts';
import type { Registries } from '../task/registries.ts';
import type { ListedArtifact, Listing } from '../task/listing.ts';
import { type Survey, surveyOf } from '../task/survey.ts';

/** Projects asked at once. */
const width = 8;

/** Artifacts that are looked at, of each source, and of each project: it is a glance, and has to be quick. */
const [most, mostOfProject] = [2_000, 500];

/** What sources have, without a look at a tag. Each is asked for its names once, as a sweep asks. */
export class SourceLists {
  readonly #rules: Ruleset;
  readonly #registries: Registries;
  readonly #signal: AbortSignal;
  readonly #survey: (source: string) => Promise<Survey>;

  constructor(rules: Ruleset, registries: Registries, signal: AbortSignal) {
    this.#rules = rules;
    this.#registries = registries;
    this.#signal = signal;
    this.#survey = onceFor((source) => {
      const here = rules.sources().filter((one) => one.source === source);
      return surveyOf(source, here, { registries, rules, width, signal });
    });
  }

  async names(source: string): Promise<SourceNames> {
    const { names, failure, unnamed } = await this.#survey(source);
    const whole = failure === undefined ? [] : [`${source}: ${failure.message}`];
    const parts = [...unnamed].map(([project, { message }]) => `${source}/${project}: ${message}`);
    const read = [...names].filter((name) => this.#rules.mapped(source, name).length > 0);
    return { names: read.toSorted(), failures: [...whole, ...parts] };
  }

  /** None where there is no such list. Throws `RegistryError`. */
  async artifacts(source: string): Promise<SourceArtifacts | undefined> {
    const listing = this.#registries.listing(source);
    if (listing === undefined) return undefined;
    const artifacts: ListedArtifact[] = [];
    let more = false;
    for (const project of this.#projectsIn(source, await this.#survey(source))) {
      const first = await firstOf(listing, project, this.#signal);
      artifacts.push(...first.artifacts);
      more ||= first.more;
      if (artifacts.length >= most) return { artifacts, more: true };
    }
    return { artifacts, more };
  }

  /** Where projects were not listed, those of the repositories that are known. */
  #projectsIn(source: string, { projects, names, failure }: Survey): string[] {
    if (failure !== undefined) throw failure;
    if (projects.length === 0) return [...new Set([...names].map(firstPart))];
    return projects
      .filter(({ name, proxyCache }) => !proxyCache && this.#rules.reads(source, name))
      .map(({ name }) => name);
  }
}

async function firstOf(listing: Listing, project: string, signal: AbortSignal): Promise<SourceArtifacts> {
  const artifacts: ListedArtifact[] = [];
  for await (const page of listing.artifacts(project, 0, signal)) {
    artifacts.push(...page.artifacts);
    if (artifacts.length >= mostOfProject) return { artifacts, more: true };
  }
  return { artifacts, more: false };
}
