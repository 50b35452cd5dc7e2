import type { Clock } from '../clock.ts';
import type { LedgerStore } from '../copy/ledger.ts';
import { noSessions } from '../copy/upload-session.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import type { Log } from '../log.ts';
import type { Digest } from '../oci/digest.ts';
import { openState } from '../state/state.ts';
import type { State } from '../state/state.ts';
import type { Place, Seen } from '../task/record.ts';
import type { Task } from '../task/task.ts';
import { attempting, forgivingLedger, forgivingUploads } from './forgiving.ts';

/** What a run need not do again, as earlier ones left it. */
export interface SyncMemory {
  sessions: UploadSessions;
  /** Of a destination, by its origin. */
  ledger(origin: string): LedgerStore | undefined;
  /** What a run has seen at the place within the last 24 hours, or put there. */
  holds(place: Place): Digest | undefined;
  /** The destination tag is about to be written: until it is seen there, nobody knows what it names. */
  doubt(place: Place): void;
  /** A tag that is at its destination. */
  saw(task: Task, digest: Digest): void;
  close(): void;
}

/** Without `--state`. */
export const noMemory: SyncMemory = {
  sessions: noSessions,
  ledger: () => undefined,
  holds: () => undefined,
  doubt: () => undefined,
  saw: () => undefined,
  close: () => undefined,
};

/** What was seen at a destination tag is believed for so long (ms), where the tag is still there: others may write there, too. */
const believedFor = 24 * 60 * 60_000;

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
  }

  ledger(origin: string): LedgerStore {
    return forgivingLedger(this.#state.ledger(origin), this.#log);
  }

  holds(place: Place): Digest | undefined {
    const record = this.#attempt(() => this.#state.records.find(place));
    if (record === undefined || !record.trusted) return undefined;
    const age = this.#clock.now() - record.verifiedAt;
    // What is dated later was seen before the clock was set back.
    return age >= 0 && age < believedFor ? record.digest : undefined;
  }

  doubt(place: Place): void {
    const { destination, destinationRepository, destinationTag } = place;
    const tag = { destination, destinationRepository, destinationTag };
    this.#attempt(() => this.#state.records.distrustTag(tag));
  }

  saw(task: Task, digest: Digest): void {
    this.#seen.push({ copy: task, digest, at: this.#clock.now() });
    const due = this.#savedAt + pace - this.#clock.now();
    if (due <= 0) this.#save();
    else this.#saving ??= this.#clock.after(due, () => this.#save());
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
}
