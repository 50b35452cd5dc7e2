import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { redactor } from '../log.ts';
import type { Log } from '../log.ts';
import { proxiesOf } from '../registry/proxy.ts';
import { collisionWords, invalidWords } from '../rule/mapping.ts';
import type { NameFindings } from '../rule/mapping.ts';
import { Ruleset } from '../rule/match.ts';
import { inMemory } from '../state/database.ts';
import { openState } from '../state/state.ts';
import type { State } from '../state/state.ts';
import { Differences } from '../sync/differences.ts';
import type { Plan } from '../sync/plan.ts';
import { reportOf } from '../sync/report.ts';
import { Run } from '../sync/run.ts';
import type { Progress } from '../sync/run.ts';
import type { Sweep } from '../task/store.ts';
import { Sweeper } from '../task/sweep.ts';
import { planReportOf } from './plan-report.ts';
import type { PlanReport } from './plan-report.ts';
import { ConfiguredRegistries } from './registries.ts';
import { RehearsedRegistries } from './rehearsed-registries.ts';

export interface PlanOptions {
  /** Only the rule of that name. */
  rule: string | undefined;
  /** For `HTTP_PROXY` and the like. */
  env: Readonly<Record<string, string | undefined>>;
}

/** A plan that is being made. */
export interface Planning {
  readonly progress: Progress & { /** Wanted copies. */ compared: number };
  /** When it is made, or was stopped. */
  readonly report: Promise<PlanReport>;
  /** Ends what is under way. */
  stop(): void;
}

const ignore = (): void => undefined;

/** Of a plan somebody waits for the end; milliseconds. */
const policy = { attempts: 3, first: 1_000, max: 5_000, impatient: true } as const;

/**
 * Finds out what a sweep of a mirror without a memory would copy, by the sweep itself and a rehearsal of the copies. It has a
 * database in memory, so it may run beside the mirror. Throws `ProxyError`, and what files that cannot be read throw.
 */
export function startPlan(
  config: Config,
  options: PlanOptions,
  log: Log,
  clock: Clock = systemClock,
): Planning {
  const preview = new Preview(config, options, log, clock);
  return {
    get progress() {
      return preview.progress;
    },
    report: preview.report(),
    stop: () => preview.run.stop(),
  };
}

/** The sweep, whose differences are the plan of a run that rehearses them. */
class Preview {
  readonly run: Run;
  readonly #options: PlanOptions;
  readonly #clock: Clock;
  readonly #redact: (text: string) => string;
  readonly #state: State = openState(inMemory);
  readonly #registries: ConfiguredRegistries;
  readonly #rehearsed: RehearsedRegistries;
  readonly #differences = new Differences();
  readonly #rules: Ruleset;
  readonly #sweeper: Sweeper;
  #sweep: Sweep | undefined;
  #findings: NameFindings = { invalid: [], collisions: [] };
  #plan: Plan = { copies: [], skipped: [], failures: [] };

  constructor(config: Config, options: PlanOptions, log: Log, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#redact = redactor(config.secrets);
    const proxies = proxiesOf(options.env);
    this.#registries = new ConfiguredRegistries({ configs: config.registries, clock, proxies });
    this.#rehearsed = new RehearsedRegistries(this.#registries);
    this.#rules = new Ruleset(config.rules);
    this.#sweeper = this.#newSweeper(config);
    this.run = new Run({
      plan: (signal) => this.#compare(signal),
      ends: (task) => this.#rehearsed.ends(task),
      policy,
      width: config.dispatch.concurrency,
      force: false,
      clock,
      journal: {
        expect: ignore,
        tag: ignore,
        retry: ignore,
        warn: ignore,
        attempt: ({ source }, why) => log.warn(`${source} is looked at again: ${why}`),
      },
      onThere: ignore,
    });
  }

  get progress(): Planning['progress'] {
    return { ...this.run.progress, compared: this.#differences.compared };
  }

  async report(): Promise<PlanReport> {
    const startedAt = this.#clock.now();
    try {
      const accounts = await this.run.run();
      const [interrupted, finishedAt, redact] = [this.run.stopped, this.#clock.now(), this.#redact];
      const facts = { dryRun: true, interrupted, startedAt, finishedAt, mistaken: [], redact };
      return planReportOf(reportOf(accounts, facts), {
        rule: this.#options.rule,
        sweep: this.#sweep,
        plan: this.#plan,
        collisions: this.#collisions(),
        invalidNames: this.#findings.invalid.map(invalidWords),
        isImmutable: (copy) => this.#rules.isImmutable(copy),
        found: (copy) => this.#rehearsed.found(copy),
        redact,
      });
    } finally {
      await this.#registries.close();
      this.#state.close();
    }
  }

  /** No record is known and no event, so every tag is asked for; what is found goes nowhere. */
  #newSweeper(config: Config): Sweeper {
    const { sweeps: store, names, positions, records } = this.#state;
    return new Sweeper({
      store,
      names,
      positions,
      records,
      registries: this.#rehearsed,
      rules: this.#rules,
      submit: async ({ wanted }) => {
        this.#differences.add(wanted);
        return { tasks: [], created: wanted.length, refused: 0 };
      },
      announced: () => [],
      catchUp: async () => undefined,
      // All repositories have their turn to be looked at for tags that no list shows.
      auditShare: 1,
      width: config.dispatch.concurrency,
      onFindings: (findings) => (this.#findings = findings),
      onCompare: (copy) => this.#differences.compares(copy),
      clock: this.#clock,
      listener: () => undefined,
    });
  }

  /** Of names that are not listed, by what is compared. */
  #collisions(): string[] {
    return [...new Set([...this.#findings.collisions.map(collisionWords), ...this.#differences.collisions])];
  }

  /** What has been found until it is stopped counts. */
  async #compare(signal: AbortSignal): Promise<Plan> {
    const { rule } = this.#options;
    const request = { dryRun: false, trigger: 'admin', ...(rule !== undefined && { rule }) } as const;
    const id = this.#sweeper.start(request) ?? 0;
    signal.addEventListener('abort', () => void this.#sweeper.stop(), { once: true });
    await this.#sweeper.idle();
    this.#sweep = this.#state.sweeps.get(id);
    this.#plan = { ...this.#differences.plan(), failures: [] };
    return this.#plan;
  }
}
