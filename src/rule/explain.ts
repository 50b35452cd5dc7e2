import { companionOf } from '../oci/companion.ts';
import { type CompiledRule, declaresImmutable } from './compile.ts';
import { repositoryProblem, tagProblem } from './name.ts';
import type { Patterns } from './pattern.ts';

/** Whether a list of patterns takes a text, and the pattern that decides, when one does. */
export interface Decision {
  matches: boolean;
  pattern?: string;
}

/** How one rule decides about a repository and some of its tags. */
export interface RuleExplanation {
  rule: string;
  source: string;
  destination: string;
  repository: Decision;
  tags: TagExplanation[];
  /** The name at the destination, when the repository matches. */
  destinationRepository?: string;
  /** Why the destination cannot have that name. */
  problem?: string;
}

interface TagExplanation extends Decision {
  tag: string;
  /** The name at the destination, when repository and tag match. */
  destinationTag?: string;
  problem?: string;
  /** The rule declares that it never moves at the source. */
  immutable?: true;
}

export function explainRule(
  rule: CompiledRule,
  repository: string,
  tags: readonly string[],
): RuleExplanation {
  const decision = decide(rule.repositories, repository);
  return {
    rule: rule.name,
    source: rule.source,
    destination: rule.destination,
    repository: decision,
    tags: tags.map((tag) => explainTag(rule, repository, tag, decision.matches)),
    ...(decision.matches && destination(rule, repository)),
  };
}

function destination(rule: CompiledRule, repository: string) {
  const destinationRepository = rule.repository(repository, '');
  const problem = repositoryProblem(rule.destinationType, destinationRepository);
  return { destinationRepository, ...(problem !== undefined && { problem }) };
}

function explainTag(rule: CompiledRule, repository: string, tag: string, named: boolean): TagExplanation {
  const decision = { tag, ...decide(rule.tags, tag) };
  if (!named || !decision.matches) return decision;
  const destinationTag = companionOf(tag) === undefined ? rule.tag(repository, tag) : tag;
  const problem = tagProblem(destinationTag);
  const immutable = declaresImmutable(rule, tag) && ({ immutable: true } as const);
  return { ...decision, destinationTag, ...(problem !== undefined && { problem }), ...immutable };
}

export function decide(patterns: Patterns, text: string): Decision {
  const pattern = patterns.deciding(text);
  return { matches: patterns.matches(text), ...(pattern !== undefined && { pattern }) };
}
