import { hasFailed, nameOfRule, whyOf } from '../sync/outcome.ts';
import type { RuleFailure, TagOutcome } from '../sync/outcome.ts';
import type { Report } from '../sync/report.ts';
import { sizeOf } from './amount.ts';
import { tableOf } from './table.ts';

/** How a summary is written. */
export interface Style {
  /** In columns, for a person at a terminal. */
  columns: boolean;
}

/** What is said at the end of a run: every tag that is not at its destination, why, and the counts. */
export function summaryOf(report: Report, style: Style): string[] {
  const rows = tagsToTell(report).map(rowOf);
  const lines = [...written(rows, style), ...report.rules.filter(hasFailed).map(ruleLine), totalsOf(report)];
  return report.counts.failed + report.counts.rulesFailed > 0 ? [...lines, 'failed tasks exist'] : lines;
}

/** In a dry run what would be copied; then what is skipped, and last what has failed. */
export function tagsToTell<Tag extends TagOutcome>({
  dryRun,
  tags,
}: {
  dryRun: boolean;
  tags: Tag[];
}): Tag[] {
  const would = dryRun ? tags.filter(({ outcome }) => outcome === 'copied') : [];
  const skipped = tags.filter(({ outcome, reason }) => outcome === 'skipped' && reason !== 'interrupted');
  return [...would, ...skipped, ...tags.filter(({ outcome }) => outcome === 'failed')];
}

/** One tag: what becomes of it, its two ends, and what is to be said of it. */
export type Row = [verb: string, source: string, destination: string, ...told: string[]];

export function rowOf(tag: TagOutcome): Row {
  const { outcome, source, destination, bytes, blobs } = tag;
  if (outcome === 'copied')
    return ['would copy', source, destination, `${sizeOf(bytes)} in ${blobs.copied} blobs`];
  return [outcome, source, destination, whyOf(tag)];
}

export function written(rows: readonly Row[], { columns }: Style): string[] {
  if (columns)
    return tableOf(
      rows.map(([verb, source, destination, ...told]) => [verb, source, `-> ${destination}`, ...told]),
    );
  return rows.map(
    ([verb, source, destination, ...told]) => `${verb} ${source} -> ${destination}  ${told.join('  ')}`,
  );
}

function ruleLine(rule: RuleFailure): string {
  return `failed rule ${nameOfRule(rule)}  ${rule.reason}: ${rule.message}`;
}

export function totalsOf({ dryRun, interrupted, counts, bytes, seconds, ...report }: Report): string {
  const parts = [
    `${dryRun ? 'would copy' : 'copied'} ${counts.copied}`,
    `unchanged ${counts.unchanged}`,
    `skipped ${counts.skipped}`,
    `failed ${counts.failed + counts.rulesFailed}`,
  ];
  const stopped = interrupted ? `; ${interruptionOf(report)}` : '';
  const told = counts.copied + counts.skipped + counts.failed + counts.rulesFailed;
  const nothing = !interrupted && told === 0 ? '; nothing to do' : '';
  return `${parts.join(', ')}; ${sizeOf(bytes)} in ${seconds.toFixed(1)} s${stopped}${nothing}`;
}

function interruptionOf({ tags, rules }: Pick<Report, 'tags' | 'rules'>): string {
  const left = [tags, rules].map((list) => list.filter(({ reason }) => reason === 'interrupted').length);
  const unknown = left[1] === 0 ? '' : `, ${left[1]} rules without a list of tags`;
  return `interrupted, ${left[0]} tags not looked at or not finished${unknown}`;
}
