import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Namespaces } from '../../src/aliyun/namespaces.ts';
import { Preparation, type Templates } from '../../src/aliyun/preparation.ts';
import { acrInstance } from '../support/acr-instance.ts';
import { instanceShelf } from '../support/acr-openapi.ts';
import { failure, startStand, type Stand } from './stand.ts';

const namespaces = { visibility: 'private', immutableTags: false, autoCreateRepositories: false } as const;
const repositories = { visibility: 'private', immutableTags: false, summary: 'A mirror' } as const;

interface Preparing extends Stand {
  preparation: Preparation;
  /** What was told of. */
  made: string[];
  actions(): string[];
}

async function start(t: Parameters<typeof startStand>[0], templates: Templates): Promise<Preparing> {
  const instance = acrInstance();
  const stand = await startStand(t, {}, instanceShelf(instance), instance);
  const made: string[] = [];
  const preparation = new Preparation(new Namespaces(stand.client), templates, (what, name, how) =>
    made.push(`${what} ${name} ${how}`),
  );
  return { ...stand, preparation, made, actions: () => stand.server.calls.map(({ action }) => action) };
}

test('namespace and repository are made where both are missing', async (t) => {
  const { preparation, server, made } = await start(t, { namespaces, repositories });
  await preparation.ready('new/app');
  assert.deepEqual(made, ['namespace new made', 'repository new/app made']);
  assert.ok(server.instance.namespaces.has('new') && server.instance.repositories.has('new/app'));
});

test('what is there is left alone, and asked for once', async (t) => {
  const { preparation, made, actions } = await start(t, { namespaces, repositories });
  await preparation.ready('frozen/known');
  await preparation.ready('frozen/known');
  assert.deepEqual(made, []);
  assert.deepEqual(actions(), ['GetRepository']);
});

test('without the template of a namespace none is made, and the reason says so', async (t) => {
  const { preparation, server, made, actions } = await start(t, { repositories });
  const error = await failure(preparation.ready('new/app'), 'denied');
  assert.match(error.message, /namespace new is not there, and prepare\.namespaces/);
  assert.deepEqual([made, actions()], [[], ['GetRepository']]);
  assert.ok(!server.instance.namespaces.has('new'));
  await preparation.ready('frozen/app');
  assert.deepEqual(made, ['repository frozen/app made']);
});

test('without the template of a repository none is made', async (t) => {
  const { preparation, server, made } = await start(t, { namespaces });
  await preparation.ready('new/app');
  await preparation.ready('mirror/app');
  assert.deepEqual(made, ['namespace new made']);
  assert.deepEqual([...server.instance.repositories], ['frozen/known']);
});

test('however many wait, each thing is made once', async (t) => {
  const { preparation, made, actions } = await start(t, { namespaces, repositories });
  const wanted = Array.from({ length: 30 }, (_, index) => `new/app${index % 3}`);
  await Promise.all(wanted.map((name) => preparation.ready(name)));
  assert.deepEqual(made.toSorted(), [
    'namespace new made',
    'repository new/app0 made',
    'repository new/app1 made',
    'repository new/app2 made',
  ]);
  const count = (action: string) => actions().filter((each) => each === action).length;
  assert.deepEqual(['CreateNamespace', 'CreateRepository', 'GetRepository'].map(count), [1, 3, 3]);
});

test('a failure is heard by all who wait, and is not remembered', async (t) => {
  const { preparation, server, made } = await start(t, { repositories });
  server.forbidden.add('CreateRepository');
  const waiting = [1, 2, 3].map(() => failure(preparation.ready('frozen/app'), 'denied'));
  for (const { message } of await Promise.all(waiting))
    assert.match(
      message,
      /grant cr:CreateRepository on acs:cr:\*:\*:repository\/cri-standin00000001\/frozen /,
    );
  assert.equal(server.calls.length, 2);
  server.forbidden.clear();
  await preparation.ready('frozen/app');
  assert.deepEqual(made, ['repository frozen/app made']);
});

test('who gives up waiting takes nothing from the others', async (t) => {
  const { preparation, made } = await start(t, { repositories });
  const giving = new AbortController();
  const [impatient, patient] = [
    preparation.ready('frozen/app', giving.signal),
    preparation.ready('frozen/app'),
  ];
  giving.abort(new Error('enough'));
  await assert.rejects(impatient, /enough/);
  await patient;
  assert.deepEqual(made, ['repository frozen/app made']);
});

test('what was deleted since is made again, once it has been forgotten', async (t) => {
  const { preparation, server, made } = await start(t, { repositories });
  await preparation.ready('frozen/known');
  server.instance.repositories.clear();
  await preparation.ready('frozen/known');
  assert.deepEqual(made, []);
  preparation.forget('frozen/known');
  await preparation.ready('frozen/known');
  assert.deepEqual(made, ['repository frozen/known made']);
});

test('to look makes nothing, and tells what would be made', async (t) => {
  const { preparation, made, actions } = await start(t, { repositories });
  assert.equal(await preparation.isToBeMade('frozen/app'), true);
  assert.equal(await preparation.isToBeMade('frozen/app'), true);
  assert.equal(await preparation.isToBeMade('frozen/known'), false);
  assert.equal(await preparation.isToBeMade('new/app'), false);
  assert.deepEqual(actions(), ['GetRepository', 'GetRepository', 'GetRepository']);
  await preparation.ready('frozen/app');
  assert.equal(await preparation.isToBeMade('frozen/app'), false);
  assert.deepEqual(made, ['repository frozen/app made']);
});

test('a name that ACR EE cannot have is not asked for', async (t) => {
  const { preparation, actions } = await start(t, { namespaces, repositories });
  for (const wrong of ['app', 'a/b/c', '/app', 'a/']) await failure(preparation.ready(wrong), 'name-invalid');
  assert.deepEqual(actions(), []);
});
