import { sendsToMirror, sorted } from '../../harbor/webhook.ts';
import type { WebhookPolicy } from '../../harbor/webhook.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { ok, skipped } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { known } from './evidence.ts';
import { remembers } from './facts.ts';
import type { HarborEvidence } from './evidence.ts';
import { lostBy } from './lost.ts';
import type { Lost } from './lost.ts';
import { missing, mostProjects, perProject } from './per-project.ts';

/** Whether Harbor has given up events lately, and why, in its own words. */
export const deliveries: Check<HarborEvidence> = {
  id: 'harbor-deliveries',
  async look(evidence) {
    await known(evidence);
    const { projects } = await needed('harbor-pull', evidence.projects());
    const looked = projects.slice(0, mostProjects);
    const policies = await perProject(looked, (project) => evidence.policies(project));
    const ours = policies.answers.flatMap(({ project, answer }) =>
      sentHere(evidence, answer).map((policy) => ({ project, policy })),
    );
    if (ours.length === 0) return [skipped('no-policy', noPolicy)];
    if (!remembers(await evidence.facts())) return [skipped('no-executions', noExecutions)];
    const seen = await perProject(
      ours.map(({ project }) => project),
      (project) => lostIn(evidence, project, ours.find((one) => one.project === project)?.policy.id ?? 0),
    );
    const findings = [
      ...lostBy(
        seen.answers.flatMap(({ answer }) => answer.lost),
        evidence.wanted?.address.href,
      ),
      ...(seen.refused.length > 0
        ? [
            unread(
              evidence,
              seen.refused.map(({ project }) => project),
            ),
          ]
        : []),
    ];
    const count = seen.answers.reduce((sum, { answer }) => sum + answer.looked, 0);
    return findings.length > 0
      ? findings
      : [ok(`no event was given up, of the last ${count} that were looked at`)];
  },
};

const noExecutions = 'this release remembers no deliveries that can be read; see the check harbor-version';

const noPolicy = 'there is no policy of this mirror whose deliveries could be looked at';

/** One of each project is enough: they send the same events to the same place. */
function sentHere({ wanted }: HarborEvidence, policies: readonly WebhookPolicy[]): WebhookPolicy[] {
  if (wanted === undefined) return policies.filter(sendsToMirror).slice(0, 1);
  const { ours, shared } = sorted(policies, wanted);
  return [...(ours ? [ours] : []), ...shared].slice(0, 1);
}

async function lostIn(
  evidence: HarborEvidence,
  project: string,
  policy: number,
): Promise<{ looked: number; lost: Lost[] }> {
  const { looked, lost, arrivedAt } = await evidence.deliveries(project, policy);
  const [newest] = lost;
  if (newest === undefined) return { looked, lost: [] };
  const why = await evidence.whyLost(project, policy, newest.id);
  const isOver = arrivedAt > newest.startedAt;
  return { looked, lost: [{ project, count: lost.length, looked, at: newest.startedAt, why, isOver }] };
}

function unread(evidence: HarborEvidence, projects: readonly string[]): Finding {
  const means =
    'what Harbor could not deliver is not read: such changes are found by the sweep alone, and later';
  return missing(evidence, { permission: 'notification-policy:read', projects, means });
}
