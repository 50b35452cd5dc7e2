import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { pusher } from '../support/acr-tokens.ts';
import { type Image, artifact, multiPlatform, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Harbor, developer, startHarbor } from './harbor.ts';
import { type Edit, type Mirror, type TaskJson, announce, ends, serve, writeExample } from './mirror.ts';

/** ACR refuses: what becomes of a task for which nothing can be done on our side (acr.md, sections 7.1 and 10). */

interface Stand {
  harbor: Harbor;
  acr: AcrStandIn;
  mirror: Mirror;
  /** Pushes and announces; returns the id of the task. */
  bring(repository: string, tag: string, image: Image): Promise<number>;
  /** The task once the condition holds. */
  task(id: number, condition: (task: TaskJson) => boolean): Promise<TaskJson>;
}

/** One that is begun late would ask for tokens, too, and they are counted here. */
const noSweep: Edit = ['onStart: true', 'onStart: false'];

async function startStand(
  t: TestContext,
  edits: readonly Edit[] = [],
  options: { imagesOnly?: boolean } = {},
): Promise<Stand> {
  const [harbor, acr] = await Promise.all([startHarbor(t), startAcr(t, options)]);
  const there = { url: acr.url, realm: acr.tokens.trust.realm };
  const mirror = await serve(
    t,
    await writeExample(await temporaryFolder(t), [...ends(harbor, there), noSweep, ...edits]),
  );
  return {
    harbor,
    acr,
    mirror,
    async bring(repository, tag, image) {
      const digest = await push(harbor.url, repository, tag, image, developer);
      const [id = 0] = await announce(mirror, repository, tag, digest);
      return id;
    },
    task(id, condition) {
      return eventually(`task ${id}`, async () => {
        const task = await mirror.task(id);
        return condition(task) && task;
      });
    },
  };
}

const namespace: Record<string, string> = {
  'a namespace that is not there': 'missing/{flat}',
  'a repository that is not there, in a namespace that makes none': 'frozen/{flat}',
};

for (const [what, template] of Object.entries(namespace))
  test(`${what}: denied, one token an attempt, tried again later`, async (t) => {
    const { acr, bring, task } = await startStand(t, [
      ['repository: mirror/{flat}', `repository: ${template}`],
      ['first: 2s', 'first: 1ms'],
      ['max: 10m', 'max: 20ms'],
      ['attempts: 12', 'attempts: 3'],
    ]);
    const discarded = await task(
      await bring('library/new', 'v1', ociImage('new')),
      ({ state }) => state === 'discarded',
    );
    assert.equal(discarded.reason, 'destination-denied');
    assert.match(
      discarded.message ?? '',
      /^gave up after 3 attempts: .* at the destination: .* answered 401/,
    );
    assert.equal(discarded.attempts.length, 3);
    const asked = acr.tokens.questions.flatMap(({ scopes }) => scopes.map(({ name }) => name));
    assert.deepEqual(
      asked,
      Array.from({ length: 3 }, () => template.replace('{flat}', 'new')),
    );
  });

test('a permission that is given after the first attempt is used by the next one', async (t) => {
  const { acr, bring, task, mirror } = await startStand(t, [
    ['repository: mirror/{flat}', 'repository: late/{flat}'],
  ]);
  const id = await bring('library/app', 'v1', ociImage('late'));
  const waiting = await task(id, ({ state }) => state === 'retryable');
  assert.equal(waiting.reason, 'destination-denied');
  acr.accounts.namespaces.set('late', { autoCreate: true, public: false });
  acr.accounts.users.push({
    ...pusher,
    grants: [{ repositories: /^late\//, actions: ['pull', 'push', 'create'] }],
  });
  acr.accounts.users.shift();
  assert.equal((await mirror.api('POST', `/tasks/${id}/retry`)).status, 202);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
});

test('an immutable tag: the same digest is success, another one is discarded at once', async (t) => {
  const { acr, bring, mirror } = await startStand(t);
  assert.equal((await mirror.finished(await bring('library/app', 'v1', ociImage('one')))).outcome, 'copied');
  acr.edge.immutable.add('mirror/app');
  assert.equal(
    (await mirror.finished(await bring('library/app', 'v1', ociImage('one')))).outcome,
    'unchanged',
  );
  const task = await mirror.finished(await bring('library/app', 'v1', ociImage('two')));
  assert.deepEqual(
    [task.state, task.reason, task.attempts.length],
    ['discarded', 'destination-immutable', 1],
  );
  assert.match(task.message ?? '', /write v1 at the destination: .*cannot be overwritten/);
  const there = await digestOfTag(acr.url, 'mirror/app', 'v1', pusher);
  assert.equal(there, ociImage('one').descriptor.digest);
});

test('where only images may go, an artifact is discarded at once, and an image goes', async (t) => {
  const { bring, mirror } = await startStand(t, [], { imagesOnly: true });
  for (const image of [artifact('thing'), multiPlatform('attested', 'empty')]) {
    const task = await mirror.finished(await bring('library/thing', 'v1', image));
    assert.deepEqual([task.state, task.reason, task.attempts.length], ['discarded', 'artifact-refused', 1]);
    assert.match(task.message ?? '', /unknown manifest class for application\/vnd\.oci\.empty\.v1\+json/);
  }
  const image = multiPlatform('attested', 'image');
  assert.equal((await mirror.finished(await bring('library/image', 'v1', image))).outcome, 'copied');
});

test('tokens that expire during a batch cost no task an attempt', async (t) => {
  const { acr, bring, mirror } = await startStand(t);
  const ids: number[] = [];
  for (let index = 0; index < 12; index++) {
    ids.push(await bring(`library/app${index % 3}`, `v${index}`, ociImage(`batch ${index}`)));
    acr.edge.ageTokens();
  }
  for (const id of ids) {
    const task = await mirror.finished(id);
    const told = JSON.stringify(task.attempts);
    assert.deepEqual([task.outcome, task.attempts.length], ['copied', 1], told);
  }
  const tokens = acr.tokens.questions.length;
  assert.ok(
    tokens > 6,
    `tokens did expire: ${tokens} were asked for, where three scopes and their mounts would do`,
  );
});

test('a source that denies says so, and names no credential', async (t) => {
  const { bring, task } = await startStand(t, [["'library/**'", "'private/**'"]]);
  const waiting = await task(
    await bring('private/app', 'v1', ociImage('private')),
    ({ state }) => state === 'retryable',
  );
  assert.equal(waiting.reason, 'source-denied');
  assert.match(waiting.message ?? '', /^resolve v1 at the source: GET .* answered 401/);
});
