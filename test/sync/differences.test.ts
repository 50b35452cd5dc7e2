import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Differences } from '../../src/sync/differences.ts';
import { destinationOf, sourceOf } from '../../src/sync/outcome.ts';
import type { Wanted } from '../../src/rule/rule.ts';
import { wanted } from '../state/open.ts';

function found(differences: Differences) {
  const { copies, skipped } = differences.plan();
  return [
    ...copies.map((copy) => `${sourceOf(copy)} -> ${destinationOf(copy)}`),
    ...skipped.map(({ copy, reason, message }) => `${sourceOf(copy)} ${reason}: ${message}`),
  ];
}

test('what differs comes in the order of names, numbers in them by their size, and each copy once', () => {
  const differences = new Differences();
  const tags = ['v10', 'v9', 'v10'].map((sourceTag) => wanted({ sourceTag, destinationTag: sourceTag }));
  for (const copy of tags) differences.compares(copy);
  differences.add(tags);
  assert.deepEqual(found(differences), [
    'harbor/library/app:v9 -> acr/library/app:v9',
    'harbor/library/app:v10 -> acr/library/app:v10',
  ]);
  assert.deepEqual([differences.compared, differences.collisions], [3, []]);
});

test('of two source tags for one destination tag the first by name is copied, and the other told', () => {
  const differences = new Differences();
  for (const sourceTag of ['v2', 'v1']) {
    const copy = wanted({ sourceTag, destinationTag: 'latest' });
    differences.compares(copy);
    differences.add([copy]);
  }
  assert.deepEqual(found(differences), [
    'harbor/library/app:v1 -> acr/library/app:latest',
    'harbor/library/app:v2 name-collision: harbor/library/app:v1 goes to the same tag; without webhooks nobody knows ' +
      'which is newer',
  ]);
});

test('of two source repositories that meet, the one that is at the destination already keeps it, else the first by name', () => {
  const meeting = ['a/app', 'b/app'].map((sourceRepository) =>
    wanted({ sourceRepository, destinationRepository: 'mirror/app' }),
  );
  const [first, second] = meeting;
  assert.ok(first && second);
  const told = (different: Wanted[]) => {
    const differences = new Differences();
    for (const copy of meeting) differences.compares(copy);
    differences.add(different);
    return [...found(differences), ...differences.collisions];
  };
  const meets = (one: string, other: string) =>
    `harbor/${one} (rule library) and harbor/${other} (rule library) would both become acr/mirror/app; ` +
    'give one of them another `repository`';
  assert.deepEqual(told([first]), [
    'harbor/a/app:v1 name-collision: acr/mirror/app is where harbor/b/app goes',
    meets('b/app', 'a/app'),
  ]);
  assert.deepEqual(told([second, first]), [
    'harbor/a/app:v1 -> acr/mirror/app:v1',
    'harbor/b/app:v1 name-collision: acr/mirror/app is where harbor/a/app goes',
    meets('a/app', 'b/app'),
  ]);
});
