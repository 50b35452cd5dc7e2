import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openState, type State } from '../../src/state/state.ts';
import type { Verdict } from '../../src/task/store.ts';
import { doors, type Task, type TaskState } from '../../src/task/task.ts';
import { attempt, enter, failed, nobody, scanned, entry, wanted } from './open.ts';

/** What the model remembers of a task. */
interface Known {
  tag: string;
  state: TaskState;
  /** A push joined since the claim. */
  joined: boolean;
  /** Cancellation was asked for since the claim, and since the last push. */
  marked: boolean;
  /** What the source's policy held back at its last end: a scan may release it. */
  heldBack: boolean;
  /** A scan ended since the claim: if it is held back again, it had asked too early. */
  released: boolean;
}

/** Verdicts, and where each leads when nothing else happened meanwhile. */
const verdicts: [Verdict, TaskState][] = [
  [{ kind: 'complete', outcome: 'copied', again: false }, 'completed'],
  [{ kind: 'complete', outcome: 'copied', again: true }, 'available'],
  [{ kind: 'retry', at: 9_000, waited: false, ...failed }, 'retryable'],
  [{ kind: 'retry', at: 9_000, waited: true, reason: 'source-policy', message: 'scan' }, 'retryable'],
  [{ kind: 'discard', ...failed }, 'discarded'],
  [{ kind: 'cancel' }, 'cancelled'],
];

/** Of a task that has just begun to wait or to run. */
const unmarked = { joined: false, marked: false, released: false };

const unfinished: readonly TaskState[] = ['available', 'running', 'retryable'];

/** The queue twice: the real one, and the few lines that say how it ought to behave. Both must agree. */
class Twin {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tagferry-test-'));
  readonly known = new Map<number, Known>();
  readonly #claimed = new Map<number, Task>();
  state: State = openState(join(this.#folder, 'a.db'));

  push(tag: string, door: Task['door']): void {
    const standing = [...this.known].find(([, task]) => task.tag === tag && unfinished.includes(task.state));
    const names = wanted({ destinationTag: tag, sourceTag: tag, sourceRepository: `library/${tag}` });
    const { task, created } = enter(this.state, names, { door });
    const ended = [...this.known].findLast(([, other]) => other.tag === tag);
    const takenUp =
      !standing && door === 'sweep' && ['discarded', 'cancelled'].includes(ended?.[1].state ?? '');
    assert.equal(created, standing || takenUp ? 0 : 1);
    if (ended && takenUp) {
      assert.equal(task.id, ended[0]);
      Object.assign(ended[1], { state: 'available', ...unmarked, heldBack: false });
      return;
    }
    if (!standing) {
      const fresh = { tag, state: 'available', ...unmarked, heldBack: false } as const;
      this.known.set(task.id, fresh);
      return;
    }
    const [id, known] = standing;
    assert.equal(task.id, id);
    if (door === 'sweep') return;
    if (known.state === 'running') Object.assign(known, { joined: true, marked: false });
    else known.state = 'available';
  }

  claim(): void {
    const task = this.state.dispatch.claim(2_000, nobody);
    const any = [...this.known.values()].some(({ state }) => state === 'available');
    assert.equal(task !== undefined, any);
    if (!task) return;
    const known = this.known.get(task.id);
    assert.equal(known?.state, 'available');
    Object.assign(known, { state: 'running', ...unmarked });
    this.#claimed.set(task.id, task);
  }

  settle(verdict: Verdict, expected: TaskState): void {
    const [task] = this.#claimed.values();
    if (!task) return;
    this.#claimed.delete(task.id);
    const known = this.known.get(task.id);
    const heldBack = 'reason' in verdict && verdict.reason === 'source-policy';
    this.#end(task.id, known?.released && heldBack ? 'available' : expected);
    if (known) known.heldBack = heldBack;
    const why = 'reason' in verdict ? { reason: verdict.reason, message: verdict.message } : {};
    this.state.dispatch.settle(task, attempt(task, why), verdict, 3_000);
  }

  release(): void {
    const ids = [...this.#claimed.keys()];
    for (const id of ids) this.#end(id, 'available');
    this.#claimed.clear();
    this.state.dispatch.release(ids, 3_000);
  }

  crash(): void {
    this.state.close();
    this.state = openState(join(this.#folder, 'a.db'));
    assert.equal(this.state.recover(5_000).tasks, this.#claimed.size);
    for (const id of this.#claimed.keys()) this.#end(id, 'available');
    this.#claimed.clear();
  }

  promote(): void {
    for (const known of this.known.values()) if (known.state === 'retryable') known.state = 'available';
    this.state.dispatch.promote(9_000, 100, 60_000);
  }

  scan(tag: string): void {
    for (const known of this.known.values())
      if (known.tag === tag && known.heldBack) {
        if (known.state === 'retryable') known.state = 'available';
        else if (known.state === 'running') known.released = true;
      }
    this.state.enqueue.enter([entry([], { event: scanned(`library/${tag}`) })], 4_000, () => true);
  }

  cancel(pick: number): void {
    const [id, known] = this.#pick(pick);
    if (!known) return;
    const answer =
      known.state === 'running' ? 'running' : unfinished.includes(known.state) ? 'done' : 'conflict';
    assert.equal(this.state.tasks.cancel(id, 4_000), answer);
    if (answer === 'running') known.marked = true;
    if (answer === 'done') known.state = 'cancelled';
  }

  retry(pick: number): void {
    const [id, known] = this.#pick(pick);
    if (!known) return;
    const newer = [...this.known].some(([other, { tag }]) => other > id && tag === known.tag);
    const may = !newer && ['discarded', 'cancelled', 'retryable'].includes(known.state);
    assert.equal(this.state.tasks.retry(id, 4_000), may ? 'done' : 'conflict');
    if (may) known.state = 'available';
  }

  prune(): void {
    for (const [id, { state }] of this.known) if (!unfinished.includes(state)) this.known.delete(id);
    while (this.state.prune.prune(9_000, 3) === 3);
  }

  check(): void {
    const tasks = this.state.tasks.list({ limit: 1_000 });
    const states = (all: Iterable<[number, TaskState]>) => [...all].sort(([a], [b]) => a - b);
    assert.deepEqual(
      states(tasks.map(({ id, state }) => [id, state])),
      states([...this.known].map(([id, { state }]) => [id, state])),
    );
    const open = tasks.filter(({ state }) => unfinished.includes(state));
    assert.equal(new Set(open.map(({ destinationTag }) => destinationTag)).size, open.length);
    const recount = { available: 0, running: 0, retryable: 0, completed: 0, discarded: 0, cancelled: 0 };
    for (const { state } of tasks) recount[state]++;
    assert.deepEqual(this.state.tasks.counts(), recount);
  }

  close(): void {
    this.state.close();
    rmSync(this.#folder, { recursive: true });
  }

  #end(id: number, expected: TaskState): void {
    const known = this.known.get(id);
    if (known) known.state = known.marked ? 'cancelled' : known.joined ? 'available' : expected;
  }

  #pick(pick: number): [number, Known | undefined] {
    return [...this.known][pick % Math.max(this.known.size, 1)] ?? [0, undefined];
  }
}

type Step = (twin: Twin) => void;

const tag = fc.constantFrom('v1', 'v2', 'v3');
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(tag, fc.constantFrom(...doors)).map(
      ([name, door]): Step =>
        (twin) =>
          twin.push(name, door),
    ),
  },
  { weight: 4, arbitrary: fc.constant<Step>((twin) => twin.claim()) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...verdicts).map(
      ([verdict, leads]): Step =>
        (twin) =>
          twin.settle(verdict, leads),
    ),
  },
  fc.nat(9).map(
    (pick): Step =>
      (twin) =>
        twin.cancel(pick),
  ),
  fc.nat(9).map(
    (pick): Step =>
      (twin) =>
        twin.retry(pick),
  ),
  tag.map(
    (name): Step =>
      (twin) =>
        twin.scan(name),
  ),
  fc.constant<Step>((twin) => twin.promote()),
  fc.constant<Step>((twin) => twin.release()),
  fc.constant<Step>((twin) => twin.crash()),
  fc.constant<Step>((twin) => twin.prune()),
);

test('whatever happens in whatever order, every task is in the state that the diagram says', () => {
  const property = fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
    const twin = new Twin();
    try {
      for (const take of steps) {
        take(twin);
        twin.check();
      }
    } finally {
      twin.close();
    }
  });
  fc.assert(property, { numRuns: 40 });
});
