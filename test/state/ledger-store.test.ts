import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../src/copy/ledger.ts';
import { FakeClock } from '../support/clock.ts';
import { digestOf, temporaryState } from './open.ts';

const origin = 'https://acr.example';
const week = 7 * 24 * 60 * 60 * 1000;
const seen = (n: number, seenAt: number, repository = 'mirror/app') =>
  ({ kind: 'seen', repository, digest: digestOf(n), seenAt }) as const;

test('what one process learnt of a registry the next one knows, with its time, the oldest first', async (t) => {
  const { state, reopen } = await temporaryState(t);
  state.ledger(origin).save([seen(1, 2_000), seen(2, 1_000), seen(3, 500), seen(3, 3_000.5)]);
  const expected = [
    [digestOf(2), 1_000],
    [digestOf(1), 2_000],
    [digestOf(3), 3_000],
  ];
  const again = reopen();
  const found = again.ledger(origin).load(0);
  assert.deepEqual(
    found.map(({ digest, seenAt }) => [digest, seenAt]),
    expected,
  );
  assert.deepEqual(again.ledger('https://acr.example:8443').load(0), []);
});

test('what was forgotten stays so: one blob, or a repository, and no other', async (t) => {
  const { state } = await temporaryState(t);
  const blobs = state.ledger(origin);
  state.ledger('https://other.example').save([seen(1, 1_000)]);
  blobs.save([seen(1, 1_000), seen(2, 1_000), seen(1, 1_000, 'mirror/ap'), seen(1, 1_000, 'other')]);
  blobs.save([
    { kind: 'gone', repository: 'mirror/app', digest: digestOf(1) },
    { kind: 'gone', repository: 'other' },
  ]);
  assert.deepEqual(
    blobs.load(0).map(({ repository, digest }) => [repository, digest]),
    [
      ['mirror/ap', digestOf(1)],
      ['mirror/app', digestOf(2)],
    ],
  );
  blobs.save([{ kind: 'gone', repository: 'mirror/app' }, seen(1, 2_000)]);
  assert.deepEqual(
    blobs.load(0).map(({ digest }) => digest),
    [digestOf(1), digestOf(1)],
  );
  assert.equal(state.ledger('https://other.example').load(0).length, 1);
});

test('what is too old is removed, of all registries', async (t) => {
  const { state } = await temporaryState(t);
  state.ledger('https://other.example').save([seen(1, 999), seen(2, 1_000)]);
  state.ledger(origin).save([seen(1, 999), seen(2, 1_000)]);
  assert.equal(state.ledger(origin).load(1_000).length, 1);
  assert.equal(state.ledger(origin).load(0).length, 1);
  assert.equal(state.ledger('https://other.example').load(0).length, 1);
});

test('a ledger goes on in the next process, for a week', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const clock = new FakeClock();
  const first = new Ledger(clock, state.ledger(origin));
  first.saw('one', digestOf(1));
  first.saw('two', digestOf(1));
  first.forget('two');
  first.flush();
  clock.advance(week);
  const second = new Ledger(clock, reopen().ledger(origin));
  assert.ok(second.has('one', digestOf(1)));
  assert.equal(second.holder(digestOf(1)), 'one');
  clock.advance(1);
  assert.equal(second.has('one', digestOf(1)), false);
  assert.equal(second.holder(digestOf(1)), undefined);
  const third = new Ledger(clock, reopen().ledger(origin));
  assert.equal(third.has('one', digestOf(1)), false);
});
