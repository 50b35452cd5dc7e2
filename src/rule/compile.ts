import { compilePatterns, type Patterns } from './pattern.ts';
import type { Rule } from './rule.ts';
import { compileRepositoryTemplate, compileTagTemplate, type Template } from './template.ts';

/** A rule made ready to match: done once, when the configuration is read. */
export interface CompiledRule extends Pick<Rule, 'name' | 'source' | 'destination' | 'destinationType'> {
  repositories: Patterns;
  tags: Patterns;
  repository: Template;
  tag: Template;
}

/** Throws `PatternError` and `TemplateError`. */
export function compileRule(rule: Rule): CompiledRule {
  const { name, source, destination, destinationType } = rule;
  return {
    name,
    source,
    destination,
    destinationType,
    repositories: compilePatterns(rule.repositories),
    tags: compilePatterns(rule.tags),
    repository: compileRepositoryTemplate(rule.repository),
    tag: compileTagTemplate(rule.tag),
  };
}
