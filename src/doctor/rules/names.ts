import type { Collision, InvalidName, Mapping } from '../../rule/mapping.ts';
import { collisionWords, findingsOf, invalidWords } from '../../rule/mapping.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RulesEvidence } from './evidence.ts';
import { sourcesOf } from './evidence.ts';

/** Findings of a kind that are told one by one. */
const most = 20;

/** Whether each repository of the sources gets a name at its destination that is allowed there, and its own. */
export const names: Check<RulesEvidence> = {
  id: 'names',
  number: 15,
  async look(evidence) {
    const { rules } = evidence;
    const sources = await Promise.all(
      sourcesOf(evidence).map(async (source) => ({ source, ...(await evidence.names(source)) })),
    );
    const mapped = sources.flatMap((one) => one.names.flatMap((name) => rules.mapped(one.source, name)));
    const { collisions, invalid } = findingsOf(mapped);
    const findings = [
      ...some(collisions.map(meeting), 'collisions'),
      ...some(invalid.map(forbidden), 'names'),
      ...sources.flatMap(({ failures }) => failures.map(unlisted)),
    ];
    const count = sources.reduce((sum, one) => sum + one.names.length, 0);
    return findings.length > 0
      ? findings
      : [ok(`each of ${count} source repositories has a name of its own`)];
  },
};

function some(findings: readonly Finding[], what: string): Finding[] {
  const rest = findings.length - most;
  if (rest <= 0) return [...findings];
  return [...findings.slice(0, most), error('more', { saw: `${rest} more such ${what}` })];
}

function meeting(collision: Collision): Finding {
  const { meeting: all, destination } = collision;
  const [first, second] = all;
  return error('name-collision', {
    saw: collisionWords(collision).replace(/;.*$/, ''),
    means: `each would overwrite what the other has there, so none is copied, unless ${destination} has one of them already`,
    next: first === undefined || second === undefined ? [] : apart(first, second),
  });
}

function apart(first: Mapping, second: Mapping): string[] {
  const out = excluding(second);
  if (first.rule !== second.rule)
    return [
      `give rule ${first.rule} or rule ${second.rule} another \`repository\`: another namespace, or a word in front of the name`,
      `or keep one of them out: ${out}`,
    ];
  return [
    `give one of them a rule of its own: repositories: ["${second.sourceRepository}"], another \`repository\`; and ${out}`,
    `or keep it out altogether: ${out}`,
  ];
}

function forbidden(name: InvalidName): Finding {
  return error('name-invalid', {
    saw: invalidWords(name).replace(/; change.*$/, ''),
    means: 'it is never copied',
    next: [
      `change \`repository\` of rule ${name.rule}: docs/configuration.md lists what a name can be made of`,
      `or keep it out: ${excluding(name)}`,
    ],
  });
}

function excluding({ rule, sourceRepository }: Mapping): string {
  return `add "!${sourceRepository}" to \`repositories\` of rule ${rule}`;
}

function unlisted(failure: string): Finding {
  return warn('not-listed', {
    saw: failure,
    means: 'names that are not known now are judged by a sweep, or when something is pushed',
    next: [
      'mend first what the checks of this source say is wrong: its address, or its credential',
      'if nothing is, give its user the right to list: for a robot of Harbor, repository:list and artifact:list',
      'tagferry plan looks at all names, however long that takes',
    ],
  });
}
