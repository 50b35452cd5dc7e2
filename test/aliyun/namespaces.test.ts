import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Namespaces } from '../../src/aliyun/namespaces.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { instanceShelf } from '../support/acr-openapi.ts';
import { acrInstance } from '../support/acr-instance.ts';
import { editJson } from '../support/fault.ts';
import { failure, startStand, type Stand } from './stand.ts';

const namespaceTemplate = {
  visibility: 'private',
  immutableTags: false,
  autoCreateRepositories: false,
} as const;
const repositoryTemplate = { visibility: 'private', immutableTags: false, summary: 'A mirror' } as const;

async function start(t: Parameters<typeof startStand>[0]): Promise<Stand & { namespaces: Namespaces }> {
  const instance = acrInstance();
  const stand = await startStand(t, {}, instanceShelf(instance), instance);
  return { ...stand, namespaces: new Namespaces(stand.client) };
}

/** The request is done, but its answer is lost. */
const answerLost: Misbehaviour = async (_call, next) => {
  await next();
  return 'reset';
};

test('a namespace as it is, and one that is missing', async (t) => {
  const { namespaces, server } = await start(t);
  assert.deepEqual(await namespaces.namespace('open'), {
    status: 'NORMAL',
    autoCreate: true,
    visibility: 'public',
    tagImmutability: false,
  });
  server.instance.namespaces.set('late', {
    autoCreate: false,
    public: false,
    immutable: true,
    status: 'DELETING',
  });
  assert.deepEqual(await namespaces.namespace('late'), {
    status: 'DELETING',
    autoCreate: false,
    visibility: 'private',
    tagImmutability: true,
  });
  assert.equal(await namespaces.namespace('nowhere'), undefined);
});

test('an older answer has the deprecated member only', async (t) => {
  const { namespaces, server } = await start(t);
  server.faults.once(
    /./,
    editJson((said) => ({ ...said, DefaultRepoConfiguration: null, DefaultRepoType: 'PUBLIC' })),
  );
  const found = await namespaces.namespace('mirror');
  assert.deepEqual([found?.visibility, found?.tagImmutability], ['public', false]);
});

test('a repository as it is, and what of it is missing', async (t) => {
  const { namespaces, server } = await start(t);
  assert.deepEqual(await namespaces.repository('frozen', 'known'), {
    id: 'crr-0000000000000001',
    visibility: 'private',
    tagImmutability: false,
  });
  server.instance.immutable.add('frozen/known');
  server.instance.visibility.set('frozen/known', 'PUBLIC');
  assert.deepEqual(await namespaces.repository('frozen', 'known'), {
    id: 'crr-0000000000000001',
    visibility: 'public',
    tagImmutability: true,
  });
  assert.equal(await namespaces.repository('frozen', 'new'), undefined);
  assert.equal(await namespaces.repository('nowhere', 'new'), 'no-namespace');
});

test('a namespace is made as the template has it', async (t) => {
  const { namespaces, server } = await start(t);
  assert.equal(await namespaces.createNamespace('first', namespaceTemplate), 'made');
  const other = { visibility: 'public', immutableTags: true, autoCreateRepositories: true } as const;
  assert.equal(await namespaces.createNamespace('second', other), 'made');
  const made = server.instance.namespaces;
  assert.deepEqual(made.get('first'), { autoCreate: false, public: false, immutable: false });
  assert.deepEqual(made.get('second'), { autoCreate: true, public: true, immutable: true });
});

test('a repository is made as the template has it', async (t) => {
  const { namespaces, server } = await start(t);
  assert.equal(await namespaces.createRepository('frozen', 'first', repositoryTemplate), 'made');
  const other = { visibility: 'public', immutableTags: true, summary: 'Ünïcode' } as const;
  assert.equal(await namespaces.createRepository('frozen', 'second', other), 'made');
  const { visibility, immutable, summaries } = server.instance;
  assert.deepEqual(
    [...visibility],
    [
      ['frozen/first', 'PRIVATE'],
      ['frozen/second', 'PUBLIC'],
    ],
  );
  assert.deepEqual([...immutable], ['frozen/second']);
  assert.deepEqual([...summaries.values()], ['A mirror', 'Ünïcode']);
});

test('what somebody else makes at the same time is there, and is not changed', async (t) => {
  const { namespaces, server } = await start(t);
  const { instance } = server;
  const wanted = { ...repositoryTemplate, visibility: 'public' } as const;
  assert.equal(await namespaces.createNamespace('open', namespaceTemplate), 'there');
  assert.equal(await namespaces.createRepository('frozen', 'known', wanted), 'there');
  assert.deepEqual(instance.namespaces.get('open'), { autoCreate: true, public: true });
  assert.equal(instance.visibility.size, 0);
  assert.deepEqual(
    server.calls.map(({ action }) => action),
    ['CreateNamespace', 'GetNamespace', 'CreateRepository', 'GetRepository'],
  );
});

test('when the answer is lost, the next request finds what the first has made', async (t) => {
  const { namespaces, server } = await start(t);
  server.faults.once(/RepoName=new/, answerLost);
  assert.equal(await namespaces.createRepository('frozen', 'new', repositoryTemplate), 'there');
  assert.ok(server.instance.repositories.has('frozen/new'));
});

test('an unknown refusal, and nothing there: the refusal stands', async (t) => {
  const { namespaces, server } = await start(t);
  server.refuse(1, { status: 400, code: 'SOMETHING_ELSE', message: 'the moon is in the way' });
  const error = await failure(namespaces.createNamespace('new', namespaceTemplate), 'protocol');
  assert.match(error.message, /CreateNamespace at .* answered 400 \(SOMETHING_ELSE; the moon is in the way/);
});

test('a full quota says so', async (t) => {
  const { namespaces, server } = await start(t);
  Object.assign(server.instance.quota, { namespaces: 3, repositories: 1 });
  const errors = [
    await failure(namespaces.createNamespace('new', namespaceTemplate), 'denied'),
    await failure(namespaces.createRepository('frozen', 'new', repositoryTemplate), 'denied'),
  ];
  for (const { message } of errors) assert.match(message, /the instance's quota is used up/);
});

test('what may not be made says what to grant, and on what', async (t) => {
  const { namespaces, server } = await start(t);
  for (const action of ['CreateNamespace', 'CreateRepository', 'GetNamespace', 'GetRepository'])
    server.forbidden.add(action);
  const root = 'acs:cr:*:*:repository/cri-standin00000001';
  const asks: [() => Promise<unknown>, string][] = [
    [() => namespaces.namespace('mirror'), `cr:GetNamespace on ${root}/mirror`],
    [() => namespaces.repository('mirror', 'app'), `cr:GetRepository on ${root}/mirror/*`],
    [() => namespaces.createNamespace('new', namespaceTemplate), `cr:CreateNamespace on ${root}`],
    [
      () => namespaces.createRepository('frozen', 'new', repositoryTemplate),
      `cr:CreateRepository on ${root}/frozen`,
    ],
  ];
  for (const [ask, permission] of asks) {
    const error = await failure(ask(), 'denied');
    assert.ok(error.message.includes(`grant ${permission} to the owner`), error.message);
  }
  assert.equal(server.calls.length, 4);
});

test('throttling is waited for, and what is made is made once', async (t) => {
  const { namespaces, server } = await start(t);
  server.refuse(2, { status: 400, code: 'Throttling.User' });
  assert.equal(await namespaces.createRepository('frozen', 'new', repositoryTemplate), 'made');
  assert.deepEqual(
    server.calls.map(({ action }) => action),
    ['CreateRepository', 'CreateRepository', 'CreateRepository'],
  );
});
