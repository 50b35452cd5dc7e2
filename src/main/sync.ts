import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { PlatformFilter } from '../copy/platform.ts';
import { Rehearsal } from '../copy/rehearsal.ts';
import type { FileMistake } from '../imagesyncer/error.ts';
import type { SyncConfig } from '../imagesyncer/load.ts';
import { redactor } from '../log.ts';
import type { Log } from '../log.ts';
import { proxiesOf } from '../registry/proxy.ts';
import { Journal } from '../sync/journal.ts';
import type { RuleFailure } from '../sync/outcome.ts';
import { planOf } from '../sync/plan.ts';
import { reportOf } from '../sync/report.ts';
import type { Report } from '../sync/report.ts';
import { Run } from '../sync/run.ts';
import type { Progress } from '../sync/run.ts';
import { trustSystem } from './authorities.ts';
import { noMemory, openMemory } from './sync-memory.ts';
import type { SyncMemory } from './sync-memory.ts';
import { SyncRegistries } from './sync-registries.ts';

export { DatabaseError } from '../state/error.ts';

export interface SyncOptions {
  config: SyncConfig;
  /** Requests in flight to each registry at once; default: as many as it bears. */
  proc: number | undefined;
  /** Attempts beyond the first. */
  retries: number;
  platforms: PlatformFilter | undefined;
  /** Write manifests also where they are already. */
  force: boolean;
  /** Copy also what differs in the layout of its JSON only. */
  strict: boolean;
  dryRun: boolean;
  /** File for what the next run need not do again. */
  state: string | undefined;
  /** For `HTTP_PROXY` and the like. */
  env: Readonly<Record<string, string | undefined>>;
}

/** A run that goes on. */
export interface Syncing {
  readonly progress: Progress & { /** Of blobs, passed on so far. */ bytes: number };
  /** When it has ended, or was stopped. Does not reject for a tag's sake. */
  readonly report: Promise<Report>;
  /** Ends what is under way. */
  stop(): void;
}

/** Milliseconds between attempts. */
const backoff = { first: 1_000, max: 30_000 };

/** Requests in flight to a registry at first, and at most, where nobody said how many. */
const found = { start: 8, concurrency: 64 };

/**
 * Tags under way: so many that one of their two ends always has all the requests that it may have, for each asks now one end,
 * now the other. With one request at a time it is one tag at a time.
 */
function widthOf(proc: number): number {
  return 2 * proc - 1;
}

/** Begins a run of `tagferry sync`. Throws `ProxyError`, and `DatabaseError` for a state file that cannot be used. */
export function startSync(options: SyncOptions, log: Log, clock: Clock = systemClock): Syncing {
  const { config, proc, dryRun, state, env, platforms, force } = options;
  const { credentials } = config;
  const limits = proc === undefined ? found : { concurrency: proc };
  // Of an index whose members are filtered another one is wanted, and who writes everything again reads it anyway.
  const digests = platforms === undefined && !force;
  const note = (line: string): void => log.info(line);
  const proxies = proxiesOf(env);
  const memory = state === undefined || dryRun ? noMemory : openMemory(state, log, clock);
  const rehearsal = dryRun ? new Rehearsal() : undefined;
  trustSystem();
  const registries = new SyncRegistries({
    credentials,
    ...limits,
    proxies,
    memory,
    digests,
    note,
    rehearsal,
    clock,
  });
  const journal = new Journal(log, dryRun);
  const run = newRun(options, { registries, memory, journal, clock });
  return {
    get progress() {
      return { ...run.progress, bytes: registries.bytes };
    },
    report: carryOut(options, { run, registries, memory, journal, clock }),
    stop: () => run.stop(),
  };
}

interface Parts {
  registries: SyncRegistries;
  memory: SyncMemory;
  journal: Journal;
  clock: Clock;
}

function newRun(options: SyncOptions, { registries, memory, journal, clock }: Parts): Run {
  const { config, proc = found.concurrency, retries, platforms, force, strict } = options;
  const policy = { attempts: 1 + retries, ...backoff, impatient: true } as const;
  return new Run({
    plan: async (signal, onRetry) => {
      journal.expect(config.rules.length);
      const tags = registries.tags.bind(registries);
      const onRule = journal.rule.bind(journal);
      const onFailed = journal.list.bind(journal);
      const how = { tags, width: proc, policy, clock, signal, onRetry, onRule, onFailed };
      const plan = await planOf(config.rules, how);
      registries.expect(plan.copies);
      return plan;
    },
    ends: (task) => registries.ends(task),
    asked: { equivalent: !strict, follow: false, ...(platforms && { platforms }) },
    policy,
    width: widthOf(proc),
    force,
    clock,
    journal,
    onWrite: (task) => memory.doubt(task),
    onThere: (task, digest) => {
      if (registries.hasSeen(task, digest)) memory.saw(task, digest);
    },
  });
}

async function carryOut(options: SyncOptions, parts: Parts & { run: Run }): Promise<Report> {
  const { registries, memory } = parts;
  // Neither the clock's timers nor idle connections keep a process alive: a pause between attempts would be its end.
  const awake = setInterval(() => undefined, 2 ** 31 - 1);
  try {
    return await account(options, parts);
  } finally {
    await registries.close();
    memory.close();
    clearInterval(awake);
  }
}

async function account(
  { config, dryRun, platforms }: SyncOptions,
  { run, journal, clock }: Parts & { run: Run },
): Promise<Report> {
  const startedAt = clock.now();
  const reduced = platforms === undefined ? [] : [reducedWarning];
  for (const warning of [...config.warnings, ...reduced]) journal.warn(warning);
  const mistaken = config.mistakes.map(mistakenOf);
  for (const failure of mistaken) journal.mistake(failure);
  const accounts = await run.run();
  const [interrupted, finishedAt, redact] = [run.stopped, clock.now(), redactor(config.secrets)];
  const report = reportOf(accounts, { dryRun, interrupted, startedAt, finishedAt, mistaken, redact });
  const failed = report.counts.failed + report.counts.rulesFailed;
  if (interrupted) journal.interrupted(failed, finishedAt - startedAt);
  else journal.end(failed, finishedAt - startedAt);
  return report;
}

const reducedWarning =
  '--os and --arch make smaller indexes with digests of their own: signatures of the whole ones do not fit them';

function mistakenOf({ file, line, message, source, destination = '' }: FileMistake): RuleFailure {
  const place = [file, line].filter((part) => part !== undefined).join(':');
  return { source: source ?? place, destination, reason: 'configuration', message: `${place}: ${message}` };
}
