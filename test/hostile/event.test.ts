import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EventError, parseHarbor } from '../../src/event/harbor.ts';
import { bytes, texts } from './corpus.ts';
import { anyText, damaged, replaced, runs, valueOrError } from './hostile.ts';

/** The webhook parser: an event that keeps its promises, or an `EventError`. */

const data = {
  repository: { name: 'web', namespace: 'library', repo_full_name: 'library/web', repo_type: 'private' },
  resources: [{ tag: 'v1', digest: `sha256:${'0'.repeat(64)}`, resource_url: 'h/library/web:v1' }],
};
const documents = [
  { type: 'PUSH_ARTIFACT', occur_at: 1_787_212_800, operator: 'me', event_data: data },
  { type: 'SCANNING_COMPLETED', occur_at: 1_787_212_800, event_data: data },
  { type: 'DELETE_ARTIFACT', occur_at: 1_787_212_800, event_data: data },
  {
    specversion: '1.0',
    id: 'f1',
    source: '/projects/1',
    type: 'harbor.artifact.pushed',
    time: '2026-11-24T12:00:00Z',
    data,
  },
];
const contentTypes = ['application/json', 'application/cloudevents+json; charset=utf-8', ''];

function check(body: Uint8Array, contentType: string): void {
  const event = valueOrError(() => parseHarbor(contentType, body, 7), EventError, 200);
  if (event === undefined) return;
  assert.match(event.type, /^[\x21-\x7e]{1,100}$/);
  if (event.id !== undefined) assert.match(event.id, /^[\x21-\x7e]{1,200}$/);
  assert.ok(event.occurredAt >= 0 && event.occurredAt <= 8.64e15, String(event.occurredAt));
  if (event.repository !== undefined) assertRepository(event.repository);
  if (event.kind === 'ignored') assert.match(event.ignored, /^[a-z-]+$/);
  if (event.kind !== 'push') return;
  assert.ok(event.references.length > 0 && event.references.length <= 1_000);
  for (const { tag, digest } of event.references) {
    assert.match(tag, /^\w[\w.-]{0,127}$/);
    if (digest !== undefined) assert.match(digest, /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
  }
}

function assertRepository(name: string): void {
  assert.match(name, /^[a-z0-9][a-z0-9._/-]{0,254}$/);
  assert.ok(!name.split('/').some((part) => !/^[a-z0-9].*[a-z0-9]$|^[a-z0-9]$/.test(part)), name);
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value));

test('webhook: every nasty text in every member of every kind of event', () => {
  for (const text of Object.values(texts))
    for (const document of documents)
      for (const odd of replaced(document, text)) check(encoded(odd), contentTypes[0] ?? '');
});

test('webhook: nasty bytes, as the body and as the content', () => {
  for (const body of Object.values(bytes))
    for (const contentType of contentTypes) {
      check(body, contentType);
      const content = Buffer.concat([
        Buffer.from('{"type":"PUSH_ARTIFACT","event_data":'),
        body,
        Buffer.from('}'),
      ]);
      check(content, contentType);
    }
});

test('webhook: a valid event, damaged', () => {
  const body = fc.constantFrom(...documents).chain((document) => damaged(encoded(document)));
  fc.assert(fc.property(body, fc.constantFrom(...contentTypes), check), runs(1_500));
});

test('webhook: a valid event with any text or value somewhere', () => {
  const value = fc.oneof(anyText('PUSH_ARTIFACT', '/', ':', '.', 'v1'), fc.jsonValue());
  fc.assert(
    fc.property(fc.constantFrom(...documents), value, fc.nat(), (document, value, which) => {
      const all = replaced(document, value);
      check(encoded(all[which % all.length]), contentTypes[which % 3] ?? '');
    }),
    runs(1_500),
  );
});

test('webhook: a body of the largest size with as many resources, tags or members as fit', () => {
  const around = (list: string) =>
    Buffer.from(
      `{"type":"PUSH_ARTIFACT","event_data":{"repository":{"repo_full_name":"a/b"},"resources":${list}}}`,
    );
  for (const item of ['1', '{}', '{"tag":"v1"}', '{"tag":"sha256:0"}', '[]', 'null'])
    check(
      around(
        `[${Array(Math.floor(1_000_000 / (item.length + 1)))
          .fill(item)
          .join()}]`,
      ),
      '',
    );
  check(around(`[{"tag":"${'a'.repeat(1_000_000)}"}]`), '');
  check(around(`[{${Array(100_000).fill('"tag":"v1"').join()}}]`), '');
});
