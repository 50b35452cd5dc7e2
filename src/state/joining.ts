import type { Reason } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';
import { isFinal } from '../task/retry.ts';
import type { Entry, Sighting } from '../task/store.ts';
import { doors, type Outcome, type TaskState } from '../task/task.ts';
import type { Connection } from './database.ts';

/** Harbor's last attempt at a delivery, where it makes ten of them, comes after 4.7 hours; milliseconds. */
const latestDelivery = 5 * 60 * 60 * 1000;

/** Above every generation that its destination tag has had: the record remembers where the tasks are pruned. */
const insertTask = `
  INSERT INTO task (state, door, cause, force, rule, source, source_repository, source_tag, destination,
    destination_repository, destination_tag, created_at, wanted_at, run_at, newest_at, generation)
  VALUES ('available', @door, @cause, @force, @rule, @source, @sourceRepository, @sourceTag, @destination,
    @destinationRepository, @destinationTag, @now, @wantedAt, @now, @newestAt,
    1 + max(@before, ifnull((
      SELECT generation FROM record
      WHERE destination = @destination AND destination_repository = @destinationRepository
        AND destination_tag = @destinationTag), 0)))`;

const insertRefused = `
  INSERT INTO task (state, door, force, rule, source, source_repository, source_tag, destination,
    destination_repository, destination_tag, created_at, wanted_at, run_at, finished_at, reason, message)
  VALUES ('discarded', @door, @force, @rule, @source, @sourceRepository, @sourceTag, @destination,
    @destinationRepository, @destinationTag, @now, @wantedAt, @now, @now, @reason, @message)`;

const findUnfinished = `
  SELECT id, state, newest_at AS newestAt, rule, source, source_repository AS sourceRepository,
    source_tag AS sourceTag
  FROM task
  WHERE destination = ? AND destination_repository = ? AND destination_tag = ? AND unfinished = 1`;

/** How the newest task of a destination tag ended; one that had to keep away from that name does not count. */
const findEnded = `
  SELECT id, state, generation, newest_at AS newestAt, source, source_repository AS sourceRepository,
    source_tag AS sourceTag, outcome, reason, digest
  FROM task
  WHERE destination = ? AND destination_repository = ? AND destination_tag = ? AND unfinished IS NULL
    AND ifnull(reason, '') NOT IN ('name-invalid', 'name-collision')
  ORDER BY id DESC LIMIT 1`;

const findRefused = `
  SELECT id FROM task
  WHERE source_repository = @sourceRepository AND source_tag = @sourceTag AND source = @source
    AND destination = @destination AND destination_repository = @destinationRepository
    AND destination_tag = @destinationTag AND state = 'discarded' AND reason = @reason
  ORDER BY id DESC LIMIT 1`;

/** A change that a webhook tells of after all has been told. */
const causeOfJoined = `cause = iif(@door = 'webhook' AND @cause IS NULL, NULL, cause)`;

/** A push joins a task that waits: one attempt will do for both, and it starts with a clean slate. */
const joinWaiting = `
  UPDATE task SET state = 'available', generation = generation + 1, attempts = 0,
    run_at = CASE state WHEN 'retryable' THEN @now ELSE run_at END,
    wanted_at = min(wanted_at, @wantedAt), newest_at = max(newest_at, @newestAt), force = max(force, @force),
    door = CASE WHEN @urgency < urgency THEN @door ELSE door END, ${causeOfJoined},
    rule = @rule, source = @source, source_repository = @sourceRepository, source_tag = @sourceTag
  WHERE id = @id`;

/**
 * The same push again while the task waits, which is what a burst is made of. It changes no column that an index
 * holds, so it costs far less than `joinWaiting` (docs/performance.md), which stands for all other cases.
 */
const joinAlike = `
  UPDATE task SET generation = generation + 1, attempts = 0,
    wanted_at = min(wanted_at, @wantedAt), newest_at = max(newest_at, @newestAt), force = max(force, @force),
    ${causeOfJoined}
  WHERE id = @id AND state = 'available' AND urgency <= @urgency AND rule = @rule
    AND source = @source AND source_repository = @sourceRepository AND source_tag = @sourceTag`;

/** A push joins a task that runs: its end sees the generation and makes it available again. */
const joinRunning = `
  UPDATE task SET generation = generation + 1, cancel_requested_at = NULL,
    next_wanted_at = min(ifnull(next_wanted_at, @wantedAt), @wantedAt),
    next_force = max(ifnull(next_force, @force), @force), newest_at = max(newest_at, @newestAt),
    door = CASE WHEN @urgency < urgency THEN @door ELSE door END, ${causeOfJoined},
    rule = @rule, source = @source, source_repository = @sourceRepository, source_tag = @sourceTag
  WHERE id = @id`;

/** A sweep finds what a task has given up: the same task again, for nothing new has happened at the source. */
const takeUpAgain = `
  UPDATE task SET state = 'available', generation = generation + 1, attempts = 0, run_at = @now,
    wanted_at = @wantedAt, newest_at = @newestAt, force = @force, door = @door,
    finished_at = NULL, reason = NULL, message = NULL,
    rule = @rule, source = @source, source_repository = @sourceRepository, source_tag = @sourceTag
  WHERE id = @id`;

/** The same refusal again is not told twice. */
const refuseAgain = `UPDATE task SET finished_at = @now, message = @message WHERE id = @id`;

type Arrival = Wanted & {
  door: string;
  cause: string | null;
  urgency: number;
  force: number;
  wantedAt: number;
  /** 0 for a sweep, which knows of no push. */
  newestAt: number;
  now: number;
};

/** Where a copy comes from. */
type Wish = Pick<Wanted, 'source' | 'sourceRepository' | 'sourceTag'>;

type Unfinished = Wish & Pick<Wanted, 'rule'> & { id: number; state: TaskState; newestAt: number };

type Ended = Wish & {
  id: number;
  state: TaskState;
  generation: number;
  newestAt: number;
  outcome: Outcome | null;
  reason: Reason | null;
  digest: Digest | null;
};

/** A task that now stands for what was wanted. */
export interface Standing {
  id: number;
  /** New, and its copy is to be made. */
  created: boolean;
  /** New, and says why there is to be no copy. */
  refused: boolean;
}

const prepare = (connection: Connection) => ({
  insertTask: connection.prepare<[Arrival & { before: number }]>(insertTask),
  insertRefused: connection.prepare<[Arrival & { reason: Reason; message: string }]>(insertRefused),
  findUnfinished: connection.prepare<[destination: string, repository: string, tag: string], Unfinished>(
    findUnfinished,
  ),
  findEnded: connection.prepare<[destination: string, repository: string, tag: string], Ended>(findEnded),
  takeUpAgain: connection.prepare<[Arrival & { id: number }]>(takeUpAgain),
  findRefused: connection.prepare<[Wanted & { reason: Reason }], { id: number }>(findRefused),
  joinWaiting: connection.prepare<[Arrival & { id: number }]>(joinWaiting),
  joinAlike: connection.prepare<[Arrival & { id: number }]>(joinAlike),
  joinRunning: connection.prepare<[Arrival & { id: number }]>(joinRunning),
  refuseAgain: connection.prepare<[{ id: number; message: string; now: number }]>(refuseAgain),
});

/** How what is wanted meets the tasks that are there, inside the transaction of the caller. */
export class Joining {
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#sql = prepare(connection);
  }

  /** Joins the unfinished task of the destination tag, or makes one. */
  join(entry: Entry, wanted: Sighting, now: number): Standing {
    const { destination, destinationRepository, destinationTag } = wanted;
    const task = this.#sql.findUnfinished.get(destination, destinationRepository, destinationTag);
    const arrival = arrivalOf(entry, wanted, now);
    if (!task) return this.#begin(arrival, wanted.digest);
    // A sweep knows nothing newer than the task does.
    if (entry.door !== 'sweep') this.#join(arrival, task);
    return { id: task.id, created: false, refused: false };
  }

  #begin(arrival: Arrival, seen: Digest | undefined): Standing {
    const { destination, destinationRepository, destinationTag } = arrival;
    const ended = this.#sql.findEnded.get(destination, destinationRepository, destinationTag);
    if (ended && isDone(arrival, ended, seen)) return { id: ended.id, created: false, refused: false };
    const begun = ended ? { ...arrival, newestAt: newestOf(arrival, ended) } : arrival;
    if (arrival.door === 'sweep' && ended && ended.state !== 'completed') return this.#takeUp(begun, ended);
    const made = this.#sql.insertTask.run({ ...begun, before: ended?.generation ?? 0 });
    return { id: Number(made.lastInsertRowid), created: true, refused: false };
  }

  /** What was discarded or cancelled is known: a sweep that finds it missing has found nothing that no event announced. */
  #takeUp(arrival: Arrival, { id }: Ended): Standing {
    this.#sql.takeUpAgain.run({ ...arrival, id });
    return { id, created: false, refused: false };
  }

  /** The newest push decides where the copy comes from; an older one that is told later is in it, or is overtaken. */
  #join(newer: Arrival, { id, state, newestAt, ...wish }: Unfinished): void {
    const arrival = { ...newer, ...(newer.newestAt < newestAt && wish), id };
    if (state === 'running') this.#sql.joinRunning.run(arrival);
    else if (this.#sql.joinAlike.run(arrival).changes === 0) this.#sql.joinWaiting.run(arrival);
  }

  /** Makes a discarded task that says why, unless the same one is there: then that one is refreshed. */
  refuse(entry: Entry, wanted: Wanted, reason: Reason, message: string, now: number): Standing {
    const before = this.#sql.findRefused.get({ ...wanted, reason });
    if (!before) {
      const made = this.#sql.insertRefused.run({ ...arrivalOf(entry, wanted, now), reason, message });
      return { id: Number(made.lastInsertRowid), created: false, refused: true };
    }
    this.#sql.refuseAgain.run({ id: before.id, message, now });
    return { id: before.id, created: false, refused: false };
  }
}

/**
 * Whether the task that ended last has done already what arrives, or can never do it: of two source tags of one
 * destination tag, a newer push was copied; or a sweep sees the very digest that was refused for good.
 */
function isDone(arrival: Arrival, ended: Ended, seen: Digest | undefined): boolean {
  if (arrival.door === 'sweep') {
    const refused = ended.state === 'discarded' && ended.reason !== null && isFinal(ended.reason);
    return refused && seen !== undefined && ended.digest === seen && isSameWish(arrival, ended);
  }
  const copied = ended.state === 'completed' && ended.outcome !== 'source-gone';
  return copied && arrival.newestAt < ended.newestAt && !isSameWish(arrival, ended);
}

/** An older push of the same source tag, or a sweep, does not take its newest push away from it. */
function newestOf(arrival: Arrival, ended: Ended): number {
  return isSameWish(arrival, ended) ? Math.max(arrival.newestAt, ended.newestAt) : arrival.newestAt;
}

function isSameWish(one: Wish, other: Wish): boolean {
  return (
    one.source === other.source &&
    one.sourceRepository === other.sourceRepository &&
    one.sourceTag === other.sourceTag
  );
}

function arrivalOf(entry: Entry, wanted: Wanted, now: number): Arrival {
  const { door, cause, force, wantedAt } = entry;
  return {
    ...wanted,
    door,
    cause: cause ?? null,
    urgency: doors.indexOf(door),
    force: force ? 1 : 0,
    wantedAt: Math.trunc(wantedAt),
    newestAt: door === 'sweep' ? 0 : Math.trunc(pushedAt(entry, now)),
    now,
  };
}

/**
 * By the source's clock: webhooks come in any order, and late. One that comes later than any delivery takes was dated
 * by a clock that was set back, and counts from now, so that it is not taken for an old one.
 */
function pushedAt({ event, cause, wantedAt }: Entry, now: number): number {
  if (event === undefined) return wantedAt;
  // What is read in a source's past is as old as it says.
  if (cause === undefined && event.occurredAt < now - latestDelivery) return now;
  return Math.min(event.occurredAt, now);
}
