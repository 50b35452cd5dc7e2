import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Event } from '../../src/event/event.ts';
import { EventError, parseHarbor } from '../../src/event/harbor.ts';

const receivedAt = 1_800_000_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);

function parse(body: unknown, contentType = 'application/json'): Event {
  return parseHarbor(contentType, bytes(typeof body === 'string' ? body : JSON.stringify(body)), receivedAt);
}

function push(change: { repository?: unknown; resources?: unknown; more?: object } = {}) {
  const { repository = { repo_full_name: 'library/web' }, resources = [{ tag: 'v1' }], more } = change;
  return { type: 'PUSH_ARTIFACT', occur_at: 1_787_212_800, event_data: { repository, resources }, ...more };
}

const refused: [string, unknown][] = [
  ['nothing', ''],
  ['not JSON', '<html>'],
  ['a list', '[]'],
  ['null', 'null'],
  ['an empty object', {}],
  ['a type that is a number', { type: 1, event_data: {} }],
  ['a type with a line break', { type: 'A\nB', event_data: {} }],
  ['no content', { type: 'PUSH_ARTIFACT' }],
  ['a CloudEvent without data', { specversion: '1.0', type: 'harbor.artifact.pushed' }],
  ['members of the prototype', '{"__proto__":{"type":"PUSH_ARTIFACT","event_data":{}}}'],
  ['a push without repository', push({ repository: null })],
  ['a push whose repository climbs', push({ repository: { repo_full_name: '../../etc' } })],
  ['a push whose repository has a registry', push({ repository: { repo_full_name: 'evil.example:443/a' } })],
  ['a push without resources', push({ resources: null })],
  ['a push with no resource', push({ resources: [] })],
  [
    'a push with too many resources',
    push({ resources: Array.from({ length: 1001 }, () => ({ tag: 'v1' })) }),
  ],
  ['a resource with neither tag nor digest', push({ resources: [{}] })],
  ['a tag with control characters', push({ resources: [{ tag: 'v1\u0007\u001b[31m' }] })],
  ['a tag that grows when it is quoted', push({ resources: [{ tag: '\u0007'.repeat(80) }] })],
  ['a tag of other letters', push({ resources: [{ tag: 'versión\u2028' }] })],
  ['a CloudEvent before 1970', { specversion: '1.0', type: 'a', time: '0001-01-01T00:00:00Z', data: {} }],
  ['a tag that is a path', push({ resources: [{ tag: '../v1' }] })],
  [
    'a tag on the prototype',
    '{"type":"PUSH_ARTIFACT","event_data":{"repository":{"repo_full_name":"a/b"},"resources":[{"__proto__":{"tag":"v1"}}]}}',
  ],
  ['a time beyond all dates', push({ more: { occur_at: 1e300 } })],
  ['a time before 1970', push({ more: { occur_at: -1 } })],
  ['an endless number', '{"type":"PUSH_ARTIFACT","occur_at":1e999,"event_data":{}}'],
  ['an id of a million characters', { specversion: '1.0', id: 'x'.repeat(1e6), type: 'a', data: {} }],
  ['half a million brackets', `{"type":"PUSH_ARTIFACT","event_data":${'['.repeat(5e5)}${']'.repeat(5e5)}}`],
];

for (const [name, body] of refused)
  test(`bodies that are no event: ${name}`, () => {
    assert.throws(
      () => parse(body),
      (error) => {
        assert.ok(error instanceof EventError);
        assert.match(error.message, /^[\x20-\x7e]{10,200}$/);
        return true;
      },
    );
  });

test('bodies that are no event: invalid UTF-8, wherever it is', () => {
  const text = JSON.stringify(push({ more: { operator: 'M\u00fcller' } }));
  assert.equal(parse(text).kind, 'push');
  assert.throws(() => parseHarbor('application/json', Buffer.from(text, 'latin1'), receivedAt), EventError);
});

test('bodies that are no event: the Default format delivered as a CloudEvent', () => {
  assert.throws(() => parse(push(), 'application/cloudevents+json; charset=utf-8'), EventError);
});

test('bodies that are no event: whatever comes, only an EventError is thrown', () => {
  const tag = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('v1', 'sha256:x', null, 3, {}));
  const shaped = fc.record(
    {
      type: fc.constantFrom('PUSH_ARTIFACT', 'SCANNING_COMPLETED', 'PULL_ARTIFACT', '__proto__', 7),
      specversion: fc.constant('1.0'),
      occur_at: fc.oneof(fc.double(), fc.anything()),
      event_data: fc.oneof(
        fc.anything(),
        fc.record({ repository: fc.anything(), resources: fc.array(fc.record({ tag })) }),
      ),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    shaped.map((value) => JSON.stringify(value)),
  );
  const body = fc.oneof(fc.uint8Array(), text.map(bytes));
  fc.assert(
    fc.property(
      fc.constantFrom('', 'application/json', 'application/cloudevents+json'),
      body,
      (type, delivered) => {
        try {
          parseHarbor(type, delivered, receivedAt);
        } catch (error) {
          assert.ok(error instanceof EventError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('bodies that are odd, and still an event: without a time, the time of arrival counts', () => {
  assert.equal(parse(push({ more: { occur_at: null } })).occurredAt, receivedAt);
  assert.equal(parse({ specversion: '1.0', type: 'a', data: {} }).occurredAt, receivedAt);
});

test('bodies that are odd, and still an event: a type that nobody knows is ignored, whatever it is called', () => {
  for (const type of ['CREATE_TAG', 'constructor', '__proto__']) {
    const event = parse({ type, event_data: {} });
    assert.ok(event.kind === 'ignored');
    assert.equal(event.ignored, 'unknown-type');
  }
});

test('bodies that are odd, and still an event: content of an ignored event is not judged', () => {
  const event = parse({ type: 'DELETE_ARTIFACT', event_data: { repository: 7, resources: 'x' } });
  assert.ok(event.kind === 'ignored');
  assert.equal(event.ignored, 'deletion');
});

test('bodies that are odd, and still an event: a CloudEvent is known by its content, when a proxy changed the content type', () => {
  const { event_data: data } = push();
  const event = parse({ specversion: '1.0', type: 'harbor.artifact.pushed', id: 'x1', data });
  assert.equal(event.kind, 'push');
  assert.equal(event.id, 'x1');
});

test('bodies that are odd, and still an event: an unknown digest is not passed on, a tag named twice is there once', () => {
  const odd = parse(push({ resources: [{ tag: 'v1', digest: 'md5:1' }] }));
  assert.ok(odd.kind === 'push');
  assert.deepEqual(odd.references, [{ tag: 'v1' }]);
  const twice = parse(push({ resources: [{ tag: 'v1' }, { tag: 'v2' }, { tag: 'v1' }] }));
  assert.ok(twice.kind === 'push');
  assert.deepEqual(twice.references, [{ tag: 'v1' }, { tag: 'v2' }]);
});

test('bodies that are odd, and still an event: a digest without a tag is no tag', () => {
  const event = parse(push({ resources: [{ digest: `sha256:${'a'.repeat(64)}` }] }));
  assert.ok(event.kind === 'ignored');
  assert.equal(event.ignored, 'by-digest');
});

test('bodies that are odd, and still an event: of a member given twice the last counts', () => {
  assert.equal(parse('{"type":"PULL_ARTIFACT","type":"CREATE_TAG","event_data":{}}').type, 'CREATE_TAG');
});
