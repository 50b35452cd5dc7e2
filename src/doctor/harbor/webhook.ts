import { differencesOf, shownName, sorted } from '../../harbor/webhook.ts';
import type { Sorted, WantedWebhook } from '../../harbor/webhook.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, skipped, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { known } from './evidence.ts';
import type { HarborEvidence } from './evidence.ts';
import { missing, mostProjects, perProject } from './per-project.ts';
import { policyFault } from './policy-fault.ts';

/** Whether each project that rules read tells this mirror of what it needs, and as it needs it. */
export const webhook: Check<HarborEvidence> = {
  id: 'harbor-webhook',
  async look(evidence) {
    const { wanted } = evidence;
    if (wanted === undefined) return [skipped('needs-url', withoutUrl)];
    await known(evidence);
    const { projects } = await needed('harbor-pull', evidence.projects());
    const looked = projects.slice(0, mostProjects);
    const { answers, refused } = await perProject(looked, (project) => evidence.policies(project));
    const seen = answers.map(({ project, answer }) => ({ project, ...sorted(answer, wanted) }));
    const findings = [
      ...absent(seen.filter(({ ours }) => ours === undefined)),
      ...wrong(seen, wanted),
      ...doubled(seen),
      ...(refused.length > 0
        ? [
            unlisted(
              evidence,
              refused.map(({ project }) => project),
            ),
          ]
        : []),
    ];
    return findings.length > 0
      ? findings
      : [ok(`${looked.join(', ') || 'no project'}: events go to ${wanted.address.href}`)];
  },
};

const withoutUrl =
  'webhook.url is not in the configuration, so that nobody can tell which policies are those of this mirror; set it to have them looked at';

type Seen = Sorted & { project: string };

function absent(seen: readonly Seen[]): Finding[] {
  if (seen.length === 0) return [];
  return [
    error('missing', {
      saw: `no webhook policy of this mirror in ${seen.map(({ project }) => project).join(', ')}`,
      means: 'what is pushed there is found by the sweep alone, up to a sweep interval later',
      next: ['tagferry webhook install makes it; with --dry-run it says what it would do'],
    }),
  ];
}

function wrong(seen: readonly Seen[], wanted: WantedWebhook): Finding[] {
  return seen.flatMap(({ project, ours }) =>
    ours === undefined
      ? []
      : differencesOf(ours, wanted).map((difference) => policyFault(project, ours, difference, wanted)),
  );
}

function doubled(seen: readonly Seen[]): Finding[] {
  return seen.flatMap(({ project, ours, doubles, shared }) => {
    const more = [...doubles, ...shared];
    if (more.length === 0 || ours === undefined) return [];
    const names = more.map((policy) => JSON.stringify(shownName(policy))).join(', ');
    return [
      warn('doubled', {
        saw: `${project} has further policies that send here: ${names}`,
        means: 'every event comes more than once; nothing is copied twice, but it is work for nothing',
        next: [
          `Harbor: Projects > ${project} > Webhooks: delete ${names}, or its target that is this mirror`,
        ],
      }),
    ];
  });
}

function unlisted(evidence: HarborEvidence, projects: readonly string[]): Finding {
  const means = 'nobody can tell from here whether these projects tell the mirror of pushes';
  return missing(evidence, { permission: 'notification-policy:list', projects, means });
}
