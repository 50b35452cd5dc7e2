import type { Check } from '../check.ts';
import { depends, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { isThere } from '../../aliyun/namespaces.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { nothingPlanned } from './nothing-planned.ts';
import { plannedIn } from './planned.ts';
import { someOf } from '../some-of.ts';
import { console, placeOf } from './steps.ts';

/** Whether a tag that moves at the source can move at the destination. */
export const immutability: Check<AcrEvidence> = {
  id: 'immutability',
  number: 14,
  needs: 'aliyun',
  async look(evidence) {
    const namespaces = await evidence.namespaces();
    if (namespaces.length === 0) return [nothingPlanned];
    const looks = namespaces.map((name) => judged(evidence, name));
    const findings = (await Promise.all(looks)).flat();
    if (findings.length > 0) return findings;
    const states = namespaces.map((name) => ofInstance(evidence, (openApi) => openApi.namespace(name)));
    const there = (await Promise.all(states)).some((state) => state !== undefined);
    return [there ? ok('tags can be moved') : depends('namespace')];
  },
};

async function judged(evidence: AcrEvidence, name: string): Promise<readonly Finding[]> {
  const unseen = `whether tags in ${name} can be moved`;
  const asking = { namespaces: [name], unseen };
  const [byDefault, there] = await Promise.all([
    permitted(evidence, { ...asking, action: 'GetNamespace' }, () => ofNew(evidence, name)),
    permitted(evidence, { ...asking, action: 'GetRepository' }, () => ofOld(evidence, name)),
  ]);
  return [...byDefault, ...there];
}

/** Repositories that a push will make. */
async function ofNew(evidence: AcrEvidence, name: string): Promise<readonly Finding[]> {
  const state = await ofInstance(evidence, (openApi) => openApi.namespace(name));
  if (!state?.autoCreate || !state.tagImmutability || evidence.config.prepare?.repositories) return [];
  const place = await placeOf(evidence);
  return [
    warn('immutable-by-default', {
      saw: `repositories that a push makes in ${name} have immutable tags`,
      means: 'a tag, except latest, that moves at the source fails there with destination-immutable',
      next: [
        `${console(place, 'Repository', 'Namespace', name)}: switch image version immutability off for new repositories, unless no tag ever moves`,
        "or leave the tags that move out of the rule: `tags`, e.g. ['v*', '!main']",
      ],
    }),
  ];
}

async function ofOld(evidence: AcrEvidence, name: string): Promise<readonly Finding[]> {
  const { looked } = await plannedIn(evidence, name);
  const immutable = looked
    .filter(({ state }) => isThere(state) && state.tagImmutability)
    .map((one) => one.name);
  const [first = ''] = immutable;
  if (immutable.length === 0) return [];
  const place = await placeOf(evidence);
  const rules = new Set((await Promise.all(immutable.map((one) => evidence.rulesOf(one)))).flat());
  return [
    warn('immutable', {
      saw: `tags except latest cannot be moved in ${someOf(immutable)}`,
      means: `the tags are mirrored by ${[...rules].map((rule) => `rule ${rule}`).join(', ')}; one that moves at the source fails with destination-immutable`,
      next: [
        `${console(place, 'Repository', first, 'Details')}: switch image version immutability off`,
        'Terraform: tag_immutability = false of the alicloud_cr_ee_repo',
        "or leave the tags that move out of the rule: `tags`, e.g. ['v*', '!main']",
      ],
    }),
  ];
}
