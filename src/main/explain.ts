import { statSync } from 'node:fs';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { hintFor } from '../doctor/hint.ts';
import { redactor } from '../log.ts';
import { proxiesOf } from '../registry/proxy.ts';
import { Ruleset } from '../rule/match.ts';
import { explanationView } from '../server/explain.ts';
import type { ExplanationView } from '../server/explain.ts';
import { inMemory } from '../state/database.ts';
import { DatabaseError } from '../state/error.ts';
import { readDatabase } from '../state/reading.ts';
import { openState } from '../state/state.ts';
import type { Look } from '../task/both-ends.ts';
import { explain, recall } from '../task/explain.ts';
import type { Explanation, Foundation, Recalled } from '../task/explain.ts';
import type { Task } from '../task/task.ts';
import { ConfiguredRegistries } from './registries.ts';

type Reference = Parameters<typeof recall>[0];

export interface Alone {
  explanation: ExplanationView;
  /** On what the answer rests, a sentence each. */
  notes: string[];
}

interface Memory {
  recalled: Recalled;
  from: Foundation;
  note: string;
}

/**
 * Explains a tag without a running mirror: by the configuration, by the database if nobody uses it, which is only read, and by
 * asking both ends. Throws `ProxyError`, and what files that cannot be read throw.
 */
export async function explainAlone(
  config: Config,
  reference: Reference,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Promise<Alone> {
  const proxies = proxiesOf(env);
  const registries = new ConfiguredRegistries({ configs: config.registries, clock, proxies });
  try {
    const { recalled, from, note } = remembered(config, reference);
    const hint = hintFor(config.registries);
    const explanation = await explain(recalled, { registries, hint, clock, from });
    return { explanation: explanationView(masked(explanation, redactor(config.secrets))), notes: [note] };
  } finally {
    await registries.close();
  }
}

/** The database is closed before any registry is asked: meanwhile no mirror can start on it. */
function remembered({ rules, database }: Config, reference: Reference): Memory {
  const ruleset = new Ruleset(rules);
  if (isMissing(database)) return fromNothing(ruleset, reference, `there is no database at ${database} yet`);
  try {
    const recalled = readDatabase(database, ({ enqueue: events, tasks, records }) => {
      const idle = {
        newestFor: (wanted: Parameters<typeof tasks.newestFor>[0]) => atRest(tasks.newestFor(wanted)),
      };
      return recall(reference, { rules: ruleset, events, tasks: idle, records });
    });
    const note = `no mirror runs on database ${database}: what waits there goes on when one is started`;
    return { recalled, from: 'database', note };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return fromNothing(ruleset, reference, error.message);
  }
}

/** Only where it is known: a folder that may not be looked into may hold it. */
function isMissing(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false; // Opening it says why.
  }
}

function fromNothing(rules: Ruleset, reference: Reference, why: string): Memory {
  const { enqueue: events, tasks, records, close } = openState(inMemory);
  try {
    const recalled = recall(reference, { rules, events, tasks, records });
    return {
      recalled,
      from: 'registries',
      note: `${why}; what has been copied, or has failed, is not known`,
    };
  } finally {
    close();
  }
}

/** What a crash has left running runs no more; the next start makes it available. */
function atRest(task: Task | undefined): Task | undefined {
  return task?.state === 'running' ? { ...task, state: 'available' } : task;
}

/** The words of registries, and of the database, which has them from registries. */
function masked(explanation: Explanation, redact: (text: string) => string): Explanation {
  const maskedLook = (look: Look): Look => ('words' in look ? { ...look, words: redact(look.words) } : look);
  return {
    ...explanation,
    destinations: explanation.destinations.map(({ words, hint, ends, ...rest }) => ({
      ...rest,
      words: redact(words),
      ...(hint !== undefined && { hint: redact(hint) }),
      ends: { source: maskedLook(ends.source), destination: maskedLook(ends.destination) },
    })),
  };
}
