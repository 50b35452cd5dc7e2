import type { OtherPolicy, ProjectReport, WebhookReport } from '../main/webhook-report.ts';
import { tableOf } from './table.ts';

/** A line for each project, below it further policies that send to a mirror, and at the end registries that failed. */
export function webhookLines(report: WebhookReport): string[] {
  const rows = report.projects.flatMap((project) => [
    rowOf(project, report),
    ...project.others.map(otherRow),
  ]);
  const failures = report.failures.map(({ registry, message }) => `failed  ${registry}: ${message}`);
  const nothing = rows.length + failures.length === 0 ? ['no project that a rule can match is there'] : [];
  return [`events go to ${report.address}`, ...tableOf(rows), ...failures, ...nothing];
}

/** What has failed, in one sentence; `undefined`: nothing. */
export function failuresOf({ projects, failures }: WebhookReport): string | undefined {
  const failed = projects.filter(({ outcome }) => outcome === 'failed');
  if (failed.length + failures.length === 0) return undefined;
  const [first] = [
    ...failed.map(whyOf),
    ...failures.map(({ registry, message }) => `${registry}: ${message}`),
  ];
  const parts = [
    ...(failed.length > 0 ? [`${failed.length} of ${projects.length} projects failed`] : []),
    ...(failures.length > 0
      ? [
          `${failures.length === 1 ? 'a registry' : `${failures.length} registries`} could not be asked for projects`,
        ]
      : []),
  ];
  return `${parts.join(', ')}: ${first}`;
}

function whyOf({ registry, project, message = '' }: ProjectReport): string {
  return `${registry}/${project}: ${message}`;
}

function rowOf(project: ProjectReport, { dryRun, action }: WebhookReport): string[] {
  const { registry, project: name } = project;
  return [verbOf(project, dryRun), `${registry}/${name}`, wordsOf(project, action)];
}

const conditional: Partial<Record<ProjectReport['outcome'], string>> = {
  created: 'would create',
  corrected: 'would correct',
  removed: 'would remove',
};

function verbOf({ outcome }: ProjectReport, dryRun: boolean): string {
  return (dryRun ? conditional[outcome] : undefined) ?? outcome;
}

function wordsOf(
  { outcome, policies, differences, message = '', lastEvent }: ProjectReport,
  action: string,
): string {
  if (outcome === 'failed') return message;
  const names = policies.map((name) => JSON.stringify(name)).join(', ') || 'none of ours is there';
  const last = action === 'list' && outcome !== 'missing' ? [lastOf(lastEvent)] : [];
  return [names, ...differences, ...last].join('; ');
}

const kinds: Record<OtherPolicy['kind'], string> = {
  double: 'one too many: each of its events comes twice',
  shared: 'not ours, and it sends here too: its events come twice',
  other: "another mirror's, left alone; if that mirror is gone: tagferry webhook remove --url ITS_ADDRESS",
};

function otherRow({ name, address, kind, lastEvent }: OtherPolicy): string[] {
  const last = lastEvent === undefined ? '' : `; ${lastOf(lastEvent)}`;
  return ['', '', `also ${JSON.stringify(name)} to ${address}: ${kinds[kind]}${last}`];
}

function lastOf(lastEvent: string | null | undefined): string {
  return lastEvent ? `last event ${lastEvent}` : 'no event yet that the account may see';
}
