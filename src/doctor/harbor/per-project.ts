import { accountName, NotPermitted } from '../../harbor/permission.ts';
import { warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { HarborEvidence } from './evidence.ts';

/** Projects that are looked at: each takes several requests, of which Harbor gets few at a time. */
export const mostProjects = 10;

/** What was asked for each of some projects. */
export interface PerProject<T> {
  answers: readonly { project: string; answer: T }[];
  /** Where the permission is missing. */
  refused: readonly NotPermitted[];
}

/** Asks for each project; where a permission is missing is told apart. Throws `RegistryError`. */
export async function perProject<T>(
  projects: readonly string[],
  ask: (project: string) => Promise<T>,
): Promise<PerProject<T>> {
  const asked = projects.map(async (project) => {
    try {
      return { project, answer: await ask(project) };
    } catch (error) {
      if (error instanceof NotPermitted) return error;
      throw error;
    }
  });
  const all = await Promise.all(asked);
  return {
    answers: all.flatMap((one) => (one instanceof NotPermitted ? [] : [one])),
    refused: all.filter((one) => one instanceof NotPermitted),
  };
}

export function accountOf({ config }: HarborEvidence): string {
  return accountName(config.credential?.username);
}

/** A permission that something would be better with; in Harbor's UI its two parts are a resource and an action. */
export function missing(
  evidence: HarborEvidence,
  { permission, projects, means }: { permission: string; projects: readonly string[]; means: string },
): Finding {
  const [resource = '', action = ''] = permission.split(':');
  return warn('no-permission', {
    saw: `${accountOf(evidence)} lacks ${permission} in ${projects.join(', ')}`,
    means,
    next: [
      `Harbor: Robot Accounts > the robot > Edit > ${resource}: ${action} (of a system robot, for each project); a user needs the role ${permission.startsWith('notification') ? 'Maintainer' : 'Guest'} or more`,
    ],
  });
}
