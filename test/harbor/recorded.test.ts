import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json } from '../../src/demo/registry/call.ts';
import { parseHarbor } from '../../src/event/harbor.ts';
import type { Harbor } from '../../src/harbor/harbor.ts';
import { all } from '../registry/stand.ts';
import { startCallServer } from '../support/call-server.ts';
import { type Recording, recordings } from './recording.ts';
import { clientOf } from './stand.ts';

/* Every recorded answer of a call that the client makes is understood. */

/** The client's call, by the path that was recorded: gives the rows of the answer. */
const calls: readonly [path: RegExp, call: (harbor: Harbor) => Promise<unknown[]>][] = [
  [/\/systeminfo/, async (harbor) => [await harbor.release()]],
  [/\/projects\?/, (harbor) => harbor.projects()],
  [/\/repositories(\?|$)/, (harbor) => harbor.repositories('team')],
  [/\/repositories\/.*\/artifacts/, (harbor) => rowsOf(harbor.repositoryArtifacts('team/app', 0))],
  [/\/artifacts/, (harbor) => rowsOf(harbor.artifacts('team', 0))],
  [/\/webhook\/events/, async (harbor) => [await harbor.permitted('team')]],
  [/\/policies$/, (harbor) => harbor.policies('team')],
  [/\/executions/, (harbor) => rowsOf(harbor.deliveries('team', 20, 0))],
  [/\/auditlog-exts/, (harbor) => rowsOf(harbor.tagCreations('team', 0))],
];

async function rowsOf<Row>(pages: AsyncIterable<{ rows: readonly Row[] }>): Promise<Row[]> {
  return (await all(pages)).flatMap(({ rows }) => rows);
}

async function read(t: Parameters<typeof clientOf>[0], { body, request }: Recording): Promise<unknown[]> {
  const server = await startCallServer(t, () => json(200, inOrder(body)));
  const call = calls.find(([path]) => path.test(request.path))?.[1];
  assert.ok(call, request.path);
  return call(clientOf(t, server.url));
}

/** The client asks for the order of ids, whatever was recorded. */
function inOrder(body: unknown): unknown {
  return Array.isArray(body) ? body.toSorted((one, other) => one.id - other.id) : body;
}

for (const recording of recordings.filter(({ status }) => status === 200)) {
  test(`Harbor, recorded: ${recording.file}`, async (t) => {
    const rows = await read(t, recording);
    if (/auditlog/.test(recording.request.path)) return assert.ok(rows.length > 0);
    assert.equal(rows.length, Array.isArray(recording.body) ? recording.body.length : 1);
  });
}

function recorded(file: string): Recording {
  const found = recordings.find((recording) => recording.file.startsWith(file));
  return found ?? assert.fail(file);
}

test('Harbor, recorded: an artifact with three tags and accessories', async (t) => {
  const rows = await read(t, recorded('rest-029'));
  assert.deepEqual(rows.slice(0, 1), [
    {
      id: 7,
      repository: 'team/app',
      digest: 'sha256:26ae9c609acc6d3cd3e8b8cdd7d670dbcf7236a7d957205c53c4883d3d504438',
      pushedAt: Date.parse('2026-11-23T09:14:29.683Z'),
      tags: [
        { name: 'by-api', pushedAt: Date.parse('2026-11-23T09:15:43.259Z') },
        { name: 'stable', pushedAt: Date.parse('2026-11-23T09:14:41.929Z') },
        { name: '2.0', pushedAt: Date.parse('2026-11-23T09:14:29.697Z') },
      ],
      hidesTags: true,
    },
  ]);
});

test('Harbor, recorded: tags in the audit log, made in Harbor or pushed', async (t) => {
  const rows = await read(t, recorded('rest-047'));
  const told = rows
    .map((row) => ({ ...Object(row) }))
    .map(({ id, repository, tag, by }) => `${id} ${repository}:${tag} ${by}`);
  assert.deepEqual(told.slice(-4), [
    '21 team/charts/web-frontend:1.2.3_build.5 push',
    '22 team/platform/a/svc.gateway_x-y:Release_2026.08-rc.1 push',
    '23 team/app:by-api tag',
    '25 team/app:by-api tag',
  ]);
});

test('Harbor, recorded: a delivery that was never sent is the event that it would have been', async (t) => {
  const [delivery] = await read(t, recorded('rest-171'));
  const { payload, startedAt } = Object(delivery);
  const event = parseHarbor('application/json', payload, startedAt);
  assert.ok(event.kind === 'push');
  assert.deepEqual([event.repository, event.references[0]?.tag], ['load/dur', 'jsdown']);
});

test('Harbor, recorded: a CloudEvent keeps its id', async (t) => {
  const [delivery] = await read(t, recorded('rest-090'));
  const event = parseHarbor('application/json', Object(delivery).payload, 0);
  assert.equal(event.id, 'ec07b804-d7d9-42ad-b5f4-30cefa111411');
});
