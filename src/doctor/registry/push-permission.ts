import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, skipped } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RegistryEvidence } from './evidence.ts';
import { firstPart } from '../../oci/reference.ts';

/** Namespaces that are asked for: each costs a token. */
const most = 20;

/** A token to pull and push that does not allow the push. */
export interface PushRefused {
  repository: string;
  /** What it does allow. */
  actions: readonly string[];
  saw: string;
}

/**
 * Whether the credential may push: asked of the token server, for one repository of each namespace that the rules write to. It
 * has to be a planned one, for ACR may create the repository when a token to push is asked for. `advise` finds out why not.
 */
export function pushPermissionOf<Evidence extends RegistryEvidence>(
  advise: (evidence: Evidence, refused: PushRefused) => Promise<Finding>,
): Check<Evidence> {
  return {
    id: 'push-permission',
    number: 12,
    async look(evidence) {
      await needed('credential', evidence.login());
      const planned = await evidence.planned();
      const first = new Map(planned.toReversed().map((name) => [firstPart(name), name]));
      const names = [...first.values()].toSorted().slice(0, most);
      if (names.length === 0)
        return [skipped('nothing-planned', 'no repository is known that a rule would write here')];
      const looks = await Promise.all(names.map((name) => judge(evidence, name, advise)));
      const bad = Map.groupBy(
        looks.filter(({ status }) => status !== 'ok'),
        ({ status, code, saw }) => (status === 'skipped' ? saw : code),
      );
      return bad.size > 0
        ? [...bad.values()].flatMap(together)
        : [ok(`push is allowed: ${looks.map(({ saw }) => saw).join(', ')}`)];
    },
  };
}

/** What is wrong in the same way has one cause, as a rule: the first is told in full, and where else. */
function together([first, ...rest]: readonly Finding[]): Finding[] {
  if (first === undefined) return [];
  if (rest.length === 0 || first.status === 'skipped') return [first];
  const { saw, next = [] } = first;
  const others = rest.map((one) => one.saw).join('; ');
  return [
    { ...first, saw: `${saw}; ${others}`, next: [...next, 'the same for the others that are named above'] },
  ];
}

/** For a registry that is not of ACR. */
export const pushPermission = pushPermissionOf(async ({ name }: RegistryEvidence, { repository, saw }) =>
  error('no-push', {
    saw,
    means: `nothing can be written to ${repository}`,
    next: [`give the user of registries.${name} the right to push there`],
  }),
);

async function judge<Evidence extends RegistryEvidence>(
  evidence: Evidence,
  repository: string,
  advise: (evidence: Evidence, refused: PushRefused) => Promise<Finding>,
): Promise<Finding> {
  const actions = await evidence.actions(repository);
  if (actions === undefined)
    return skipped('token-unreadable', `what the token for ${repository} allows cannot be read`);
  if (actions.includes('push') || actions.includes('*')) return ok(repository);
  const saw = `a token for ${repository}:pull,push allows ${actions.join(', ') || 'nothing'}`;
  return advise(evidence, { repository, actions, saw });
}
