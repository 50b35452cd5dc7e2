import type { RuleFailure, TagOutcome } from '../sync/outcome.ts';
import type { Report } from '../sync/report.ts';
import { sizeOf } from './amount.ts';

/** What is said at the end of a run: every tag that is not at its destination, why, and the counts. */
export function summaryOf(report: Report): string[] {
  const { dryRun, tags, rules } = report;
  const would = dryRun ? tags.filter(({ outcome }) => outcome === 'copied').map(lineOf) : [];
  const skipped = tags.filter(({ outcome, reason }) => outcome === 'skipped' && reason !== 'interrupted');
  const failed = tags.filter(({ outcome }) => outcome === 'failed');
  const lines = [...would, ...[...skipped, ...failed].map(lineOf), ...rules.map(ruleLine), countsOf(report)];
  return report.counts.failed + rules.length > 0 ? [...lines, 'failed tasks exist'] : lines;
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

function countsOf({ dryRun, interrupted, counts, bytes, seconds, tags }: Report): string {
  const left = tags.filter(({ reason }) => reason === 'interrupted').length;
  const parts = [
    `${dryRun ? 'would copy' : 'copied'} ${counts.copied}`,
    `unchanged ${counts.unchanged}`,
    `skipped ${counts.skipped}`,
    `failed ${counts.failed + counts.rulesFailed}`,
  ];
  const stopped = interrupted ? `; interrupted, ${left} tags not looked at or not finished` : '';
  const nothing =
    !interrupted && counts.copied + counts.failed + counts.rulesFailed === 0 ? '; nothing to do' : '';
  return `${parts.join(', ')}; ${sizeOf(bytes)} in ${seconds.toFixed(1)} s${stopped}${nothing}`;
}
