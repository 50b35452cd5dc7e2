import type { Clock } from '../clock.ts';
import type { LedgerStore } from '../copy/ledger.ts';
import { noSessions } from '../copy/upload-session.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import type { Log } from '../log.ts';
import type { Digest } from '../oci/digest.ts';
import { openState } from '../state/state.ts';
import type { State } from '../state/state.ts';
import type { Seen } from '../task/record.ts';
import type { Task } from '../task/task.ts';
import { attempting, forgivingLedger, forgivingUploads } from './forgiving.ts';

/** What a run need not do again, as earlier ones left it. */
export interface SyncMemory {
  sessions: UploadSessions;
  /** Of a destination, by its origin. */
  ledger(origin: string): LedgerStore | undefined;
  /** What the run that was interrupted has seen at the task's destination, or put there. */
  holds(task: Task): Digest | undefined;
  /** A tag that is at its destination. */
  saw(task: Task, digest: Digest): void;
  /** The run has come to its end; without this call it was interrupted. */
  finish(): void;
  close(): void;
}

/** Without `--state`. */
export const noMemory: SyncMemory = {
  sessions: noSessions,
  ledger: () => undefined,
  holds: () => undefined,
  saw: () => undefined,
  finish: () => undefined,
  close: () => undefined,
};

/** Positions that say when runs began and ended: whatever has begun last and not ended was interrupted. */
const began = ['sync', 'began'] as const;
const ended = ['sync', 'ended'] as const;

/** After that (ms) an interrupted run is not gone on with: by then somebody else may have been at the destination. */
const longestBreak = 24 * 60 * 60_000;

/** Milliseconds between writes to the disk: what has ended since is asked for again after a crash. */
const pace = 500;

/** Opens `--state FILE`, made when it is missing. Throws `DatabaseError`. */
export function openMemory(file: string, log: Log, clock: Clock): SyncMemory {
  return new FileMemory(openState(file), log, clock);
}

/** The mirror's database, for what a run can use of it. Nothing here fails a copy: what is not kept is done again. */
class FileMemory implements SyncMemory {
  readonly sessions: UploadSessions;
  readonly #state: State;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #attempt: ReturnType<typeof attempting>;
  /** When the run began that this one goes on with; `undefined`: it is a new one. */
  readonly #since: number | undefined;
  #seen: Seen[] = [];
  #savedAt = Number.NEGATIVE_INFINITY;
  #saving: { cancel(): void } | undefined;

  constructor(state: State, log: Log, clock: Clock) {
    this.#state = state;
    this.#log = log;
    this.#clock = clock;
    const failing = 'the state file cannot be read or written: the next run has to do more again';
    this.#attempt = attempting(log, failing, 'once');
    this.sessions = forgivingUploads(state.uploads, log);
    this.#since = this.#interrupted();
    if (this.#since === undefined) this.#mark(began);
    else log.info('going on with the run that was interrupted', { since: new Date(this.#since) });
  }

  ledger(origin: string): LedgerStore {
    return forgivingLedger(this.#state.ledger(origin), this.#log);
  }

  holds(task: Task): Digest | undefined {
    if (this.#since === undefined) return undefined;
    const record = this.#attempt(() => this.#state.records.find(task));
    if (record === undefined || !record.trusted || record.verifiedAt < this.#since) return undefined;
    return record.digest;
  }

  saw(task: Task, digest: Digest): void {
    this.#seen.push({ copy: task, digest, at: this.#clock.now() });
    const due = this.#savedAt + pace - this.#clock.now();
    if (due <= 0) this.#save();
    else this.#saving ??= this.#clock.after(due, () => this.#save());
  }

  finish(): void {
    this.#mark(ended);
  }

  close(): void {
    this.#save();
    this.#state.close();
  }

  #save(): void {
    this.#saving?.cancel();
    this.#saving = undefined;
    this.#savedAt = this.#clock.now();
    const seen = this.#seen;
    this.#seen = [];
    this.#attempt(() => this.#state.records.confirm(seen));
  }

  #interrupted(): number | undefined {
    const { positions } = this.#state;
    const since = this.#attempt(() => positions.position(...began)) ?? 0;
    const end = this.#attempt(() => positions.position(...ended)) ?? 0;
    return since > end && this.#clock.now() - since < longestBreak ? since : undefined;
  }

  #mark([source, list]: typeof began | typeof ended): void {
    this.#attempt(() => this.#state.positions.setPosition(source, list, Math.trunc(this.#clock.now())));
  }
}
