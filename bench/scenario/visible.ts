import { setTimeout as sleep } from 'node:timers/promises';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';
import { ociImage } from '../../test/support/image.ts';
import { contentsOf, push } from '../../test/support/push.ts';
import type { Row, Scenario } from '../scenario.ts';
import { completed, deliver } from '../support/deliver.ts';
import { type Behind, account, startMany, tagsEach } from '../support/many.ts';
import { type Mirror, api, startMirror } from '../support/mirror.ts';
import { median, quantile } from '../support/number.ts';
import { sweepOnce } from '../support/sweep.ts';

/*
 * From the webhook of a small image until the mirror has verified it at its destination: one push after another while there
 * is nothing else to do, and again while sweeps of many tags and resyncs of all of them go on. The many are answered from
 * memory, in this process, what is pushed goes from one docker-registry to another.
 */

const repositories = 100;
const repository = 'bench/application';
const patience = 60_000;

export const visible: Scenario = {
  name: 'visible',
  about: `from a push to a verified copy, idle and while ${repositories * tagsEach} tags are swept and resynced`,
  needs: ['docker-registry'],
  async run(stand, say) {
    const [source, destination] = await Promise.all([startDockerRegistry(stand), startDockerRegistry(stand)]);
    const behind = { source: source.url, destination: destination.url };
    const many = await startMany(stand, repositories, behind);
    const mirror = await startMirror(stand, {
      source: { type: 'harbor', url: many.harbor, ...account },
      destination: { url: many.acr },
    });
    const pushes = stand.small ? 10 : 60;
    const idle = await pushed(mirror, behind, 'idle', pushes);
    say(`idle: ${Math.round(median(idle))} ms`);
    const [busy, [sweeps, resyncs]] = await underLoad(mirror, many.counts, () =>
      pushed(mirror, behind, 'busy', pushes),
    );
    say(`busy: ${Math.round(median(busy))} ms, ${sweeps} sweeps and ${resyncs} resyncs meanwhile`);
    const load = [
      { name: 'sweeps', value: sweeps, unit: '' },
      { name: 'resyncs of a repository', value: resyncs, unit: '' },
    ];
    const memory = mirror.child.peakMemory();
    return [rowOf('idle', idle, []), { ...rowOf('a sweep and resyncs go on', busy, load), memory }];
  },
};

/** Milliseconds of each. */
async function pushed(mirror: Mirror, behind: Behind, name: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < count; number++) {
    const tag = `${name}-${number}`;
    const digest = await push(behind.source, repository, tag, ociImage(tag));
    const begin = Date.now();
    const id = await deliver(mirror, repository, tag, digest);
    times.push((await completed(mirror, id, patience)) - begin);
    // Throws where anything is missing.
    await contentsOf(behind.destination, repository, tag);
  }
  return times;
}

/** Runs it while one sweep follows another, and one resync another; gives how many of each had ended. */
async function underLoad<T>(
  mirror: Mirror,
  counts: { requests: number; pulls: number },
  work: () => Promise<T>,
): Promise<[T, [number, number]]> {
  let over = false;
  const sweeping = async (): Promise<number> => {
    for (let count = 0; ; count++) {
      if (over) return count;
      await sweepOnce(mirror, counts);
    }
  };
  const resyncing = async (): Promise<number> => {
    for (let count = 0; ; count++) {
      if (over) return count;
      const name = `library/app-${count % repositories}`;
      const { tasks } = await api(mirror, 'POST', 'resync', { repository: name });
      // As the next waits for these, the bulk stays as long as the pushes do, and does not outlive them.
      await ended(mirror, tasks);
    }
  };
  const load = Promise.all([sweeping(), resyncing()]);
  const result = await work().finally(() => (over = true));
  return [result, await load];
}

/** The newest of the tasks is the last to be claimed. */
async function ended(mirror: Mirror, tasks: unknown): Promise<void> {
  if (!Array.isArray(tasks)) return;
  const last = Math.max(...tasks.map(Number));
  for (;;) {
    const { state } = await api(mirror, 'GET', `tasks/${last}`);
    if (state === 'completed' || state === 'discarded' || state === 'cancelled') return;
    await sleep(50);
  }
}

function rowOf(what: string, times: readonly number[], more: Row['figures']): Row {
  return {
    what,
    figures: [
      { name: 'median', value: median(times), unit: 'ms' },
      { name: 'p90', value: quantile(times, 0.9), unit: 'ms' },
      { name: 'most', value: Math.max(...times), unit: 'ms' },
      { name: 'pushes', value: times.length, unit: '' },
      ...more,
    ],
  };
}
