import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../support/clock.ts';
import { send } from '../support/http.ts';
import { type Stand, secret, startStand } from './stand.ts';

const deny = (stand: Stand) => stand.post('{}', { Authorization: 'Bearer wrong' });

async function times(count: number, run: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done++) await run();
}

const told = ({ logged }: Stand) =>
  logged.map(({ message, fields }) => `${message} ${String(fields['status'])}`);

test('of many refusals the first ones are told, the others counted when the minute is over, each cause by itself', async (t) => {
  const clock = new FakeClock();
  const stand = await startStand(t, { clock });
  await times(40, () => deny(stand));
  await times(2, () => stand.post('no JSON'));
  await stand.post('{}', { 'Content-Type': 'text/plain' });
  await stand.post('{}', { 'Content-Length': String(2 ** 20 + 1) }).catch(() => undefined);
  const first = [...Array.from({ length: 5 }, () => 401), 400, 400, 415, 413];
  assert.deepEqual(
    told(stand),
    first.map((status) => `delivery refused ${status}`),
  );
  assert.match(
    String(stand.logged[0]?.fields['detail']),
    /^Expected an Authorization header with one of webhook\.secrets/,
  );
  clock.advance(59_999);
  assert.equal(stand.logged.length, first.length);
  clock.advance(1);
  const [sum, ...more] = stand.logged.slice(first.length);
  assert.deepEqual(more, []);
  assert.partialDeepStrictEqual(sum, {
    level: 'warn',
    message: 'delivery refused: 35 more in the last minute',
    fields: { status: 401, more: 35 },
  });
  assert.equal(
    stand.deliveries.filter((outcome) => outcome === 'unauthorized').length,
    40,
    'each is counted',
  );
  assert.equal(clock.next, undefined);
});

test('the next minute begins with the next refusal, and is told anew', async (t) => {
  const clock = new FakeClock();
  const stand = await startStand(t, { clock });
  await times(6, () => deny(stand));
  clock.advance(60_000);
  await times(5, () => deny(stand));
  clock.advance(60_000);
  const lines = Array.from({ length: 5 }, () => 'delivery refused 401');
  assert.deepEqual(told(stand), [...lines, 'delivery refused: 1 more in the last minute 401', ...lines]);
});

test('a method that is none is refused as quietly', async (t) => {
  const clock = new FakeClock();
  const stand = await startStand(t, { clock });
  await times(7, () =>
    send(`${stand.url}/webhooks/harbor`, { method: 'GET', headers: { Authorization: secret } }),
  );
  clock.advance(60_000);
  assert.equal(told(stand).at(-1), 'delivery refused: 2 more in the last minute 405');
});
