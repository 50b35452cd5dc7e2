import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reloaded } from '../../src/server/reload.ts';
import { checkedApi } from './contract.ts';
import { jsonOf, rules, startStand } from './stand.ts';

test('a reload: the difference, the mistakes of a wrong file, or that it is too late', async (t) => {
  const change = { path: 'registries.acr.url', change: 'changed', restart: false } as const;
  const members = [{ member: 'tags', before: ['**'], after: ['v*', '!*-rc*'] }];
  const difference = {
    rules: { added: rules, removed: [], changed: [{ name: 'library', members }], reordered: true },
    settings: [change],
  };
  const mistake = { file: 'tagferry.yaml', path: 'rules', expected: 'at least one rule', got: 'nothing' };
  const mistakes = [mistake, { ...mistake, line: 3, nearest: 'rule' }];
  const answers: Reloaded[] = [difference, { mistakes }, 'stopping'];
  const reload = async (): Promise<Reloaded> => answers.shift() ?? assert.fail('asked once too often');
  const api = await checkedApi(await startStand(t, { reload }));

  const done = await api('POST', '/reload');
  assert.deepEqual([done.status, jsonOf(done)], [200, difference]);
  const wrong = await api('POST', '/reload', {});
  assert.equal(wrong.status, 422);
  assert.deepEqual(jsonOf(wrong).mistakes, mistakes);
  assert.match(jsonOf(wrong).detail, /2 mistakes.*the old one holds/);
  assert.equal((await api('POST', '/reload')).status, 503);
  assert.equal((await api('GET', '/reload')).status, 405);
  assert.equal((await api('POST', '/reload', { file: '/etc/passwd' })).status, 422);
});
