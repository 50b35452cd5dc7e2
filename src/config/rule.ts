import type { z } from 'zod';
import { Ruleset } from '../rule/match.ts';
import { repositoryProblem } from '../rule/name.ts';
import { compilePatterns, PatternError } from '../rule/pattern.ts';
import type { Rule } from '../rule/rule.ts';
import {
  compileRepositoryTemplate,
  compileTagTemplate,
  defaultRepository,
  TemplateError,
} from '../rule/template.ts';
import type { Substituted } from './environment.ts';
import { isReplaced, type Finding } from './finding.ts';
import { valueAt, type Path } from './path.ts';
import { registrySchema, ruleSchema } from './schema.ts';

type RuleShape = z.output<typeof ruleSchema>;

/** The rule with the defaults that depend on its destination. */
export function toRule(rule: RuleShape, destinationType: Rule['destinationType']): Rule {
  return { ...rule, destinationType, repository: rule.repository ?? defaultRepository(destinationType) };
}

/** Patterns and templates that cannot be compiled, and repositories spelled out that cannot be copied. */
export function checkRules(document: Substituted): Finding[] {
  const rules = valueAt(document.value, ['rules']);
  if (!Array.isArray(rules)) return [];
  const found = rules.map((rule: unknown, index) => compileFindings(['rules', index], rule));
  const sound = rules.flatMap((rule: unknown, index) =>
    found[index]?.length === 0 ? readableRule(document.value, ['rules', index], rule) : [],
  );
  const findings = [
    ...found.flat(),
    ...sound.flatMap(([path, rule]) => [...nameFindings(path, rule), ...tagFindings(path, rule)]),
    ...collisionFindings(sound.map(([, rule]) => rule)),
  ];
  return findings.map((finding) => withoutReplaced(document, finding));
}

/** The rule, if its own shape is right, whatever else is wrong in the document. */
function readableRule(document: unknown, path: Path, value: unknown): [Path, Rule][] {
  const parsed = ruleSchema.safeParse(value);
  if (!parsed.success) return [];
  const type = valueAt(document, ['registries', parsed.data.destination, 'type']);
  const known = registrySchema.shape.type.safeParse(type);
  return known.success ? [[path, toRule(parsed.data, known.data)]] : [];
}

/** The schema reports what is no text, or an empty one. */
function compileFindings(path: Path, rule: unknown): Finding[] {
  return [
    ...patternFindings([...path, 'repositories'], valueAt(rule, ['repositories'])),
    ...patternFindings([...path, 'tags'], valueAt(rule, ['tags'])),
    ...patternFindings([...path, 'immutable'], valueAt(rule, ['immutable'])),
    ...compileFinding([...path, 'repository'], valueAt(rule, ['repository']), compileRepositoryTemplate),
    ...compileFinding([...path, 'tag'], valueAt(rule, ['tag']), compileTagTemplate),
  ];
}

function patternFindings(path: Path, patterns: unknown): Finding[] {
  if (!Array.isArray(patterns)) return [];
  return patterns.flatMap((pattern: unknown, index) =>
    compileFinding([...path, index], pattern, (text) => compilePatterns([text])),
  );
}

function compileFinding(path: Path, text: unknown, compile: (text: string) => unknown): Finding[] {
  if (typeof text !== 'string' || text === '') return [];
  try {
    compile(text);
    return [];
  } catch (error) {
    if (error instanceof PatternError) return [{ path, expected: 'a pattern', got: error.message }];
    if (error instanceof TemplateError) return [{ path, expected: 'a template', got: error.message }];
    throw error;
  }
}

function nameFindings(path: Path, rule: Rule): Finding[] {
  const template = compileRepositoryTemplate(rule.repository);
  return compilePatterns(rule.repositories).literals.flatMap((repository) => {
    const name = template(repository, '');
    const problem = repositoryProblem(rule.destinationType, name);
    if (problem === undefined) return [];
    const got = `${JSON.stringify(name)} from ${JSON.stringify(repository)}: ${problem}`;
    return [{ path: [...path, 'repository'], expected: `a name that ${rule.destination} can have`, got }];
  });
}

/** Several tags under one name would take it from each other, with every push and every sweep. */
function tagFindings(path: Path, rule: Rule): Finding[] {
  const { literals, onlyLiterals } = compilePatterns(rule.tags);
  if (onlyLiterals && literals.length === 1) return [];
  const template = compileTagTemplate(rule.tag);
  if (template('a/b', 'one') !== template('a/b', 'two')) return [];
  return [{ path: [...path, 'tag'], expected: 'a template with {tag}, or a single plain tag in tags' }];
}

function collisionFindings(rules: readonly Rule[]): Finding[] {
  const expected = 'one source repository in each destination repository';
  return new Ruleset(rules).collisions().map((got) => ({ path: ['rules'], expected, got }));
}

/** These words quote the file, so they stay away when something there came from the environment. */
function withoutReplaced(document: Substituted, finding: Finding): Finding {
  const rule = finding.path.slice(0, 2);
  return isReplaced(document, rule) ? { ...finding, got: 'something else (not shown)' } : finding;
}
