import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { Ruleset } from '../../src/rule/match.ts';
import { planOf } from '../../src/task/plan.ts';
import { load, smallest } from '../config/document.ts';

test('a plan of thousands of repositories lets others have their turn, and ends when it is told to', async (t) => {
  const config = load(smallest);
  const rules = new Ruleset(config.rules);
  const registries = new ConfiguredRegistries({ configs: config.registries, clock: systemClock });
  t.after(() => registries.close());
  const repositories = Array.from(
    { length: 10_000 },
    (_, index) => `library/r${String(index).padStart(5, '0')}`,
  );
  const survey = { projects: [], repositories, names: new Set(repositories), unnamed: new Map() };
  const stop = new AbortController();
  const options = { registries, rules, known: () => [], failed: () => undefined, signal: stop.signal };
  const plan = () => planOf('harbor', rules.sources(), survey, options);
  const ended = new AbortController();
  const planning = plan().finally(() => ended.abort());
  let turns = 0;
  for (; !ended.signal.aborted; turns++) await setImmediate();
  assert.ok(turns >= 10, `${turns} turns`);
  assert.deepEqual(
    (await planning).map(({ name }) => name),
    repositories,
  );
  const stopped = plan();
  stop.abort(new Error('stopping'));
  await assert.rejects(stopped, /stopping/);
});
