import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { jsonOf, startStand } from './stand.ts';

interface Delivery {
  file: string;
  headers: Record<string, string>;
}

const folder = new URL('../fixtures/harbor/', import.meta.url);

/** How many tasks stand for a delivery; of those not named here, none. */
const tasksOf = new Map<string, number>([
  ...'01 02 04 05 07 11 12 14'.split(' ').map((number) => [number, 1] as const),
  ['21', 2],
  ...[1, 2, 3, 4, 7, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 25, 27, 28, 29, 31, 32, 33]
    .concat([51, 53, 56, 58, 62, 68, 70, 93, 97, 100, 104])
    .map((number) => [`real-${String(number).padStart(3, '0')}`, 1] as const),
]);

/** These names have a release candidate's tag, which the stand's rule excludes. */
const noRule = new Set(['02', 'real-023', 'real-024']);

const all = await deliveries();
const secrets = [...new Set(all.map(({ headers }) => headers.Authorization ?? ''))];
const stand = await startStand({ after }, { webhook: { secrets } });

for (const { file, headers } of all) {
  test(`delivery ${file}`, async () => {
    const body = await readFile(new URL(file, folder));
    const answer = await stand.post(body, headers);
    assert.equal(answer.status, 202, answer.body.toString());
    const { tasks, ignored } = jsonOf(answer);
    const name = file.replace('real/', '').replace(/^((?:real-)?\d+).*/, '$1');
    const expected = noRule.has(name) ? 0 : (tasksOf.get(name) ?? 0);
    assert.equal(tasks.length, expected);
    if (noRule.has(name)) assert.equal(ignored, 'no-rule');
  });
}

async function deliveries(): Promise<Delivery[]> {
  const composed = await readIndex('index.json');
  const recorded = (await readIndex('real/index.json')).deliveries;
  return [
    ...Object.keys(composed).map((name) => ({ file: `${name}.json`, headers: composed[name].headers })),
    ...Object.keys(recorded).map((name) => {
      const { Authorization, 'Content-Type': contentType } = recorded[name].headers;
      return { file: `real/${name}`, headers: { Authorization, 'Content-Type': contentType } };
    }),
  ];
}

async function readIndex(path: string) {
  return JSON.parse(await readFile(new URL(path, folder), 'utf8'));
}
