import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Received, send } from '../support/http.ts';
import { type HarborRest, startHarborRest } from '../support/harbor-rest.ts';
import { eventTypes } from '../support/harbor-rest-webhook.ts';
import { digestOf } from './stand.ts';
import { type Recording, headerOf, recordings } from './recording.ts';

/*
 * The stand-in is given what the recorded Harbor held, and asked what that one was asked: statuses, refusals, totals,
 * links and the shapes of rows have to be the same.
 */

const admin = { name: 'admin', password: 'Harbor12345', admin: true, projects: {} };
const robot = { name: 'robot$team+ci', password: 'x', projects: { team: ['repository:pull'] } };

/** One after the other, each on what the one before has left; and what is said before anybody is asked for anything. */
const isWritten = ({ file }: Recording): boolean => /webhook-policy-/.test(file);

for (const recording of recordings.filter((one) => !isWritten(one))) {
  const { file, request, status } = recording;
  test(`stand-in for Harbor: ${file}: ${request.path}`, async (t) => {
    const { rest, server } = await startHarborRest(t);
    fill(rest);
    if (request.path.includes('/projects/load/')) fillLoad(rest);
    const got = await send(server.url + request.path, { headers: authorization(recording) });
    assert.equal(got.status, status);
    const body = bodyOf(got);
    if (status !== 200) assert.deepEqual(body, recording.body);
    if (typeof body === 'string') assert.equal(withoutTimes(body), withoutTimes(String(recording.body)));
    assertShapes(body, recording.body);
    if (/-(executions|audit)-/.test(file)) assert.ok(Array.isArray(body) && body.length > 0);
    else assertSameRows(recording, body, got.headers);
    if (/auditlog/.test(request.path)) assert.deepEqual(tagRowsOf(body), tagRowsOf(recording.body));
    for (const name of ['set-cookie', 'x-request-id', 'content-type']) assert.ok(got.headers[name], name);
  });
}

test('stand-in for Harbor: policies are written, refused and removed as recorded', async (t) => {
  const { rest, server } = await startHarborRest(t);
  fill(rest);
  rest.content.skipTo('policy', 24);
  const written = recordings.filter(isWritten);
  assert.equal(written.length, 18);
  for (const recording of written) {
    const { file, request, status } = recording;
    const got = await send(server.url + request.path, {
      method: request.method,
      headers: authorization(recording),
      ...(request.body && { body: Buffer.from(JSON.stringify(request.body)) }),
    });
    assert.equal(got.status, status, file);
    assert.equal(got.headers.location, headerOf(recording, 'location'), file);
    assert.deepEqual(untimed(bodyOf(got)), untimed(recording.body), file);
  }
});

/** JSON where it says so, else text. */
function bodyOf({ headers, body }: Received): unknown {
  return headers['content-type']?.startsWith('application/json')
    ? JSON.parse(body.toString())
    : body.toString();
}

/** Times of making are this day's, but for the one that a replacement leaves behind. */
function untimed(body: unknown): unknown {
  return JSON.parse(
    JSON.stringify(body, (name, value) =>
      name.endsWith('_time') && !String(value).startsWith('0001') ? 'a time' : value,
    ),
  );
}

function withoutTimes(log: string): string {
  return log.replace(/^\S+Z /gm, '').replace(/body: \{.*\}$/gm, 'body: {…}');
}

/** The content of the Harbor of the recordings, as far as it is asked for. */
function fill({ content, accounts, about }: HarborRest): void {
  about.ill.registryctl = 'failed to check health: connection refused';
  accounts.push(admin, robot);
  for (const name of ['library', 'retry']) content.project(name, { public: true });
  for (const name of ['team', 'prod']) content.project(name);
  const image = 'sha256:26ae9c609acc6d3cd3e8b8cdd7d670dbcf7236a7d957205c53c4883d3d504438';
  const cosign = image.replace(':', '-');
  fillPolicies({ content });
  // A repository of each other project, as there were; ids follow the order of the recorded ones.
  content.push('library/web', 'pull', digestOf(1));
  content.push('retry/img', 'v1', digestOf(2));
  fillDeliveries({ content });
  content.skipTo('artifact', 4);
  content.push('team/app', undefined, digestOf(3));
  content.remove('team/app', digestOf(3));
  content.skipTo('artifact', 6);
  content.push('team/multi', '3.0', digestOf(6), { children: [digestOf(4), digestOf(5)] });
  content.push('team/app', '2.0', image);
  content.push('team/app', undefined, digestOf(8));
  content.push('team/app', undefined, digestOf(9), { subject: image });
  content.push('team/app', 'report-2.0', digestOf(10), { subject: image });
  content.push('team/app', `${cosign}.sig`, digestOf(11), { subject: image });
  content.push('team/app', `${cosign}.att`, digestOf(12));
  content.push('team/charts/web-frontend', '1.2.3_build.5', digestOf(13));
  content.push('team/platform/a/svc.gateway_x-y', 'Release_2026.08-rc.1', digestOf(14));
  content.push('team/app', 'stable', image);
  content.tag('team/app', 'by-api', image);
  for (const repository of ['prod/app', 'prod/multi']) content.push(repository, '1', digestOf(20));
}

/** A project that was there later than the rest. */
function fillLoad({ content }: HarborRest): void {
  content.skipTo('policy', 31);
  content.policy('load', 'down');
  content.push('load/dur', 'jsdown', digestOf(30), { status: 'Running' });
}

function fillPolicies({ content }: Pick<HarborRest, 'content'>): void {
  const target = { address: 'http://127.0.0.1:19090/hook/ce' };
  for (let id = 1; id <= 17; id++) content.policy('retry', `p${id}`, target);
  content.skipTo('policy', 20);
  const events = [...eventTypes];
  Object.assign(content.policy('team', 'def', target), { events });
  Object.assign(content.policy('team', 'ce', { ...target, payload_format: 'CloudEvents' }), { events });
}

/** How the deliveries of one push ended, by policy and execution. */
function fillDeliveries({ content }: Pick<HarborRest, 'content'>): void {
  const post = 'error to send request: Post';
  const ended: [policy: number, execution: number, why?: string][] = [
    [8, 18],
    [3, 12],
    [1, 3, 'abnormal response code: 500, body: storage down'],
    [
      2,
      14,
      `${post} "http://127.0.0.1:19090/hook/rhang?hang=8": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    ],
    [17, 8, `${post} "http://127.0.0.1:9/x": dial tcp 127.0.0.1:9: connect: connection refused`],
  ];
  for (const execution of content.executions) execution.id += 1_000;
  for (const [policy, id, why] of ended) {
    const found = content.executions.find((execution) => execution.policy.id === policy);
    Object.assign(found ?? {}, { id, ...(why !== undefined && { status: 'Error', why }) });
  }
}

function authorization({ request, note, file }: Recording): Record<string, string> {
  if (request.as === 'anonymous') return {};
  const known = [admin, robot].find(({ name }) => name === request.as);
  const wrong = /wrong-password/.test(file) || note === 'wrong password';
  const password = wrong ? 'wrong' : (known?.password ?? 'unknown');
  return { authorization: `Basic ${Buffer.from(`${request.as}:${password}`).toString('base64')}` };
}

/** Rows of the same names, in the same order, and the same to be said of the pages around them. */
function assertSameRows(recording: Recording, body: unknown, headers: NodeJS.Dict<string | string[]>): void {
  assert.deepEqual(namesIn(body), namesIn(recording.body));
  for (const name of ['x-total-count', 'link']) assert.equal(headers[name], headerOf(recording, name), name);
}

function namesIn(body: unknown): unknown {
  if (!Array.isArray(body)) return typeof body;
  return body.map(({ id, name, repository_name, tags }) => {
    const names = Array.isArray(tags) ? tags.map((tag) => tag.name).toSorted() : tags;
    // Ids of repositories do not matter to anyone.
    return repository_name === undefined ? name : { id, repository_name, names };
  });
}

/** What the audit log says of tags that were made in Harbor, but for when and by whom. */
function tagRowsOf(body: unknown): Set<string> {
  const rows = rowsOf(body).map(Object);
  const tags = rows.filter((row) => row.resource_type === 'tag');
  return new Set(
    tags.map(
      (row) => `${row.operation} ${row.operation_result} ${row.resource}: ${row.operation_description}`,
    ),
  );
}

function assertShapes(body: unknown, recorded: unknown): void {
  const shapes = new Set(rowsOf(recorded).map(shapeOf));
  for (const row of rowsOf(body))
    assert.ok(shapes.has(shapeOf(row)), `${shapeOf(row)}\n${[...shapes].join('\n')}`);
}

function rowsOf(body: unknown): unknown[] {
  return Array.isArray(body) ? body : [body];
}

/** Whose members nobody reads. */
const opaque = new Set(['references', 'addition_links', 'annotations', 'metrics', 'event_types', 'icon']);

function shapeOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  if (Array.isArray(value)) return `[${[...new Set(value.map(shapeOf))].toSorted().join('|')}]`;
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const shown = members.map(([name, member]) => {
    const isOpaque = opaque.has(name) || (name === 'extra_attrs' && !('payload' in Object(member)));
    return isOpaque ? `${name}: …` : `${name}: ${shapeOf(member)}`;
  });
  return `{${shown.join(', ')}}`;
}
