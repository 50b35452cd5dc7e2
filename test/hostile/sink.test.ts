import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { RegistryError } from '../../src/copy/error.ts';
import { json } from '../../src/demo/registry/call.ts';
import { createLog } from '../../src/log.ts';
import { run } from '../integration/process.ts';
import { all, clientOf, failure } from '../registry/stand.ts';
import { jsonOf, push, startStand } from '../server/stand.ts';
import { startCallServer } from '../support/call-server.ts';
import { texts } from './corpus.ts';
import { anyText, assertLine, runs, unprintable } from './hostile.ts';

/** Where others' words come out: the log, the admin API, the command line. None can forge a line or command a terminal. */

const short = Object.values(texts).filter((text) => text.length < 1_000);

function logged(format: 'json' | 'pretty', message: string, fields: Record<string, unknown>): string {
  let written = '';
  const stream = new Writable({ write: (chunk, _, done) => (done(), void (written += String(chunk))) });
  createLog({ level: 'info', format, stream }).info(message, fields);
  return written;
}

test('log: one line in either format, whatever is told, and in JSON the same text again', () => {
  const text = anyText('level=error', '{"level":"error"}', '\n', '\r', 'time=');
  fc.assert(
    fc.property(text, text, (value, key) => {
      const error = new RegistryError('protocol', value, { cause: new Error(value) });
      const fields = { value, [key]: value, list: [value, { [key]: value }], error, bare: new Error(value) };
      for (const format of ['json', 'pretty'] as const) {
        const line = logged(format, value, fields);
        assert.equal(line.at(-1), '\n');
        assertLine(line.slice(0, -1), 1_000_000);
      }
      if (value.length > 1_000 || /[\p{Cs}]|\/\/|bearer|basic/iu.test(value)) return;
      assert.equal(JSON.parse(logged('json', 'x', { value })).value, value);
    }),
    runs(400),
  );
});

const stand = await startStand({ after });

test('webhook and admin API: a refusal is one document without anything that a terminal obeys', async () => {
  for (const text of short) {
    const header = Buffer.from(text)
      .toString('latin1')
      .replace(/[\x00-\x1f\x7f]/g, ' ');
    const answers = [
      await stand.post(push('library/web', 'v1'), { 'Content-Type': header }),
      await stand.post(push(text, text)),
      await stand.post(JSON.stringify({ type: text, event_data: {} })),
      await stand.api('POST', '/resync', { repository: text, tag: text, [text]: text }),
      await stand.api('POST', '/rules/test', { repository: 'a', tags: [text], [text]: 1 }),
      await stand.api(
        'GET',
        `/tasks?${new URLSearchParams({ cursor: text, state: text, [text]: text }).toString()}`,
      ),
      await stand.api('GET', `/tasks/${encodeURIComponent(text.toWellFormed())}/retry`),
    ];
    for (const { status, body, headers } of answers) {
      if (status < 400) continue;
      assert.equal(headers['content-type'], 'application/problem+json');
      assertLine(body.toString(), 10_000);
      assertLine(JSON.parse(body.toString()).detail, 2_000);
      for (const { detail } of jsonOf({ status, headers, body }).errors ?? []) assertLine(detail, 500);
    }
  }
  for (const { message, fields } of stand.logged)
    assertLine(logged('pretty', message, fields).slice(0, -1), 10_000);
});

test('admin API: a body of a megabyte of mistakes is answered with the first of them', async () => {
  const tags = Array(200_000).fill('+');
  const { status, body } = await stand.api('POST', '/rules/test', { repository: 'a/b', tags });
  assert.equal(status, 422);
  assert.ok(body.length < 50_000, `${body.length} bytes`);
});

test('registry errors: a hostile registry’s words are one printable line of bounded length', async (t) => {
  let words = '';
  const server = await startCallServer(t, ({ path }) => {
    const header = Buffer.from(words)
      .toString('latin1')
      .replace(/[\x00-\x1f\x7f]/g, ' ')
      .slice(0, 4_000);
    const headers = { location: header, 'docker-content-digest': header, 'content-type': header };
    if (path === '/v2/') return { status: 200, headers: {}, body: Buffer.alloc(0) };
    if (path.endsWith('moved')) return { status: 307, headers, body: Buffer.from(words) };
    if (path.endsWith('told')) return { status: 200, headers, body: Buffer.from(words) };
    return json(400, { errors: [{ code: words, message: words }] });
  });
  const repository = clientOf(t, server.url).repository('a/b', 'pull');
  const asks = [
    () => repository.resolve('moved'),
    () => repository.resolve('told'),
    () => all(repository.tags()),
  ];
  for (words of Object.values(texts))
    for (const ask of asks) {
      const error: unknown = await ask().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      assert.ok(error instanceof RegistryError);
      assertLine(error.message, 1_500);
      if (error.code !== undefined && error.code !== '') assertLine(error.code, 64);
    }
  words = texts['a line separator'] ?? '';
  const { message } = await failure(all(repository.tags()), 'protocol');
  assert.match(message, /\(a level=error: a level=error\)$/);
});

/** A task whose every text is hostile, as a server that is no mirror of ours could send it. */
function taskOf(text: string) {
  const end = { registry: text, repository: text, tag: text };
  const ending = { reason: text, message: text };
  const attempts = [{ number: 1, startedAt: text, ...ending }];
  return { id: 1, state: text, source: end, destination: end, nextAttemptAt: text, ...ending, attempts };
}

test('command line: each task is one line, and nothing in it reaches the terminal as a command', async (t) => {
  const tasks = short.map(taskOf);
  const everything = short.join('');
  const server = await startCallServer(t, ({ path, query }) => {
    if (query.get('tag') === 'html') return { status: 500, headers: {}, body: Buffer.from(everything) };
    if (query.get('tag') === 'problem')
      return json(422, { detail: everything, errors: [{ detail: everything, parameter: everything }] });
    return json(200, path.endsWith('/tasks') ? { tasks, next: everything } : taskOf(everything));
  });
  const tagferry = async (...args: string[]) => {
    const env = { TAGFERRY_ADMIN_TOKEN: 'x' };
    const { stdout, stderr } = await run(t, [...args, '--server', server.url], { env });
    for (const line of [...stdout.split('\n'), ...stderr.split('\n')]) assert.doesNotMatch(line, unprintable);
    return { out: stdout.split('\n'), err: stderr.split('\n') };
  };
  const [list, json1, show, html, problem] = await Promise.all([
    tagferry('tasks', 'list'),
    tagferry('tasks', 'list', '--json'),
    tagferry('tasks', 'show', '1'),
    tagferry('tasks', 'list', '--tag', 'html'),
    tagferry('tasks', 'list', '--tag', 'problem'),
  ]);
  assert.equal(list.out.length, tasks.length);
  assert.deepEqual(JSON.parse(json1.out.join('\n')).next, everything);
  assert.equal(show.out.length, 2);
  assert.equal(html.err.length, 1);
  assert.equal(problem.err.length, 2);
});
