import { companionOf } from '../oci/companion.ts';
import { type CompiledRule, compileRules, declaresImmutable } from './compile.ts';
import { explainRule, type RuleExplanation } from './explain.ts';
import { collisionWords, findingsOf, type MappedName } from './mapping.ts';
import { Memo } from './memo.ts';
import { repositoryProblem, tagProblem } from './name.ts';
import type { Refused, Rule, Wanted } from './rule.ts';
import { RuleIndex } from './rule-index.ts';
import { mayConcern, type Ruling, rulingOf } from './ruling.ts';

/** Where a sweep has to look for a rule. */
export interface RuleSource {
  rule: string;
  source: string;
  destination: string;
  /** Repositories that the rule spells out. */
  repositories: readonly string[];
  /** Whether other repositories may match too, so that the registry's list is needed. */
  needsList: boolean;
}

/** A rule that matches a repository, with the name it has at the destination. */
interface Target {
  rule: CompiledRule;
  repository: string;
  problem: string | undefined;
}

/** Repositories whose rules are remembered: about 10 MB at most. */
const remembered = 10_000;

/** All rules, compiled once. Throws `PatternError` and `TemplateError` when one cannot be. */
export class Ruleset {
  readonly #rules: readonly CompiledRule[];
  readonly #index: RuleIndex;
  readonly #targets = new Memo(remembered, (repository) => this.#findTargets(repository));

  constructor(rules: readonly Rule[]) {
    this.#rules = compileRules(rules);
    this.#index = new RuleIndex(this.#rules);
  }

  /**
   * The copies that the rules want of a tag; a destination that several rules name is there once. A cosign
   * tag such as `sha256-….sig` goes with its image: `of` are the tags of the digest that it belongs to, and
   * it keeps its own name, by which alone it is found at the destination. `only`: of the rule of that name.
   */
  match(repository: string, tag: string, of: readonly string[] = [], only?: string): (Wanted | Refused)[] {
    const companion = companionOf(tag) !== undefined;
    const names = companion ? [tag, ...of] : [tag];
    const found = new Map<string, Wanted | Refused>();
    for (const target of this.#targets.get(repository)) {
      if (only !== undefined && target.rule.name !== only) continue;
      if (!names.some((name) => target.rule.tags.matches(name))) continue;
      const destinationTag = companion ? tag : target.rule.tag(repository, tag);
      const key = `${target.rule.source} ${target.rule.destination} ${target.repository} ${destinationTag}`;
      if (!found.has(key)) found.set(key, toWanted(target, repository, tag, destinationTag));
    }
    return [...found.values()];
  }

  /** Whether a rule that wants this very copy declares that its source tag never moves: one that does is enough. */
  isImmutable({ sourceRepository, sourceTag, ...ends }: Omit<Wanted, 'rule'>): boolean {
    return this.#targets
      .get(sourceRepository)
      .some(
        ({ rule, repository }) =>
          rule.source === ends.source &&
          rule.destination === ends.destination &&
          repository === ends.destinationRepository &&
          declaresImmutable(rule, sourceTag) &&
          rule.tag(sourceRepository, sourceTag) === ends.destinationTag,
      );
  }

  /** Whether any rule declares any tag immutable. */
  get hasImmutable(): boolean {
    return this.#rules.some(({ immutable }) => immutable.written.length > 0);
  }

  /** Whether a rule puts that source repository into that destination repository. */
  owns(
    source: string,
    sourceRepository: string,
    destination: string,
    destinationRepository: string,
  ): boolean {
    return this.#targets
      .get(sourceRepository)
      .some(
        ({ rule, repository }) =>
          rule.source === source && rule.destination === destination && repository === destinationRepository,
      );
  }

  /** Where to look for what the rules want: of all rules, or the one of that name. */
  sources(name?: string): RuleSource[] {
    return this.#rules
      .filter((rule) => name === undefined || rule.name === name)
      .map((rule) => ({
        rule: rule.name,
        source: rule.source,
        destination: rule.destination,
        repositories: rule.repositories.literals,
        needsList: !rule.repositories.onlyLiterals,
      }));
  }

  /** Whether any rule of that source may match a repository of the project. */
  reads(source: string, project: string): boolean {
    return this.#rules.some((rule) => rule.source === source && rule.repositories.mayReach(project));
  }

  /** Whether the rule may match a repository of the project that it does not spell out. */
  reaches(name: string, project: string): boolean {
    return this.#index.candidates(`${project}/`).some((rule) => rule.name === name);
  }

  matchesRepository(name: string, repository: string): boolean {
    return this.#targets.get(repository).some(({ rule }) => rule.name === name);
  }

  /** How each rule decides, and by which pattern. */
  explain(repository: string, tags: readonly string[]): RuleExplanation[] {
    return this.#rules.map((rule) => explainRule(rule, repository, tags));
  }

  /** How each rule that could concern the repository decides about one of its tags; `of` as in `match`. */
  rulings(repository: string, tag: string, of: readonly string[] = []): Ruling[] {
    return this.#rules
      .filter((rule) => mayConcern(rule, repository))
      .map((rule) => rulingOf(rule, { repository, tag, of }));
  }

  /** Where the rules put that repository of that source. Nothing is remembered of it: sources have many names. */
  mapped(source: string, sourceRepository: string): MappedName[] {
    return this.#findTargets(sourceRepository)
      .filter(({ rule }) => rule.source === source)
      .map(({ rule: { name: rule, destination }, repository, problem }) => ({
        rule,
        source,
        sourceRepository,
        destination,
        destinationRepository: repository,
        problem,
      }));
  }

  /** Source repositories, spelled out in rules, that would meet in one destination repository: one line each. */
  collisions(): string[] {
    const spelledOut = [...new Set(this.#rules.flatMap((rule) => rule.repositories.literals))];
    const sources = [...new Set(this.#rules.map(({ source }) => source))];
    const mapped = spelledOut.flatMap((name) => sources.flatMap((source) => this.mapped(source, name)));
    return findingsOf(mapped).collisions.map(collisionWords);
  }

  #findTargets(sourceRepository: string): Target[] {
    return this.#index
      .candidates(sourceRepository)
      .filter((rule) => rule.repositories.matches(sourceRepository))
      .map((rule) => {
        const repository = rule.repository(sourceRepository, '');
        return { rule, repository, problem: repositoryProblem(rule.destinationType, repository) };
      });
  }
}

function toWanted(
  { rule, repository, problem }: Target,
  sourceRepository: string,
  sourceTag: string,
  destinationTag: string,
): Wanted | Refused {
  const wanted = {
    rule: rule.name,
    source: rule.source,
    sourceRepository,
    sourceTag,
    destination: rule.destination,
    destinationRepository: repository,
    destinationTag,
  };
  if (problem !== undefined) return refuse(wanted, 'repository', repository, problem);
  const problemOfTag = tagProblem(destinationTag);
  return problemOfTag === undefined ? wanted : refuse(wanted, 'tag', destinationTag, problemOfTag);
}

function refuse(wanted: Wanted, what: 'repository' | 'tag', name: string, problem: string): Refused {
  const message = `${wanted.destination} cannot have the ${what} ${JSON.stringify(name)}: ${problem}; change \`${what}\` of rule ${wanted.rule}`;
  return { ...wanted, reason: 'name-invalid', message };
}
