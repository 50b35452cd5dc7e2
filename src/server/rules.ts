import { z } from 'zod';
import type { RuleExplanation } from '../rule/explain.ts';
import type { Rule } from '../rule/rule.ts';
import { nothing, operation, type Operation } from './operation.ts';
import { schemas } from './schema.ts';

export interface Rules {
  /** In the order of the configuration, defaults filled in. */
  list(): readonly Rule[];
  /** What each rule makes of these tags, and by which pattern. */
  test(repository: string, tags: readonly string[]): RuleExplanation[];
}

export function ruleOperations(rules: Rules): Operation[] {
  return [listRules(rules), testRules(rules)];
}

function listRules(rules: Rules): Operation {
  return operation({
    method: 'GET',
    path: '/rules',
    summary: 'The effective rules',
    input: z.object(nothing),
    success: { status: 200, description: 'All of them.', schema: schemas.Rules },
    problems: {},
    run: () => ({ rules: rules.list() }),
  });
}

function testRules(rules: Rules): Operation {
  return operation({
    method: 'POST',
    path: '/rules/test',
    summary: 'What the rules make of a repository and tags, and which pattern decides; copies nothing',
    input: z.object({ ...nothing, body: schemas.RuleTest }),
    success: { status: 200, description: 'By rule and tag.', schema: schemas.RuleTestResult },
    problems: {},
    run: ({ body: { repository, tags } }) => ({ repository, rules: rules.test(repository, tags) }),
  });
}
