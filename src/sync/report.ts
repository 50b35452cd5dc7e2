import { countsOf } from './accounts.ts';
import type { Accounts } from './accounts.ts';
import { hasFailed } from './outcome.ts';
import type { Outcome, RuleFailure, TagOutcome } from './outcome.ts';

/** `--report`: one JSON document. Members may be added, never taken away. */
export interface Report {
  /** Nothing was written: `copied` means "would be". */
  dryRun: boolean;
  /** It was stopped before its end. */
  interrupted: boolean;
  /** ISO 8601. */
  startedAt: string;
  finishedAt: string;
  seconds: number;
  counts: Record<Outcome, number> & { rulesFailed: number };
  /** Of blobs copied. */
  bytes: number;
  tags: TagOutcome[];
  rules: RuleFailure[];
}

export interface RunFacts {
  dryRun: boolean;
  interrupted: boolean;
  /** Milliseconds since 1970. */
  startedAt: number;
  finishedAt: number;
  /** Rules with a mistake in them, which were not even begun. */
  mistaken: readonly RuleFailure[];
  /** Takes secrets out of what registries said. */
  redact(text: string): string;
}

export function reportOf(accounts: Accounts, facts: RunFacts): Report {
  const { dryRun, interrupted, startedAt, finishedAt, mistaken, redact } = facts;
  const tags = accounts.tags.map((tag) => (tag.message ? { ...tag, message: redact(tag.message) } : tag));
  const failures = [...mistaken, ...accounts.failures];
  const rules = failures.map((rule) => ({ ...rule, message: redact(rule.message) }));
  return {
    dryRun,
    interrupted,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(finishedAt).toISOString(),
    seconds: (finishedAt - startedAt) / 1000,
    counts: { ...countsOf(tags), rulesFailed: rules.filter(hasFailed).length },
    bytes: tags.reduce((sum, tag) => sum + tag.bytes, 0),
    tags,
    rules,
  };
}

/** `--output-success-images`, as image-syncer's: source → destinations, those that were written in this run. */
export function successList({ tags }: Report): Record<string, string[]> {
  const list: Record<string, string[]> = {};
  for (const { source, destination, outcome } of tags) {
    if (outcome === 'copied') (list[source] ??= []).push(destination);
  }
  return list;
}
