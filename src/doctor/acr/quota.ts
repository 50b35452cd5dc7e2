import { isForbidden } from '../../aliyun/error.ts';
import type { Used } from '../../aliyun/overview.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { console, placeOf } from './steps.ts';
import type { Place } from './steps.ts';

/** Share of a quota from which on it is time to look. */
const tight = 0.9;

/** Whether there is room for what is to be made. */
export const quota: Check<AcrEvidence> = {
  id: 'quota',
  number: 13,
  needs: 'aliyun',
  look: (evidence) =>
    permitted(
      evidence,
      { action: 'GetInstanceUsage', unseen: 'whether there is room for new repositories' },
      async () => {
        const { namespaces, repositories } = await ofInstance(evidence, (openApi) => openApi.usage());
        const place = await placeOf(evidence);
        // Nothing of what is full may be needed any more.
        const harmless = isFull(namespaces) && (await missingOf(evidence)).length === 0;
        const findings = [
          ...room(place, 'namespaces', namespaces, harmless),
          ...room(place, 'repositories', repositories, false),
        ];
        const told = `${shown(namespaces)} namespaces, ${shown(repositories)} repositories`;
        return findings.length > 0 ? findings : [ok(told)];
      },
    ),
};

/** Namespaces that are still to be made; those that may not be looked at count, too. */
async function missingOf(evidence: AcrEvidence): Promise<readonly string[]> {
  const names = await evidence.namespaces();
  const looks = names.map(async (name) => {
    const there = await ofInstance(evidence, (openApi) => openApi.namespace(name)).catch(forbiddenAsMissing);
    return there === undefined ? [name] : [];
  });
  return (await Promise.all(looks)).flat();
}

function forbiddenAsMissing(reason: unknown): undefined {
  if (!isForbidden(reason)) throw reason;
}

/** Whether no more can be made. */
export function isFull({ used, quota }: Used): boolean {
  return used !== undefined && quota !== undefined && used >= quota;
}

function room(
  place: Place,
  what: 'namespaces' | 'repositories',
  { used, quota }: Used,
  harmless: boolean,
): Finding[] {
  if (used === undefined || quota === undefined || used <= quota * tight) return [];
  const saw = `${place.instanceId} has ${used} of ${quota} ${what}`;
  const next = [
    `${console(place, 'Overview')}: raise the quota (namespaces by 5, repositories by 1000), or delete what nobody needs`,
    ...(what === 'namespaces'
      ? ['or write several projects into one namespace: repository: NAMESPACE/{project}-{flat}']
      : []),
  ];
  if (used < quota || harmless)
    return [
      warn(`${what}-nearly-full`, {
        saw,
        means: `${used < quota ? 'soon' : 'now'} no more ${what} can be made`,
        next,
      }),
    ];
  return [
    error(`${what}-full`, {
      saw,
      means: `no more ${what} can be made; a push that would make one is denied, and ACR does not say that this is why`,
      next,
    }),
  ];
}

function shown({ used, quota }: Used): string {
  return `${used ?? '?'} of ${quota ?? '?'}`;
}
