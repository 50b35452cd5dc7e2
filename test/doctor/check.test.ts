import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError } from '../../src/copy/error.ts';
import { type Check, type Subject, examine, needed, once } from '../../src/doctor/check.ts';
import { doctor } from '../../src/doctor/doctor.ts';
import { depends, error, ok } from '../../src/doctor/finding.ts';
import { FakeClock } from '../support/clock.ts';

interface Evidence extends Subject {
  question(): Promise<string>;
}

const subject = { name: 'acr', aliyun: false };
const never = new AbortController().signal;

/** A check that says what the question was answered. */
const first: Check<Evidence> = {
  id: 'first',
  number: 1,
  look: async ({ question }) => [ok(await question())],
};
const second: Check<Evidence> = {
  id: 'second',
  look: async ({ question }) => [ok(await needed('first', question()))],
};

test('a question that several checks await is asked once', async () => {
  let asked = 0;
  const question = once(async () => `asked ${++asked} time`);
  const found = await examine([first, second], { ...subject, question }, never);
  assert.deepEqual(found, [
    { check: 'first', number: 1, subject: 'acr', status: 'ok', code: 'ok', saw: 'asked 1 time' },
    { check: 'second', subject: 'acr', status: 'ok', code: 'ok', saw: 'asked 1 time' },
  ]);
});

test('a question that fails is told by its own check; one that depends on it is left out', async () => {
  const question = once(async () => Promise.reject(new RegistryError('timeout', 'nobody answers')));
  const found = await examine([first, second], { ...subject, question }, never);
  assert.deepEqual(
    found.map(({ check, status, code, saw }) => [check, status, code, saw]),
    [
      ['first', 'error', 'timeout', 'nobody answers'],
      ['second', 'skipped', 'depends', 'see the check first'],
    ],
  );
});

test('where that one was left out in its turn, the check that says why is named', async () => {
  const question = once(async () => Promise.reject(new RegistryError('timeout', 'nobody answers')));
  const third: Check<Evidence> = {
    id: 'third',
    look: async ({ question }) => [ok(await needed('second', question()))],
  };
  const found = await examine([third, first, second], { ...subject, question }, never);
  assert.deepEqual(
    found.map(({ check, saw, see }) => [check, saw, see]),
    [
      ['third', 'see the check first', 'first'],
      ['first', 'nobody answers', undefined],
      ['second', 'see the check first', 'first'],
    ],
  );
});

test('a check of which something was seen is named, whatever else of it was left out', async () => {
  const both: Check<Subject> = {
    id: 'both',
    look: async () => [error('seen', { saw: 'x' }), depends('other')],
  };
  const further: Check<Subject> = { id: 'further', look: async () => [depends('both')] };
  const found = await examine([both, further], subject, never);
  assert.deepEqual(
    found.map(({ check, see }) => [check, see]),
    [
      ['both', undefined],
      ['both', 'other'],
      ['further', 'both'],
    ],
  );
});

test('a mistake of a check itself is no finding', async () => {
  const question = async () => Promise.reject(new TypeError('a mistake'));
  await assert.rejects(examine([first, second], { ...subject, question }, never), new TypeError('a mistake'));
});

test('what needs an Alibaba identity is left out without one, and is not asked', async () => {
  const check: Check<Subject> = { id: 'x', needs: 'aliyun', look: async () => [error('seen', { saw: 'x' })] };
  const [without] = await examine([check], subject, never);
  assert.deepEqual([without?.status, without?.code], ['skipped', 'needs-aliyun']);
  const [withOne] = await examine([check], { ...subject, aliyun: true }, never);
  assert.equal(withOne?.code, 'seen');
});

test('after seven and a half seconds what has not been answered is told, with all that has', async () => {
  const clock = new FakeClock();
  const question = () => new Promise<string>(() => undefined);
  const examination = (signal: AbortSignal) => examine([first, second], { ...subject, question }, signal);
  const well = (signal: AbortSignal) =>
    examine([first], { ...subject, name: 'harbor', question: async () => 'well' }, signal);
  const report = doctor([examination, well], { clock, startedAt: clock.now() });
  clock.advance(7_499);
  await Promise.resolve();
  clock.advance(1);
  const { checks, counts, seconds } = await report;
  assert.deepEqual(
    checks.map(({ subject, check, code }) => `${subject} ${check} ${code}`),
    ['acr first no-answer', 'acr second depends', 'harbor first ok'],
  );
  assert.equal(checks[0]?.saw, 'no answer in time: 7.5 s have passed');
  assert.ok(checks[0]?.means && checks[0].next);
  assert.deepEqual(counts, { ok: 1, warn: 0, error: 1, skipped: 1 });
  assert.equal(seconds, 7.5);
});
