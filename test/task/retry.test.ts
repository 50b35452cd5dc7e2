import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CopyError, type Fault, type Side, RegistryError, reasons } from '../../src/copy/error.ts';
import { verdictOf } from '../../src/task/retry.ts';
import type { Verdict } from '../../src/task/store.ts';
import type { Task } from '../../src/task/task.ts';
import { FakeClock } from '../support/clock.ts';

const policy = { attempts: 5, first: 2_000, max: 600_000 };
const clock = new FakeClock();
const now = clock.now();

function task(other: Partial<Task> = {}): Task {
  return {
    id: 1,
    state: 'running',
    door: 'webhook',
    force: false,
    rule: 'library',
    source: 'harbor',
    sourceRepository: 'library/app',
    sourceTag: 'v1',
    destination: 'acr',
    destinationRepository: 'library/app',
    destinationTag: 'v1',
    generation: 1,
    attempts: 1,
    createdAt: now,
    wantedAt: now,
    runAt: now,
    ...other,
  };
}

function failure(fault: Fault, side: Side = 'destination', retryAt?: number): CopyError {
  const cause = new RegistryError(fault, 'it says no', retryAt === undefined ? {} : { retryAt });
  return new CopyError('write v1', side, cause);
}

function retried(verdict: Verdict): Extract<Verdict, { kind: 'retry' }> {
  if (verdict.kind !== 'retry') throw new TypeError(`expected a retry, got ${verdict.kind}`);
  return verdict;
}

const never: [Fault, Side][] = [
  ['artifact-refused', 'source'],
  ['artifact-refused', 'destination'],
  ['immutable', 'destination'],
  ['name-invalid', 'destination'],
];
const waits: [Fault, Side][] = [
  ['policy', 'source'],
  ['rate-limited', 'source'],
  ['rate-limited', 'destination'],
  ['unreachable', 'source'],
  ['unreachable', 'destination'],
  ['timeout', 'destination'],
  ['tls', 'source'],
];
const counts: [Fault, Side][] = [
  ['denied', 'source'],
  ['denied', 'destination'],
  ['policy', 'destination'],
  ['not-found', 'source'],
  ['corrupt', 'source'],
  ['protocol', 'destination'],
];

describe('what a failure means for its task', () => {
  for (const [fault, side] of never)
    test(`${fault} at the ${side} can never work`, () => {
      const verdict = verdictOf(failure(fault, side), task(), policy, clock);
      assert.equal(verdict.kind, 'discard');
    });

  for (const [fault, side] of waits)
    test(`${fault} at the ${side} costs no attempt, however many there were`, () => {
      const verdict = verdictOf(failure(fault, side), task({ attempts: 99 }), policy, clock);
      assert.equal(retried(verdict).waited, true);
    });

  for (const [fault, side] of counts)
    test(`${fault} at the ${side} spends an attempt, and the last one ends it`, () => {
      assert.equal(
        retried(verdictOf(failure(fault, side), task({ attempts: 4 }), policy, clock)).waited,
        false,
      );
      const last = verdictOf(failure(fault, side), task({ attempts: 5 }), policy, clock);
      assert.equal(last.kind, 'discard');
      assert.match(last.kind === 'discard' ? last.message : '', /^gave up after 5 attempts: write v1 at the/);
    });

  const forPeople: [Fault, Side][] = [
    ['denied', 'source'],
    ['denied', 'destination'],
    ['not-found', 'source'],
    ['tls', 'source'],
  ];
  for (const [fault, side] of [...never, ...forPeople])
    test(`${fault} at the ${side} ends a run's task at once`, () => {
      const verdict = verdictOf(failure(fault, side), task(), { ...policy, impatient: true }, clock);
      assert.equal(verdict.kind, 'discard');
    });

  const passing: [Fault, Side][] = [
    ['policy', 'source'],
    ['rate-limited', 'destination'],
    ['unreachable', 'source'],
    ['timeout', 'destination'],
    ['corrupt', 'source'],
    ['protocol', 'destination'],
  ];
  for (const [fault, side] of passing)
    test(`${fault} at the ${side} is tried again by a run, as often as it was told and not for ever`, () => {
      const run = { ...policy, impatient: true } as const;
      const again = retried(verdictOf(failure(fault, side), task({ attempts: 4 }), run, clock));
      assert.equal(again.waited, false);
      assert.equal(verdictOf(failure(fault, side), task({ attempts: 5 }), run, clock).kind, 'discard');
    });

  test('a run waits as long as a registry asks, but not for more than five minutes', () => {
    const run = { ...policy, impatient: true } as const;
    const asked = (ms: number) => failure('rate-limited', 'source', now + ms);
    assert.equal(retried(verdictOf(asked(300_000), task(), run, clock)).at, now + 300_000);
    assert.equal(verdictOf(asked(300_001), task(), run, clock).kind, 'discard');
  });

  test('what is no registry’s failure is our own, and spends an attempt', () => {
    const verdict = retried(verdictOf(new TypeError('oops'), task(), policy, clock));
    assert.deepEqual([verdict.reason, verdict.message, verdict.waited], ['internal', 'oops', false]);
  });

  test('every reason is one of the contract’s', () => {
    for (const [fault, side] of [...never, ...waits, ...counts]) {
      const verdict = verdictOf(failure(fault, side), task(), policy, clock);
      assert.ok('reason' in verdict && reasons.includes(verdict.reason));
    }
  });
});

describe('when it is tried again', () => {
  const delay = (attempts: number, chance: number) => {
    clock.chance = chance;
    return retried(verdictOf(failure('corrupt'), task({ attempts }), policy, clock)).at - now;
  };

  test('the wait doubles, up to the longest', () => {
    assert.deepEqual(
      [1, 2, 3, 4].map((attempts) => delay(attempts, 1)),
      [2_000, 4_000, 8_000, 16_000],
    );
    const patient = { ...policy, attempts: 100 };
    assert.equal(
      retried(verdictOf(failure('corrupt'), task({ attempts: 60 }), patient, clock)).at - now,
      600_000,
    );
  });

  test('chance takes up to half of it', () => {
    assert.deepEqual(
      [0, 0.5, 1].map((chance) => delay(1, chance)),
      [1_000, 1_500, 2_000],
    );
  });

  test('at a whole millisecond, for the database takes no other', () => {
    for (const chance of [0.123_456_789, 1 / 3, 0.999_999])
      for (const fault of ['corrupt', 'unreachable', 'denied'] as const) {
        clock.chance = chance;
        const { at } = retried(verdictOf(failure(fault), task({ wantedAt: now - 12_345 }), policy, clock));
        assert.ok(Number.isSafeInteger(at), `${at}`);
      }
  });

  test('a denial is looked at again after a minute at most often, unless the policy is quicker', () => {
    clock.chance = 1;
    assert.equal(retried(verdictOf(failure('denied'), task(), policy, clock)).at - now, 60_000);
    const quick = { ...policy, first: 1, max: 20 };
    assert.equal(retried(verdictOf(failure('denied'), task(), quick, clock)).at - now, 20);
  });

  test('what waits is asked soon at first, then ever more seldom', () => {
    clock.chance = 1;
    const waited = [0, 1_000, 60_000, 10 ** 9];
    const delays = waited.map((ms) => {
      return retried(verdictOf(failure('unreachable'), task({ wantedAt: now - ms }), policy, clock)).at - now;
    });
    assert.deepEqual(delays, [2_000, 2_000, 30_000, 600_000]);
  });

  test('not before the registry wants to be asked', () => {
    const verdict = verdictOf(failure('rate-limited', 'source', now + 3_600_000), task(), policy, clock);
    assert.equal(retried(verdict).at, now + 3_600_000);
  });
});
