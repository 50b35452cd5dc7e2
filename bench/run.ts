import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Row, Scenario } from './scenario.ts';
import { claim } from './scenario/claim.ts';
import { blob, image } from './scenario/blob.ts';
import { budgets } from './scenario/budgets.ts';
import { cut } from './scenario/cut.ts';
import { memory, memoryRegistries } from './scenario/memory.ts';
import { ranges } from './scenario/ranges.ts';
import { retryAfterScenario } from './scenario/retry-after.ts';
import { sweep } from './scenario/sweep.ts';
import { tagScenarios } from './scenario/tags.ts';
import { visible } from './scenario/visible.ts';
import { webhook } from './scenario/webhook.ts';
import { versions } from './peer/all.ts';
import { isThere } from './support/command.ts';
import { Stand } from './support/stand.ts';
import { table } from './support/table.ts';

/*
 * npm run bench [-- NAME… --small --json FILE --program FILE --flags FLAGS]. Progress goes to standard error, the table to standard output.
 * Everything that a scenario starts or writes is gone at its end, and after Ctrl-C.
 */

const scenarios: readonly Scenario[] = [
  webhook,
  claim,
  sweep,
  budgets,
  blob,
  image,
  ranges,
  cut,
  ...tagScenarios,
  retryAfterScenario,
  visible,
  memory,
  memoryRegistries,
];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    /** Less of everything: to try a scenario out, not to quote. */
    small: { type: 'boolean', default: false },
    list: { type: 'boolean' },
    /** Measured instead of the sources, e.g. a built `dist/cli/tagferry.js`. */
    program: { type: 'string', default: 'src/cli/tagferry.ts' },
    /** Node's own for it; by default those of the program's first line. */
    flags: { type: 'string', default: '--max-semi-space-size=2' },
  },
});

const measured = {
  program: options.program,
  flags: options.flags.split(' ').filter(Boolean),
  small: options.small,
};
let current: Stand | undefined;
let interrupted = false;
process.once('SIGINT', () => {
  process.once('SIGINT', () => process.exit(130));
  interrupted = true;
  void (current?.close() ?? Promise.resolve()).finally(() => process.exit(130));
});

if (options.list) for (const { name, about } of scenarios) console.log(`${name.padEnd(20)}${about}`);
else await runAll(chosen());

function chosen(): readonly Scenario[] {
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    console.error(
      `expected names of ${scenarios.map(({ name }) => name).join(', ')}, got ${unknown.join(', ')}`,
    );
    process.exit(2);
  }
  return names.length === 0
    ? scenarios.filter(({ onRequest }) => !onRequest)
    : scenarios.filter(({ name }) => names.includes(name));
}

async function runAll(scenarios: readonly Scenario[]): Promise<void> {
  const results: { scenario: string; rows: Row[] }[] = [];
  const before = loadavg();
  for (const scenario of scenarios) {
    const rows = await run(scenario);
    if (interrupted) return;
    if (rows !== undefined) results.push({ scenario: scenario.name, rows });
  }
  const machine = {
    node: process.version,
    cores: cpus().length,
    model: cpus()[0]?.model,
    loadBefore: before[0],
    peers: versions(),
    small: options.small,
  };
  console.log(
    `\nNode ${machine.node}, ${machine.cores} cores (${machine.model}), load before ${machine.loadBefore}`,
  );
  if (options.small) console.log('small sizes: to try things out, not to quote');
  console.log(table(results));
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ machine, results }, null, 2));
}

/** A scenario that fails does not keep the others from being measured; the exit code tells. */
async function run(scenario: Scenario): Promise<Row[] | undefined> {
  const say = (line: string): void => console.error(`${scenario.name}: ${line}`);
  const missing = scenario.needs.filter((command) => !isThere(command));
  if (missing.length > 0) {
    say(`left out: ${missing.join(', ')} not found; apt-get install it`);
    return undefined;
  }
  say(scenario.about);
  const stand = (current = new Stand(measured));
  try {
    return await scenario.run(stand, say);
  } catch (error) {
    if (interrupted) return undefined;
    process.exitCode = 1;
    say(`failed: ${error instanceof Error ? error.stack : String(error)}`);
    return undefined;
  } finally {
    await stand.close();
  }
}
