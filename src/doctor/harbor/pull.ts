import type { ListPermission } from '../../harbor/condition.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { someOf } from '../some-of.ts';
import { known } from './evidence.ts';
import type { HarborEvidence } from './evidence.ts';
import { accountOf, missing, mostProjects } from './per-project.ts';

/** Whether the account is known, is a robot, and can pull from each project that rules read. */
export const pull: Check<HarborEvidence> = {
  id: 'harbor-pull',
  number: 18,
  async look(evidence) {
    await known(evidence);
    const account = evidence.config.credential === undefined ? undefined : await evidence.account();
    if (account === 'nobody') return [nobody(evidence)];
    const { projects, unknown, leftOut } = await evidence.projects();
    const looked = projects.slice(0, mostProjects);
    const findings = [
      ...(account === 'user' ? [user(evidence)] : []),
      ...(unknown.length > 0 ? [noProject(evidence, unknown)] : []),
      ...(projects.length + unknown.length === 0 ? [nothing(leftOut)] : []),
      ...(await pulls(evidence, looked)),
      ...(await lists(evidence, looked)),
    ];
    if (findings.length > 0) return findings;
    const more = projects.length > looked.length ? ` (the first ${mostProjects} of ${projects.length})` : '';
    const caches = leftOut.length > 0 ? `; proxy caches are left out: ${someOf(leftOut)}` : '';
    return [ok(`${accountOf(evidence)} can pull from ${looked.join(', ')}${more}${caches}`)];
  },
};

function nobody(evidence: HarborEvidence): Finding {
  return error('unknown-account', {
    saw: `Harbor does not know ${accountOf(evidence)} with this password (users/current: 401)`,
    means: 'it is shown what is public, and nothing else',
    next: [
      'Harbor: Robot Accounts shows whether it is disabled or past its end; Refresh Secret gives a new password',
    ],
  });
}

function user(evidence: HarborEvidence): Finding {
  return warn('user-account', {
    saw: `${accountOf(evidence)} is a user and no robot`,
    means:
      "Harbor hashes a user's password at each request: 120-160 ms of its processor since 2.15.2, where a robot takes 3-8 ms; and what a person may do is more than a mirror needs",
    next: [
      'Harbor: Administration > Robot Accounts > New Robot Account with repository: pull, list; artifact: list, read; tag: list; accessory: list; project: read; log: list; notification-policy: create, read, update, list',
    ],
  });
}

function noProject(evidence: HarborEvidence, projects: readonly string[]): Finding {
  return error('no-project', {
    saw: `Harbor shows ${accountOf(evidence)} no project ${projects.join(', ')}, which rules spell out`,
    means: 'nothing of it can be copied',
    next: [
      'check the name in `repositories` of the rules; if the project is there, give the account a role in it, or the robot permissions for it',
    ],
  });
}

function nothing(leftOut: readonly string[]): Finding {
  if (leftOut.length > 0) {
    return warn('proxy-cache', {
      saw: `Harbor shows no project that a rule can match but proxy caches: ${someOf(leftOut)}`,
      means: 'what a proxy cache has is of another registry, and is mirrored only where a rule spells it out',
      next: [
        'name the repositories without a pattern in `repositories` of the rule, such as hub/library/nginx; or mirror from the other registry itself',
      ],
    });
  }
  return warn('no-project', {
    saw: 'Harbor shows no project that a rule can match',
    means: 'there is nothing to mirror so far',
    next: [
      'check `repositories` of the rules: a pattern begins with the name of a project, such as library/**',
    ],
  });
}

/** By what a token for some repository allows: Harbor gives what holds for its project, whether it is there or not. */
async function pulls(evidence: HarborEvidence, projects: readonly string[]): Promise<Finding[]> {
  const asked = projects.map(async (project) => {
    const actions = await evidence.actions(`${project}/tagferry`);
    return actions === undefined || actions.includes('pull') || actions.includes('*') ? [] : [project];
  });
  const denied = (await Promise.all(asked)).flat();
  if (denied.length === 0) return [];
  return [
    error('no-pull', {
      saw: `${accountOf(evidence)} cannot pull from ${denied.join(', ')}: a token allows nothing there`,
      means: 'nothing of it can be copied',
      next: [
        'a robot needs repository:pull in that project (Harbor: Robot Accounts > Edit), a user a role in it (Project > Members)',
      ],
    }),
  ];
}

const uses: Record<ListPermission, string> = {
  'artifact:list': 'a sweep cannot list the tags of a project, and asks /v2 for each repository instead',
  'repository:list':
    'a sweep cannot list the repositories of a project, and knows only those that rules spell out or events name',
  'log:list': 'tags made in Harbor itself are found by the sweep alone, and later',
};

/** The slow way is a way: these are worth a word, no more. */
async function lists(evidence: HarborEvidence, projects: readonly string[]): Promise<Finding[]> {
  const asked = projects.map(async (project) =>
    (await evidence.lacks(project)).map((one) => ({ project, one })),
  );
  const lacking = Map.groupBy((await Promise.all(asked)).flat(), ({ one }) => one);
  return [...lacking].map(([permission, its]) =>
    missing(evidence, { permission, projects: its.map(({ project }) => project), means: uses[permission] }),
  );
}
