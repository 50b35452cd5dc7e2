import type { SourceArtifacts, SourceNames } from '../doctor/rules/evidence.ts';
import type { Ruleset } from '../rule/match.ts';
import type { ListedArtifact } from '../task/listing.ts';
import type { Registries } from '../task/registries.ts';
import { type Survey, surveyOf } from '../task/survey.ts';

/** Projects asked at once. */
const width = 8;

/** Artifacts that are looked at, of each source, and of each project: it is a glance, and has to be quick. */
const [most, mostOfProject] = [2_000, 500];

/** Asks a source for its names as a sweep does, without looking at a tag. */
export class SourceLists {
  readonly #source: string;
  readonly #rules: Ruleset;
  readonly #registries: Registries;
  readonly #signal: AbortSignal;
  #survey: Promise<Survey> | undefined;

  constructor(source: string, rules: Ruleset, registries: Registries, signal: AbortSignal) {
    this.#source = source;
    this.#rules = rules;
    this.#registries = registries;
    this.#signal = signal;
  }

  async names(): Promise<SourceNames> {
    const { names, failure, unnamed } = await this.#ask();
    const whole = failure === undefined ? [] : [`${this.#source}: ${failure.message}`];
    const parts = [...unnamed].map(([project, { message }]) => `${this.#source}/${project}: ${message}`);
    const read = [...names].filter((name) => this.#rules.mapped(this.#source, name).length > 0);
    return { names: read.toSorted(), failures: [...whole, ...parts] };
  }

  /** None where there is no such list. Throws `RegistryError`. */
  async artifacts(): Promise<SourceArtifacts | undefined> {
    const listing = this.#registries.listing(this.#source);
    if (listing === undefined) return undefined;
    const { projects } = await this.#ask();
    const reached = projects.filter(
      ({ name, proxyCache }) => !proxyCache && this.#rules.reads(this.#source, name),
    );
    const artifacts: ListedArtifact[] = [];
    let more = false;
    for (const { name } of reached) {
      let here = 0;
      for await (const page of listing.artifacts(name, 0, this.#signal)) {
        artifacts.push(...page.artifacts);
        here += page.artifacts.length;
        more = here >= mostOfProject || artifacts.length >= most;
        if (more) break;
      }
      if (artifacts.length >= most) break;
    }
    return { artifacts, more };
  }

  #ask(): Promise<Survey> {
    const here = this.#rules.sources().filter((one) => one.source === this.#source);
    const [registries, rules, signal] = [this.#registries, this.#rules, this.#signal];
    return (this.#survey ??= surveyOf(this.#source, here, { registries, rules, width, signal }));
  }
}
