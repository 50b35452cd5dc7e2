import type { Event } from '../event/event.ts';
import type { Reason } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Attempt, Cause, Door, Outcome, Task, TaskState } from './task.ts';

/*
 * What the parts of this folder need of the database, one interface a consumer; `state/` implements them.
 * Every method is one transaction, and durable when it returns. Every method throws `StorageError` when the
 * database cannot be read or written just now (disk full, locked), having changed nothing.
 */

/** The database did not take it: nothing was stored, and it may work later. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** A wanted copy, with what the source tag names where a sweep has seen it. */
export type Sighting = Wanted & { digest?: Digest };

/** Something that came through a door, with the copies that the rules want of it. */
export interface Entry {
  door: Door;
  /** What a webhook said; doors without one have none. */
  event?: Event;
  force: boolean;
  /** Why no webhook told of it, if none did. */
  cause?: Cause;
  /** When the change happened, or was first seen. */
  wantedAt: number;
  wanted: readonly (Sighting | Refused)[];
}

export interface Entered {
  /** Tasks that now stand for the entry: made, joined or, by the end of a scan or a signature, woken. In the order of `wanted`. */
  tasks: number[];
  /** How many of them are new, and their copy is to be made. */
  created: number;
  /** How many of them are new, and say why there is to be no copy. */
  refused: number;
}

/** A source repository that writes to a destination repository. */
export interface Owner {
  source: string;
  sourceRepository: string;
}

export interface EnqueueStore {
  /**
   * Stores a batch in ONE transaction: events, tasks, and which source repository owns which destination
   * repository. An event whose id is known already changes nothing and returns the tasks it made then.
   * A wanted copy joins the unfinished task of its destination tag, or makes a new one; from the sweep it
   * joins without changing anything, and takes up a task that was discarded or cancelled instead of making one; but
   * not one whose digest was refused for good, as long as that is the one the sweep has seen. Where two source tags
   * want one destination tag, the newest push decides. A name that is refused, or owned by another source repository
   * for which `stillOwns` holds, makes a `discarded` task that names both; so does one that nobody owns, and into which
   * another known source repository is put (`NameStore`).
   */
  enter(
    batch: readonly Entry[],
    now: number,
    stillOwns: (owner: Owner, wanted: Wanted) => boolean,
  ): Entered[];
  /** Whether tasks of that source repository wait for its policy: for a scan to end, or for a signature. */
  awaitsRelease(repository: string): boolean;
  /** Tags that events have named for a digest in a source repository: what a signature tag belongs to. */
  tagsOf(repository: string, digest: string): string[];
  /** Whether the event has been stored before: by its sender's id, or by all that it says where it has none. */
  isKnown(event: Event): boolean;
}

/** What a worker found; the dispatcher has it applied. */
export type Verdict =
  | { kind: 'complete'; outcome: Outcome; /** The source moved meanwhile: go again. */ again: boolean }
  | {
      kind: 'retry';
      at: number;
      reason: Reason;
      message: string;
      /** Waited for something outside our power: costs no attempt. */
      waited: boolean;
    }
  | { kind: 'discard'; reason: Reason; message: string }
  | { kind: 'cancel' };

/** What may not begin just now. */
export interface Busy {
  /** Source repositories (`repositoryOf`). */
  repositories?: ReadonlySet<string>;
  destinations?: ReadonlySet<string>;
  doors?: ReadonlySet<Door>;
  /** What is so for all doors but the webhook's, in place of the above. */
  bulk?: Pick<Busy, 'repositories' | 'destinations'>;
}

export interface DispatchStore {
  /**
   * Takes the next available task and makes it running: the most urgent door first, within a door the
   * lanes in turn, within one the oldest. What is `busy` is passed over.
   */
  claim(now: number, busy: Busy): Task | undefined;
  /**
   * Stores the attempt and applies the verdict in one transaction. A push that joined since the claim wins
   * over every verdict: the task is available again, with no attempt spent. Returns the task as it is now.
   */
  settle(claimed: Task, attempt: Attempt, verdict: Verdict, now: number): Task;
  /** Running tasks of this process that were stopped: available again, the attempt not counted. */
  release(ids: readonly number[], now: number): void;
  /**
   * Retryable tasks whose time has come: available. So are those due later than `longest` milliseconds from now: no
   * wait is that long, so the clock was set back since. At most `limit` of each; returns how many in all.
   */
  promote(now: number, limit: number, longest: number): number;
  /** When the next retryable task is due. */
  nextRun(): number | undefined;
}

/** The source repository of a task, with its registry. */
export function repositoryOf(task: Pick<Task, 'source' | 'sourceRepository'>): string {
  return `${task.source}/${task.sourceRepository}`;
}

/** The lane a task runs in: lanes take turns, so that no repository starves the others. Those of a destination are one stretch. */
export function laneOf(task: Pick<Task, 'source' | 'sourceRepository' | 'destination'>): string {
  return `${task.destination} ${repositoryOf(task)}`;
}

export interface TaskQuery {
  state?: TaskState;
  /** Of the source. */
  repository?: string;
  tag?: string;
  limit: number;
  /** Tasks with a smaller id only: pages go from the newest to the oldest. */
  before?: number;
}

/** What the admin API needs. */
export interface TaskStore {
  list(query: TaskQuery): Task[];
  get(id: number): { task: Task; attempts: Attempt[] } | undefined;
  /**
   * The unfinished task of a wanted copy's destination tag, else its newest one. Of that source repository, but perhaps
   * of another tag there; one of another repository, which had to keep away from that name, does not count.
   */
  newestFor(wanted: Wanted): Task | undefined;
  /** Makes a discarded, cancelled or retryable task available; `conflict` when its state, or a newer task, forbids it. */
  retry(id: number, now: number): 'done' | 'conflict' | 'missing';
  /** Cancels an available or retryable task; a running one is marked, so that its end is `cancelled`, even after a crash. */
  cancel(id: number, now: number): 'done' | 'running' | 'conflict' | 'missing';
  /** How many tasks are in each state; costs the same however many there are. */
  counts(): Record<TaskState, number>;
}

export interface PruneStore {
  /** Removes what is finished and older than `before`, at most `limit` rows. Returns how many went. */
  prune(before: number, limit: number): number;
  /** Removes upload sessions that their registries have forgotten by now. */
  pruneUploads(now: number): void;
}

export const sweepStates = ['running', 'completed', 'failed'] as const;
export type SweepState = (typeof sweepStates)[number];

/** One comparison of both ends. */
export interface Sweep {
  id: number;
  /** Only this rule, if given. */
  rule?: string;
  dryRun: boolean;
  trigger: 'schedule' | 'start' | 'admin';
  state: SweepState;
  startedAt: number;
  finishedAt?: number;
  /** Source tags looked at. */
  listed: number;
  /** The same digest at both ends. */
  unchanged: number;
  /** Differences for which a task stands (in a dry run: would stand). */
  enqueued: number;
  /** Changes that no webhook had told of, and for which no unfinished task stood. */
  missed: number;
  /** The same by their causes. */
  causes: Partial<Record<Cause, number>>;
  /** Records that were looked at, and of these the ones that were wrong: somebody else writes there. */
  audited: number;
  mismatched: number;
  /** Repositories or tags that could not be compared. */
  failed: number;
  /** What went wrong, one line each, the first few. */
  errors: string[];
  /** Source repositories whose name the destination cannot have, with or without a tag to copy. */
  invalidNames: number;
  /** Destination repositories in which several source repositories would meet. */
  collisions: number;
  /** Both, one line each, the first few. */
  nameErrors: string[];
}

/** A piece of a sweep's work; `migrations/0004_record.sql` says what the kinds are. */
export interface Part {
  source: string;
  kind: 'plan' | 'project' | 'repository' | 'rest';
  name: string;
  /** Of a project: the last id that was done. */
  position: number;
}

export interface SweepStore {
  /** One that was interrupted does not go on any more. */
  begin(sweep: Pick<Sweep, 'rule' | 'dryRun' | 'trigger'>, now: number): Sweep;
  /** At its end, nothing that was left to do is remembered. */
  save(sweep: Sweep): void;
  get(id: number): Sweep | undefined;
  list(limit: number, before?: number): Sweep[];
  /** The one that was running when the process ended. */
  interrupted(): Sweep | undefined;
  /** Whether its parts have been written. */
  isPlanned(id: number): boolean;
  /** Writes what it has to do first. */
  plan(sweep: Sweep, parts: readonly Part[]): void;
  /** Sources of the parts that are left. */
  sources(id: number): string[];
  /** The next part of a source, in the order of the kinds: each may bring some of those behind it. */
  next(id: number, source: string): Part | undefined;
  /** Saves the counts, how far a part is (`done`: it is over), and parts that have come up meanwhile. */
  progress(sweep: Sweep, part: Part, position: number | 'done', more?: readonly Part[]): void;
  /** Source repositories that events or tasks have named: what a sweep knows where it may not list. */
  repositories(): string[];
}

/** How far lists of a source that only grow have been read: the last id that was seen. */
export interface PositionStore {
  position(source: string, list: string): number | undefined;
  setPosition(source: string, list: string, lastId: number): void;
}
