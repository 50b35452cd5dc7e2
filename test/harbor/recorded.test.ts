import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json } from '../../src/demo/registry/call.ts';
import type { Harbor } from '../../src/harbor/harbor.ts';
import type { ListedArtifact } from '../../src/task/listing.ts';
import { all, failure } from '../registry/stand.ts';
import { startCallServer } from '../support/call-server.ts';
import { type Recording, recordings } from './recording.ts';
import { clientOf } from './stand.ts';

/* Every recorded answer of a call that the client makes is understood. */

type Page = { artifacts: ListedArtifact[] };

/** The client's call, by the path that was recorded: gives the rows of the answer. */
const calls: readonly [path: RegExp, call: (harbor: Harbor, path: string) => Promise<unknown[]>][] = [
  [/\/projects\?/, (harbor) => harbor.projects()],
  [/\/repositories(\?|$)/, (harbor) => harbor.repositories('team')],
  [/\/projects\/team\/artifacts/, async (harbor) => tagsOf(await all(harbor.artifacts('team', 0)))],
  [/\/executions(\?|$)/, (harbor, path) => deliveriesOf(harbor, Number(/policies\/(\d+)/.exec(path)?.[1]))],
  [/\/auditlog-exts/, async (harbor, path) => createdOf(harbor, /projects\/(\w+)/.exec(path)?.[1] ?? '')],
  [/\/artifacts/, (harbor) => all(harbor.tags('team/app'))],
];

function tagsOf(pages: Page[]): unknown[] {
  return pages.flatMap(({ artifacts }) => artifacts.flatMap(({ tags }) => tags));
}

async function deliveriesOf(harbor: Harbor, policy: number): Promise<unknown[]> {
  const pages = await all(harbor.deliveries('team', policy, 0));
  return pages.flatMap(({ deliveries }) => deliveries);
}

async function createdOf(harbor: Harbor, project: string): Promise<unknown[]> {
  return (await all(harbor.tagsCreated(project, 0))).flatMap(({ created }) => created);
}

function callOf({ request }: Recording) {
  return calls.find(([path]) => path.test(request.path))?.[1];
}

async function read(t: Parameters<typeof clientOf>[0], recording: Recording): Promise<unknown[]> {
  const server = await startCallServer(t, () => json(200, inOrder(recording.body)));
  const call = callOf(recording) ?? assert.fail(recording.request.path);
  return call(clientOf(t, server.url, { anonymous: true }), recording.request.path);
}

/** The client asks for the order of ids, whatever was recorded. */
function inOrder(body: unknown): unknown {
  return Array.isArray(body) ? body.toSorted((one, other) => one.id - other.id) : body;
}

for (const recording of recordings.filter((one) => one.status === 200 && callOf(one))) {
  test(`Harbor, recorded: ${recording.file}`, async (t) => {
    const rows = await read(t, recording);
    assert.equal(rows.length, expectedRows(recording));
  });
}

interface Row {
  resource_type?: string;
  tags?: unknown[] | null;
  accessories?: { type: string }[] | null;
}

function isSignature({ type }: { type: string }): boolean {
  return type === 'signature.cosign';
}

/** A row for each tag where tags are listed, and one for a signature; of the audit log, those of tags. */
function expectedRows({ request, body }: Recording): number {
  const rows: Row[] = Array.isArray(body) ? body : [];
  if (/auditlog/.test(request.path)) return rows.filter((row) => row.resource_type === 'tag').length;
  if (!/\/artifacts/.test(request.path)) return rows.length;
  const signatures = rows.flatMap(({ accessories }) => accessories ?? []).filter(isSignature);
  return rows.reduce((sum, { tags }) => sum + (tags?.length ?? 0), signatures.length);
}

function recorded(file: string): Recording {
  const found = recordings.find((recording) => recording.file.startsWith(file));
  return found ?? assert.fail(file);
}

test('Harbor, recorded: an artifact with three tags, a signature and other accessories', async (t) => {
  const rows = await read(t, recorded('rest-029'));
  const digest = 'sha256:26ae9c609acc6d3cd3e8b8cdd7d670dbcf7236a7d957205c53c4883d3d504438';
  const tags = ['by-api', 'stable', '2.0'];
  assert.deepEqual(
    rows.slice(0, 3),
    tags.map((tag) => ({ tag, digest })),
  );
  assert.deepEqual(rows.at(-1), {
    tag: `${digest.replace(':', '-')}.sig`,
    digest: 'sha256:909db9dfe2aad2df04438230f30d4ad570a7095f163b637cb28f5b0bd783dfc3',
  });
});

test('Harbor, recorded: a tag that was made by the API, twice, is told from all that were pushed', async (t) => {
  const rows = await read(t, recorded('rest-047'));
  const times = ['2026-11-23T09:15:38.483Z', '2026-11-23T09:15:43.262Z'].map(Date.parse);
  const created = { repository: 'team/app', tag: 'by-api' };
  assert.deepEqual(rows, [
    { id: 23, ...created, at: times[0] },
    { id: 25, ...created, at: times[1] },
  ]);
});

test('Harbor, recorded: what was sent while nobody could send it, to the letter', async (t) => {
  const [delivery] = await read(t, recorded('rest-171'));
  const body = JSON.stringify(recorded('rest-171').body);
  const { payload, status, ...others } = Object(delivery);
  assert.ok(body.includes(JSON.stringify(payload)));
  const startedAt = Date.parse('2026-11-23T09:46:04Z');
  assert.deepEqual(
    { status, ...others },
    {
      id: 2875,
      contentType: 'application/json',
      startedAt,
      status: 'Running',
    },
  );
});

test('Harbor, recorded: policies by where they send to', async (t) => {
  const { body } = recorded('rest-052');
  const ours = JSON.stringify(body).replace('/hook/def', '/webhooks/harbor');
  const server = await startCallServer(t, () => json(200, JSON.parse(ours)));
  assert.deepEqual(await clientOf(t, server.url).policies('team'), [{ id: 20, enabled: true }]);
});

for (const [file, fault] of [
  ['rest-001', 'denied'],
  ['rest-002', undefined],
  ['rest-003', undefined],
  ['rest-004', 'denied'],
  ['rest-005', 'denied'],
] as const)
  test(`Harbor, recorded: ${file}: whether it knows the account`, async (t) => {
    const server = await startCallServer(t, (call) =>
      json(200, call.path.endsWith('/systeminfo') ? recorded(file).body : []),
    );
    const asked = clientOf(t, server.url).projects();
    if (fault === undefined) assert.deepEqual(await asked, []);
    else await failure(asked, fault);
  });
