import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger, type LedgerStore, type Lesson, type Sighting } from '../../src/copy/ledger.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { FakeClock } from '../support/clock.ts';

const second = 1_000;

function digest(n: number): Digest {
  return `sha256:${n.toString(16).padStart(64, '0')}`;
}

/** What a database would be told, and what it tells. */
class Notebook implements LedgerStore {
  readonly past: Sighting[] = [];
  readonly saved: (readonly Lesson[])[] = [];
  readonly loads: number[] = [];

  load(since: number): Sighting[] {
    this.loads.push(since);
    return this.past;
  }

  save(lessons: readonly Lesson[]): void {
    this.saved.push(lessons);
  }
}

test('a blob is where it was seen, until that is forgotten', () => {
  const ledger = new Ledger(new FakeClock());
  ledger.saw('one', digest(1));
  ledger.saw('two', digest(1));
  assert.deepEqual([ledger.has('one', digest(1)), ledger.has('three', digest(1))], [true, false]);
  assert.equal(ledger.holder(digest(1)), 'two');
  ledger.forget('two', digest(1));
  assert.equal(ledger.has('two', digest(1)), false);
  assert.equal(ledger.holder(digest(1)), 'one');
  ledger.forget('one');
  assert.equal(ledger.has('one', digest(1)), false);
  assert.equal(ledger.holder(digest(1)), undefined);
});

test('a time that is yet to come is not believed', () => {
  const clock = new FakeClock();
  const notebook = new Notebook();
  notebook.past.push({ repository: 'one', digest: digest(1), seenAt: clock.now() + 1 });
  const ledger = new Ledger(clock, notebook);
  assert.equal(ledger.has('one', digest(1)), false);
  assert.equal(ledger.holder(digest(1)), undefined);
});

test('of more than a hundred thousand sightings those of the repositories that are quiet go first', () => {
  const notebook = new Notebook();
  const ledger = new Ledger(new FakeClock(), notebook);
  for (const n of [1, 2]) ledger.saw('quiet', digest(n));
  for (let n = 0; n < 99_999; n++) ledger.saw('busy', digest(n));
  assert.deepEqual([ledger.has('quiet', digest(1)), ledger.has('quiet', digest(2))], [false, true]);
  for (let n = 99_999; n < 100_001; n++) ledger.saw('busy', digest(n));
  assert.deepEqual([ledger.has('quiet', digest(2)), ledger.has('busy', digest(0))], [false, false]);
  assert.ok(ledger.has('busy', digest(1)));
  ledger.flush();
  // Nor does what is kept grow.
  const lessons = notebook.saved.flat();
  assert.equal(lessons.filter(({ kind }) => kind === 'seen').length, 100_003);
  assert.equal(lessons.filter(({ kind }) => kind === 'gone').length, 3);
});

test('what is kept is read with the first question', () => {
  const clock = new FakeClock();
  const notebook = new Notebook();
  notebook.past.push({ repository: 'one', digest: digest(1), seenAt: clock.now() });
  const ledger = new Ledger(clock, notebook);
  assert.deepEqual(notebook.loads, []);
  assert.ok(ledger.has('one', digest(1)));
  assert.equal(ledger.holder(digest(1)), 'one');
  assert.deepEqual(notebook.loads, [clock.now() - 7 * 24 * 60 * 60 * second]);
  ledger.flush();
  assert.deepEqual(notebook.saved, []);
});

test('what is forgotten before the first question is not read again', () => {
  const clock = new FakeClock();
  const notebook = new Notebook();
  notebook.past.push({ repository: 'one', digest: digest(1), seenAt: clock.now() });
  const ledger = new Ledger(clock, notebook);
  ledger.forget('one');
  assert.equal(ledger.has('one', digest(1)), false);
  ledger.flush();
  assert.deepEqual(notebook.saved, [[{ kind: 'gone', repository: 'one' }]]);
});

test('what was learnt is written down by the hundreds, after ten seconds, and at the end', () => {
  const clock = new FakeClock();
  const notebook = new Notebook();
  const ledger = new Ledger(clock, notebook);
  const sizes = () => notebook.saved.map(({ length }) => length);
  for (let n = 0; n < 300; n++) ledger.saw('one', digest(n));
  assert.deepEqual(sizes(), [250]);
  clock.advance(10 * second);
  ledger.forget('one', digest(0));
  assert.deepEqual(sizes(), [250, 51]);
  ledger.forget('one');
  ledger.flush();
  ledger.flush();
  assert.deepEqual(sizes(), [250, 51, 1]);
  assert.deepEqual(notebook.saved.at(-1), [{ kind: 'gone', repository: 'one' }]);
});

test('what may be gone of a whole repository is written down at once: a crash must not bring it back', () => {
  const notebook = new Notebook();
  const ledger = new Ledger(new FakeClock(), notebook);
  ledger.saw('one', digest(1));
  ledger.forget('one', digest(1));
  assert.equal(notebook.saved.length, 0);
  ledger.forget('one');
  assert.deepEqual(notebook.saved.flat().at(-1), { kind: 'gone', repository: 'one' });
});
