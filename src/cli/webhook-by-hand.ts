import type { ByHand, ProjectReport, WebhookReport } from '../main/webhook-report.ts';
import { secretPlaceholder } from '../main/webhook-report.ts';

/*
 * For whoever may what the account may not: the request for a shell, with the JSON in it, and the clicks in Harbor's UI. The
 * secret is a variable, which the shell fills in.
 */

interface Refused {
  registry: string;
  project: string;
  permission: string;
  byHand: ByHand;
}

const secretLines = [
  'read -rs TAGFERRY_WEBHOOK_SECRET   # the first of webhook.secrets; it does not show',
  `TAGFERRY_WEBHOOK_SECRET=$(printf %s "$TAGFERRY_WEBHOOK_SECRET" | sed 's/["\\\\]/\\\\&/g')   # as JSON has it`,
];

/** Nothing where no permission was missing. */
export function byHandLines(report: WebhookReport): string[] {
  const refused = report.projects.flatMap(refusedOf);
  if (refused.length === 0) return [];
  const uses = JSON.stringify(refused).includes(secretPlaceholder);
  return [
    '',
    'Give the account these permissions and run this again (robot: Harbor > Robot Accounts > Edit; user: the role Project Admin):',
    ...permissionsOf(refused),
    '',
    'Or somebody who administers the project does it. In a shell, HARBOR_ADMIN being USER, or USER:PASSWORD:',
    ...(uses ? secretLines : []),
    ...groupsOf(refused).flatMap(commandLines),
    '',
    "Or in Harbor's UI:",
    ...refused.flatMap(clickLines),
  ];
}

function refusedOf({ registry, project, permission, byHand }: ProjectReport): Refused[] {
  return permission && byHand ? [{ registry, project, permission, byHand }] : [];
}

function permissionsOf(refused: readonly Refused[]): string[] {
  const byRegistry = Map.groupBy(refused, ({ registry }) => registry);
  return [...byRegistry].flatMap(([registry, some]) => {
    const byPermission = Map.groupBy(some, ({ permission }) => permission);
    return [...byPermission].map(
      ([permission, its]) =>
        `  ${registry}: ${permission} in ${its.map(({ project }) => project).join(', ')}`,
    );
  });
}

/** Projects that get the same policy are one loop. */
function groupsOf(refused: readonly Refused[]): Refused[][] {
  return [
    ...Map.groupBy(refused, ({ registry, project, byHand: { method, body } }) =>
      method === 'POST' ? `${registry} ${JSON.stringify(body)}` : `${registry} ${project} ${method}`,
    ).values(),
  ];
}

function commandLines(group: readonly Refused[]): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const { method, url, body } = first.byHand;
  const curl = `curl -sS --fail-with-body -u "$HARBOR_ADMIN" -X ${method}`;
  if (body === undefined) return [`${curl} '${url}'`];
  const json = `-H 'Content-Type: application/json' -H 'X-Is-Resource-Name: true' --data @-`;
  if (method === 'PUT') return [`${curl} ${json} '${url}' <<EOF`, ...documentOf(body), 'EOF'];
  const anywhere = url.replace(/\/projects\/[^/]+\//, '/projects/$project/');
  return [
    `for project in ${group.map(({ project }) => project).join(' ')}; do`,
    `${curl} ${json} "${anywhere}" <<EOF`,
    ...documentOf(body),
    'EOF',
    'done',
  ];
}

/**
 * As a here-document of a shell takes it: what would be its own is escaped, but for our placeholder where it is ours. A name or a
 * description with such words in it must not get the secret.
 */
function documentOf(body: object): string[] {
  const lines = JSON.stringify(body, null, 2)
    .replaceAll(/[\\`$]/g, '\\$&')
    .split('\n');
  return lines.map((line) =>
    /^ +"auth_header": /.test(line) ? line.replace(`\\${secretPlaceholder}`, () => secretPlaceholder) : line,
  );
}

/** https://goharbor.io/docs/latest/working-with-projects/project-configuration/configure-webhooks/ */
function clickLines({ registry, project, byHand }: Refused): string[] {
  const place = `${registry}: Projects > ${project} > Webhooks`;
  const { method, body } = byHand;
  if (body === undefined) return [`  ${place}: select the policy > Action > Delete`];
  const [target] = body.targets;
  return [
    method === 'POST'
      ? `  ${place} > New Webhook (or, if one with this endpoint is there, Action > Edit):`
      : `  ${place}: select ${JSON.stringify(body.name)} > Action > Edit:`,
    `    Name ${body.name} · Notify Type http · Payload Format ${target.payload_format}`,
    '    Event Type: Artifact pushed, Artifact deleted, Scanning finished, and no other',
    `    Endpoint URL ${target.address}`,
    `    Auth Header ${target.auth_header === undefined ? 'empty' : 'the first of webhook.secrets'} · Verify Remote Certificate ${target.skip_cert_verify ? 'off' : 'on'}`,
  ];
}
