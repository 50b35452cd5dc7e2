import type { RuleFailure, TagOutcome } from '../sync/outcome.ts';
import type { Report } from '../sync/report.ts';
import { sizeOf } from './amount.ts';

/** What is said at the end of a run: every tag that is not at its destination, why, and the counts. */
export function summaryOf(report: Report): string[] {
  const { dryRun, tags, rules } = report;
  const would = dryRun ? tags.filter(({ outcome }) => outcome === 'copied').map(lineOf) : [];
  const skipped = tags.filter(({ outcome, reason }) => outcome === 'skipped' && reason !== 'interrupted');
  const failed = tags.filter(({ outcome }) => outcome === 'failed');
  const failedRules = rules.filter(({ reason }) => reason !== 'interrupted');
  const lines = [
    ...would,
    ...[...skipped, ...failed].map(lineOf),
    ...failedRules.map(ruleLine),
    countsOf(report),
  ];
  return report.counts.failed + failedRules.length > 0 ? [...lines, 'failed tasks exist'] : lines;
}

function lineOf({ outcome, source, destination, reason, message, bytes, blobs }: TagOutcome): string {
  const copy = `${source} -> ${destination}`;
  if (outcome === 'copied') return `would copy ${copy}  ${sizeOf(bytes)} in ${blobs.copied} blobs`;
  return `${outcome} ${copy}  ${[reason, message].filter((part) => part !== undefined).join(': ')}`;
}

function ruleLine({ source, destination, reason, message }: RuleFailure): string {
  const rule = destination === '' ? source : `${source} -> ${destination}`;
  return `failed rule ${rule}  ${reason}: ${message}`;
}

function countsOf({ dryRun, interrupted, counts, bytes, seconds, ...report }: Report): string {
  const parts = [
    `${dryRun ? 'would copy' : 'copied'} ${counts.copied}`,
    `unchanged ${counts.unchanged}`,
    `skipped ${counts.skipped}`,
    `failed ${counts.failed + counts.rulesFailed}`,
  ];
  const stopped = interrupted ? `; ${interruptionOf(report)}` : '';
  const nothing =
    !interrupted && counts.copied + counts.failed + counts.rulesFailed === 0 ? '; nothing to do' : '';
  return `${parts.join(', ')}; ${sizeOf(bytes)} in ${seconds.toFixed(1)} s${stopped}${nothing}`;
}

function interruptionOf({ tags, rules }: Pick<Report, 'tags' | 'rules'>): string {
  const left = [tags, rules].map((list) => list.filter(({ reason }) => reason === 'interrupted').length);
  const unknown = left[1] === 0 ? '' : `, ${left[1]} rules without a list of tags`;
  return `interrupted, ${left[0]} tags not looked at or not finished${unknown}`;
}
