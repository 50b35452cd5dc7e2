import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { digestOfTag } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Mirror, ends, writeExample } from './mirror.ts';
import { Phoenix } from './phoenix.ts';
import { randomOf } from './random.ts';
import { Storm, type Tag, planOf } from './storm.ts';
import { type Passage, startWitness } from './witness.ts';

/*
 * 10,000 webhooks for 500 tags that move meanwhile, and `kill -9` at 20 random moments. No sweep makes up for
 * anything: what arrives, arrives because no answered delivery was lost. Tagferry and the destination are processes
 * of their own; Harbor's registry is embedded, for the machine's sake.
 */
const deliveries = 10_000;
/** Of a tag, at most. */
const versions = 3;
const kills = 20;
const repositories = 10;
const tagsEach = 50;
/** Harbor delivers ten at a time. */
const senders = 10;

test('10,000 webhooks and 20 kills: no 2xx is lost, nothing is copied that was not needed', async (t) => {
  const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`CRASH_SEED=${seed}`);
  const random = randomOf(seed);
  const harbor = await EmbeddedRegistry.start();
  t.after(() => harbor.close());
  const acr = await startWitness(t, (await startDockerRegistry(t)).url);
  const folder = await temporaryFolder(t);
  const noSweep = ['onStart: true', 'onStart: false'] as const;
  const phoenix = new Phoenix(t, await writeExample(folder, [...ends(harbor, acr), noSweep]));
  const tags = Array.from({ length: repositories * tagsEach }, (_, index): Tag => {
    const tag = `v${Math.floor(index / repositories)}`;
    return { repository: `library/app${index % repositories}`, tag, digests: [] };
  });

  const storm = new Storm(harbor.url, phoenix);
  const sending = storm.send(planOf(tags, deliveries, random), tags, senders);
  const interrupted = new Interrupted(acr.passages);
  const moments = Array.from({ length: kills }, () => random() * 0.99 * deliveries).sort((a, b) => a - b);
  for (const moment of moments) {
    const reached = () => storm.answered.length >= moment;
    await eventually(`delivery ${moment}`, reached, { patience: 120_000, every: 1 });
    await phoenix.kill(() => interrupted.note());
  }
  await sending;
  const mirror = await phoenix.mirror;
  await eventually('the end of all tasks', () => isIdle(mirror), { patience: 120_000, every: 50 });
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });

  // Every tag is at its newest digest, and was never put back to an older one.
  for (const { repository, tag, digests } of tags) {
    const name = repository.replace('library', 'mirror');
    assert.equal(await digestOfTag(acr.url, name, tag), digests.at(-1), `${repository}:${tag}`);
    const order = digestsWritten(acr.passages, name, tag).map((digest) =>
      digests.findIndex((one) => one === digest),
    );
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      `${repository}:${tag}`,
    );
  }

  // Every delivery that was answered is there, and what its answer promised is done.
  const database = new DatabaseSync(join(folder, 'data', 'tagferry.db'), { readOnly: true });
  t.after(() => database.close());
  const events = new Set(
    database
      .prepare('SELECT sender_id AS id FROM event')
      .all()
      .map(({ id }) => id),
  );
  assert.equal(storm.answered.length, deliveries);
  assert.deepEqual(
    storm.answered.filter((id) => !events.has(id)),
    [],
  );
  const done = database.prepare("SELECT id FROM task WHERE state = 'completed'").all();
  const completed = new Set(done.map(({ id }) => id));
  assert.deepEqual(
    [...storm.tasks].filter((id) => !completed.has(id)),
    [],
  );

  // A blob is sent to a repository once, a tag once for each digest; once more for each kill that hit just that. A mount
  // brings no bytes: it is how a process asks for a blob that it knows elsewhere, once.
  const counts = new Map<string, number>();
  for (const key of acr.passages.filter(({ status }) => status === 201).flatMap(writtenBy))
    counts.set(key, (counts.get(key) ?? 0) + 1);
  const usual = (key: string) => (key.startsWith('mount ') ? 1 + kills : key.includes('@') ? 1 : versions);
  const allowed = (key: string) => usual(key) + interrupted.times(key);
  assert.deepEqual(
    [...counts].filter(([key, count]) => count > allowed(key)),
    [],
  );
  assert.ok(counts.size >= repositories + tags.length * 2, `${counts.size} blobs and tags were written`);
  t.diagnostic(`${acr.passages.length} requests at the destination, ${interrupted.size} writes interrupted`);
});

/** What was on its way when the mirror was killed: it may have arrived or not. */
class Interrupted {
  readonly #passages: readonly Passage[];
  readonly #times = new Map<string, number>();
  #seen = 0;

  constructor(passages: readonly Passage[]) {
    this.#passages = passages;
  }

  note(): void {
    const since = this.#passages.slice(this.#seen);
    this.#seen = this.#passages.length;
    for (const key of new Set(since.filter(({ status }) => status === 0).flatMap(writtenBy)))
      this.#times.set(key, this.times(key) + 1);
  }

  times(key: string): number {
    return this.#times.get(key) ?? 0;
  }

  get size(): number {
    return this.#times.size;
  }
}

/** `repository@digest` for a blob that is uploaded, with `mount` in front for one that is mounted, `repository:tag` for a tag; else nothing. */
function writtenBy({ method, path, query }: Passage): string[] {
  const [, repository, kind, reference] = /^\/v2\/(.+)\/(blobs\/uploads|manifests)\/(.*)$/.exec(path) ?? [];
  if (method === 'PUT' && kind === 'manifests') return [`${repository}:${reference}`];
  const [sent, mounted] = [query.get('digest'), query.get('mount')];
  if (sent !== null) return [`${repository}@${sent}`];
  return mounted === null ? [] : [`mount ${repository}@${mounted}`];
}

/** What was written to the tag, in order. */
function digestsWritten(passages: readonly Passage[], repository: string, tag: string): string[] {
  const written = passages.filter(
    ({ method, path, status }) =>
      method === 'PUT' && status === 201 && path === `/v2/${repository}/manifests/${tag}`,
  );
  return written.map(({ digest }) => digest ?? '');
}

async function isIdle(mirror: Mirror): Promise<boolean> {
  const text = await (await fetch(`${mirror.url}/metrics`)).text();
  const unfinished = /^tagferry_tasks\{state="(?:available|running|retryable)"\} (\d+)$/gm;
  return [...text.matchAll(unfinished)].every(([, count]) => count === '0');
}
