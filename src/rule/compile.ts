import { companionOf } from '../oci/companion.ts';
import { compilePatterns, type Patterns } from './pattern.ts';
import type { Rule } from './rule.ts';
import { compileRepositoryTemplate, compileTagTemplate, type Template } from './template.ts';

/** A rule made ready to match: done once, when the configuration is read. */
export interface CompiledRule extends Pick<Rule, 'name' | 'source' | 'destination' | 'destinationType'> {
  repositories: Patterns;
  tags: Patterns;
  immutable: Patterns;
  repository: Template;
  tag: Template;
}

/** Throws `PatternError` and `TemplateError`. */
export function compileRules(rules: readonly Rule[]): CompiledRule[] {
  // Most rules have the same patterns of tags: equal lists are compiled once.
  const lists = new Map<string, Patterns>();
  const compileOnce = (patterns: readonly string[]) => {
    const key = JSON.stringify(patterns);
    const compiled = lists.get(key) ?? compilePatterns(patterns);
    lists.set(key, compiled);
    return compiled;
  };
  return rules.map((rule) => ({
    name: rule.name,
    source: rule.source,
    destination: rule.destination,
    destinationType: rule.destinationType,
    repositories: compileOnce(rule.repositories),
    tags: compileOnce(rule.tags),
    immutable: compileOnce(rule.immutable ?? []),
    repository: compileRepositoryTemplate(rule.repository),
    tag: compileTagTemplate(rule.tag),
  }));
}

/** Whether the rule declares that the tag never moves. The tag of a signature does, with each further signature. */
export function declaresImmutable({ tags, immutable }: CompiledRule, tag: string): boolean {
  return companionOf(tag) === undefined && tags.matches(tag) && immutable.matches(tag);
}
