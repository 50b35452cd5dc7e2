import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  collisionWords,
  contestedWords,
  findingsOf,
  invalidWords,
  type NameFindings,
} from '../../src/rule/mapping.ts';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';
import { rule as toAnywhere } from '../task/sweep-stand.ts';

/** To an ACR EE, under the default name, unless said otherwise. */
function rule(other: Partial<Rule> = {}): Rule {
  const name = { repository: '{project}/{flat}', destinationType: 'acr-ee' } as const;
  return toAnywhere({ repositories: ['**'], ...name, ...other });
}

/** Of the names of each source. */
function judged(sources: Record<string, readonly string[]>, ...rules: Rule[]): NameFindings {
  const set = new Ruleset(rules);
  const mapped = Object.entries(sources).flatMap(([source, names]) =>
    names.flatMap((name) => set.mapped(source, name)),
  );
  return findingsOf(mapped);
}

const everywhere = rule({ repositories: ['**'] });

test('names that differ by a slash and a dash alone meet where the path is made flat', () => {
  const { collisions, invalid } = judged({ harbor: ['team/b-c', 'team/b/c', 'team/bc'] }, everywhere);
  assert.deepEqual(collisions.map(collisionWords), [
    'harbor/team/b-c (rule everything) and harbor/team/b/c (rule everything) would both become acr/team/b-c; ' +
      'give one of them another `repository`',
  ]);
  assert.deepEqual(invalid, []);
});

test('names of two projects meet where the project is folded into the name', () => {
  const folded = rule({ repositories: ['**'], repository: 'mirror/{project}-{flat}' });
  const { collisions } = judged({ harbor: ['ab/b-c', 'ab-b/c', 'ab-b/d'] }, folded);
  assert.deepEqual(
    collisions.map(({ destinationRepository, meeting }) => [
      destinationRepository,
      ...meeting.map(({ sourceRepository }) => sourceRepository),
    ]),
    [['mirror/ab-b-c', 'ab/b-c', 'ab-b/c']],
  );
});

test('of many that meet each is there once, four are named, and the rest counted', () => {
  const one = rule({ repositories: ['**'], repository: 'mirror/app' });
  const names = Array.from({ length: 6 }, (_, index) => `team/app-${index}`);
  const [collision] = judged({ harbor: [...names, ...names] }, one, { ...one, name: 'again' }).collisions;
  assert.ok(collision);
  assert.equal(collision.meeting.length, 6);
  assert.match(
    contestedWords(collision),
    /^harbor\/team\/app-0 \(rule everything\), .*app-1.*, .*app-2.*, harbor\/team\/app-3 \(rule everything\) and 2 more would all become acr\/mirror\/app, and nothing tells whose it is, so none of them is copied: .*"!"$/,
  );
});

test('namesakes of two sources meet; at two destinations, or by two rules of one source, nothing does', () => {
  const second = rule({ repositories: ['**'], name: 'second', source: 'harbor2' });
  const again = rule({ repositories: ['**'], name: 'again' });
  const elsewhere = { ...second, destination: 'acr2' };
  const names = { harbor: ['team/app'], harbor2: ['team/app'] };
  assert.deepEqual(judged(names, everywhere, second).collisions.map(collisionWords), [
    'harbor/team/app (rule everything) and harbor2/team/app (rule second) would both become acr/team/app; ' +
      'give one of them another `repository`',
  ]);
  assert.deepEqual(judged(names, everywhere, again, elsewhere), { invalid: [], collisions: [] });
});

test('names that ACR EE cannot have are told with the reason: length, parts, letters, separators in front', () => {
  const long = 'n'.repeat(121);
  const whole = rule({ repositories: ['**'], repository: '{repository}' });
  const upper = rule({ repositories: ['team/ok'], name: 'upper', repository: 'Mirror/{flat}' });
  const names = ['team/x', `team/${long}`, 'team/deep/app', 'alone', 'team/ok', 't/app'];
  const { invalid, collisions } = judged({ harbor: names }, whole, upper);
  assert.deepEqual(collisions, []);
  assert.deepEqual(
    invalid.map((one) => [one.sourceRepository, one.problem.replace(/^expected /, '')]),
    [
      ['team/x', 'a repository of 2 to 120 characters, got 1'],
      [`team/${long}`, 'a repository of 2 to 120 characters, got 121'],
      ['team/deep/app', 'NAMESPACE/REPOSITORY, got 3 parts'],
      ['alone', 'NAMESPACE/REPOSITORY, got one part'],
      [
        'team/ok',
        'at most 255 characters, lower-case words joined by ".", "_", "__" or "-", with "/" between the parts',
      ],
      ['t/app', 'a namespace of 2 to 120 characters, got 1'],
    ],
  );
  assert.deepEqual(invalid.map(invalidWords).slice(0, 1), [
    'harbor/team/x would become "team/x", which acr cannot have: expected a repository of 2 to 120 characters, ' +
      'got 1; change `repository` of rule everything',
  ]);
});

test('a repository of one part has no project, and a name that begins with a separator is none', () => {
  const flat = rule({ repositories: ['**'], repository: 'mirror/-{flat}' });
  const { invalid } = judged({ harbor: ['alone'] }, rule({ repositories: ['**'] }), {
    ...flat,
    name: 'flat',
  });
  assert.deepEqual(
    invalid.map(({ destinationRepository }) => destinationRepository),
    ['/alone', 'mirror/-alone'],
  );
});

test('120 characters are taken, and an oci destination takes three parts and one letter', () => {
  const plain = rule({
    repositories: ['**'],
    name: 'plain',
    destination: 'other',
    destinationType: 'oci',
    repository: '{repository}',
  });
  assert.deepEqual(judged({ harbor: [`team/${'n'.repeat(120)}`] }, everywhere).invalid, []);
  assert.deepEqual(judged({ harbor: ['a/b/c'] }, plain).invalid, []);
});
