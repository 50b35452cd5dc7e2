import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, skipped } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { pushAdvice } from '../acr/push-advice.ts';
import type { RegistryEvidence } from './evidence.ts';

/** Namespaces that are asked for: each costs a token. */
const most = 20;

/**
 * Whether the credential may push: asked of the token server, for one repository of each namespace that the rules write to. It
 * has to be a planned one, for ACR may create the repository when a token to push is asked for.
 */
export const pushPermission: Check<RegistryEvidence> = {
  id: 'push-permission',
  number: 12,
  async look(evidence) {
    await needed('credential', evidence.login());
    const planned = await evidence.planned();
    const first = new Map(planned.toReversed().map((name) => [name.split('/', 1)[0] ?? '', name]));
    const names = [...first.values()].toSorted().slice(0, most);
    if (names.length === 0)
      return [skipped('nothing-planned', 'no repository is known that a rule would write here')];
    const looks = await Promise.all(names.map((name) => judge(evidence, name)));
    const bad = looks.filter(({ status }) => status !== 'ok');
    return bad.length > 0 ? bad : [ok(`push is allowed: ${names.join(', ')}`)];
  },
};

async function judge(evidence: RegistryEvidence, repository: string): Promise<Finding> {
  const actions = await evidence.actions(repository);
  if (actions === undefined)
    return skipped('token-unreadable', `what the token for ${repository} allows cannot be read`);
  if (actions.includes('push') || actions.includes('*')) return ok(repository);
  const saw = `a token for ${repository}:pull,push allows ${actions.join(', ') || 'nothing'}`;
  if (evidence.config.type === 'acr-ee') return pushAdvice(evidence, repository, actions, saw);
  return error('no-push', {
    saw,
    means: `nothing can be written to ${repository}`,
    next: [`give the user of registries.${evidence.name} the right to push there`],
  });
}
