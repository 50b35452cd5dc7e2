import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harbor } from '../../src/harbor/harbor.ts';
import { all, failure } from '../registry/stand.ts';
import { digestOf } from './stand.ts';

/* Answers that no Harbor gives, told straight to the client: there would be too many, or too large ones, to be sent. */

/** A Harbor whose answers to `n` requests are what `answer` makes of `n`. */
function harborThat(answer: (request: number) => { body: string; total?: number }): Harbor {
  let requests = 0;
  const none = new Headers();
  const send: ConstructorParameters<typeof Harbor>[0]['send'] = async () => {
    const { body, total } = answer(++requests);
    const headers = total === undefined ? none : new Headers({ 'x-total-count': String(total) });
    return { status: 200, headers, bytes: Buffer.from(body) };
  };
  return new Harbor({ send, origin: new URL('http://harbor.example.com'), anonymous: true });
}

const artifact = { id: 1, digest: digestOf(1), repository_name: 'team/app' };

function artifactWith(members: object): string {
  return JSON.stringify([{ ...artifact, ...members }]);
}

function many(row: unknown): unknown[] {
  return Array<unknown>(20_000).fill(row);
}

test('Harbor, hostile: a list by ids that always has one more ends', async () => {
  const harbor = harborThat((id) => ({ body: artifactWith({ id }), total: 1_000_000_000 }));
  let seen = 0;
  const read = async (): Promise<void> => {
    for await (const { lastId } of harbor.artifacts('team', 0)) seen = lastId;
  };
  const error = await failure(read(), 'protocol');
  assert.match(error.message, /artifacts: expected a list that ends, got 10000 pages of it$/);
  assert.equal(seen, 10_000);
});

test('Harbor, hostile: a list by pages that always has one more ends', async () => {
  const harbor = harborThat((page) => ({ body: `[{"name":"team/a${page}"}]`, total: 1_000_000_000 }));
  const error = await failure(harbor.repositories('team'), 'protocol');
  assert.match(error.message, /repositories: expected a list that ends, got 10000 pages of it$/);
});

for (const [what, row] of Object.entries({
  rows: { name: 'team/app', ...artifact },
  'rows that are none': {},
}))
  test(`Harbor, hostile: a page of very many ${what} is refused before they are looked at`, async () => {
    const harbor = harborThat(() => ({ body: JSON.stringify(many(row)), total: 1 }));
    for (const asked of [
      harbor.repositories('team'),
      harbor.projects(),
      harbor.policies('team'),
      harbor.newestAudit('team'),
      all(harbor.artifacts('team', 0)),
      all(harbor.tagsCreated('team', 0)),
    ]) {
      const error = await failure(asked, 'protocol');
      assert.match(error.message, /: answer: expected at most 100 rows; is this Harbor\?$/);
    }
  });

for (const member of ['tags', 'accessories'])
  test(`Harbor, hostile: of very many ${member} that are none a few are looked at`, async () => {
    const harbor = harborThat(() => ({ body: artifactWith({ [member]: many({}) }) }));
    const error = await failure(all(harbor.artifacts('team', 0)), 'protocol');
    assert.match(error.message, new RegExp(`: 0.${member}: expected rows, got more than 100 that are none`));
  });

test('Harbor, hostile: very many tags of one artifact are all listed', async () => {
  const tags = many(0).map((_, index) => ({ name: `v${index}` }));
  const harbor = harborThat(() => ({ body: artifactWith({ tags }) }));
  const [page] = await all(harbor.artifacts('team', 0));
  assert.equal(page?.artifacts[0]?.tags.length, tags.length);
});

for (const id of [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER + 1, '1', null, {}])
  test(`Harbor, hostile: ${JSON.stringify(id)} is no id`, async () => {
    const harbor = harborThat(() => ({ body: artifactWith({ id }) }));
    await failure(all(harbor.artifacts('team', 0)), 'protocol');
  });

for (const [what, body] of Object.entries({
  'the last id again': artifactWith({ id: 7 }),
  'an older id': artifactWith({ id: 3 }),
  'an id twice': JSON.stringify([8, 8].map((id) => ({ ...artifact, id }))),
}))
  test(`Harbor, hostile: ${what} is refused`, async () => {
    const harbor = harborThat(() => ({ body, total: 5 }));
    await failure(all(harbor.artifacts('team', 7)), 'protocol');
  });

test('Harbor, hostile: a count below the rows that came ends no list, and one above none is a mistake', async () => {
  const page = (first: number) =>
    JSON.stringify(Array.from({ length: 100 }, (_, index) => ({ ...artifact, id: first + index })));
  const short = harborThat((request) => ({
    body: request === 1 ? page(1) : artifactWith({ id: 101 }),
    total: 0,
  }));
  const pages = await all(short.artifacts('team', 0));
  assert.deepEqual(
    pages.map(({ lastId }) => lastId),
    [100, 101],
  );
  const empty = harborThat(() => ({ body: '[]', total: 500 }));
  const error = await failure(all(empty.artifacts('team', 0)), 'protocol');
  assert.match(error.message, /expected 500 rows, got none$/);
});

test('Harbor, hostile: policies without an end, each with thousands of targets: few are read, and none seems to have one target', async () => {
  const targets = many({ type: 'http', address: 'http://m/webhooks/harbor' });
  let requests = 0;
  const policies = (count: number): object[] =>
    Array.from({ length: count }, (_, index) => ({ id: index + 1, targets, event_types: many('X') }));
  const harbor = harborThat((page) => {
    requests = page;
    return { body: JSON.stringify(policies(2)), total: 1_000_000_000 };
  });
  const error = await failure(harbor.webhooks.list('team'), 'protocol');
  assert.match(error.message, /policies: expected a list that ends, got 10 pages of it$/);
  assert.equal(requests, 10);
  const ending = harborThat(() => ({ body: JSON.stringify(policies(1)), total: 1 }));
  const [one] = await ending.webhooks.list('team');
  assert.deepEqual([one?.targets.length, one?.events.length], [100, 100]);
});
