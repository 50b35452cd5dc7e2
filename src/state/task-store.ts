import type { Wanted } from '../rule/rule.ts';
import type { TaskQuery, TaskStore } from '../task/store.ts';
import type { Attempt, Task, TaskState } from '../task/task.ts';
import { type Connection, guard, write } from './database.ts';
import { attemptColumns, attemptOf, type AttemptRow, taskColumns, taskOf, type TaskRow } from './task-row.ts';

/** One page of tasks, found by the most selective filter of the query; `state` may narrow each. */
const pageOf = (filter: string) => `
  SELECT ${taskColumns} FROM task
  WHERE ${filter} AND (@state IS NULL OR state = @state) AND id < @before
  ORDER BY id DESC LIMIT @limit`;

const findTask = `SELECT ${taskColumns} FROM task WHERE id = ?`;

/** Whether finished or not is the last column of the index, and its entries are in the order of ids. */
const newestOf = (unfinished: 'unfinished = 1' | 'unfinished IS NULL') => `
  SELECT ${taskColumns} FROM task
  WHERE destination = @destination AND destination_repository = @destinationRepository
    AND destination_tag = @destinationTag AND ${unfinished}
    AND source = @source AND source_repository = @sourceRepository
  ORDER BY id DESC LIMIT 1`;

const attemptsOf = `SELECT ${attemptColumns} FROM attempt WHERE task = ? ORDER BY id`;

/**
 * Only the newest task of a destination tag may be tried again, or the tag could go back to what an older
 * one wants. A refusal wants nothing, and is itself only lifted by rules that say something else.
 */
const retryTask = `
  UPDATE task SET state = 'available', attempts = 0, run_at = @now, finished_at = NULL,
    door = iif(door = 'sweep', 'admin', door)
  WHERE id = @id AND state IN ('discarded', 'cancelled', 'retryable')
    AND ifnull(reason, '') NOT IN ('name-invalid', 'name-collision')
    AND NOT EXISTS (
      SELECT 1 FROM task AS other
      WHERE other.destination = task.destination
        AND other.destination_repository = task.destination_repository
        AND other.destination_tag = task.destination_tag
        AND (other.id > task.id OR other.unfinished = 1)
        AND other.id <> task.id
        AND (other.state <> 'discarded' OR other.reason NOT IN ('name-invalid', 'name-collision'))
    )`;

const cancelWaiting = `
  UPDATE task SET state = 'cancelled', finished_at = @now
  WHERE id = @id AND state IN ('available', 'retryable')`;

/** What was to be copied is not there: a sweep that believed the record would never see it where the tag is immutable. */
const distrustCancelled = `
  UPDATE record SET trusted = 0
  WHERE trusted = 1 AND (destination, destination_repository, destination_tag) = (
    SELECT destination, destination_repository, destination_tag FROM task WHERE id = ?)`;

const cancelRunning = `
  UPDATE task SET cancel_requested_at = ifnull(cancel_requested_at, @now)
  WHERE id = @id AND state = 'running'`;

const countTasks = `SELECT state, tasks FROM task_count`;

interface Page {
  repository: string | null;
  tag: string | null;
  state: string | null;
  before: number;
  limit: number;
}

const prepare = (connection: Connection) => ({
  all: connection.prepare<[Page], TaskRow>(pageOf('true')),
  inState: connection.prepare<[Page], TaskRow>(pageOf('state = @state')),
  ofRepository: connection.prepare<[Page], TaskRow>(pageOf('source_repository = @repository')),
  ofTag: connection.prepare<[Page], TaskRow>(pageOf('source_tag = @tag')),
  ofBoth: connection.prepare<[Page], TaskRow>(
    pageOf('source_repository = @repository AND source_tag = @tag'),
  ),
  findTask: connection.prepare<[id: number], TaskRow>(findTask),
  unfinishedFor: connection.prepare<[Wanted], TaskRow>(newestOf('unfinished = 1')),
  finishedFor: connection.prepare<[Wanted], TaskRow>(newestOf('unfinished IS NULL')),
  attemptsOf: connection.prepare<[task: number], AttemptRow>(attemptsOf),
  retryTask: connection.prepare<[{ id: number; now: number }]>(retryTask),
  cancelWaiting: connection.prepare<[{ id: number; now: number }]>(cancelWaiting),
  distrustCancelled: connection.prepare<[id: number]>(distrustCancelled),
  cancelRunning: connection.prepare<[{ id: number; now: number }]>(cancelRunning),
  countTasks: connection.prepare<[], { state: TaskState; tasks: number }>(countTasks),
});

/** The administrator's side of the queue. */
export class SqliteTaskStore implements TaskStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  list(query: TaskQuery): Task[] {
    const { repository = null, tag = null, state = null, limit, before = Number.MAX_SAFE_INTEGER } = query;
    const page = this.#pageFor(query);
    return guard(this.#connection, () =>
      page.all({ repository, tag, state, before, limit }).map((row) => taskOf(row)),
    );
  }

  get(id: number): { task: Task; attempts: Attempt[] } | undefined {
    return guard(this.#connection, () => {
      const row = this.#sql.findTask.get(id);
      return (
        row && { task: taskOf(row), attempts: this.#sql.attemptsOf.all(id).map((row) => attemptOf(row)) }
      );
    });
  }

  newestFor(wanted: Wanted): Task | undefined {
    return guard(this.#connection, () => {
      const row = this.#sql.unfinishedFor.get(wanted) ?? this.#sql.finishedFor.get(wanted);
      return row && taskOf(row);
    });
  }

  retry(id: number, now: number): 'done' | 'conflict' | 'missing' {
    return write(this.#connection, () => {
      if (this.#sql.retryTask.run({ id, now }).changes > 0) return 'done';
      return this.#sql.findTask.get(id) ? 'conflict' : 'missing';
    });
  }

  cancel(id: number, now: number): 'done' | 'running' | 'conflict' | 'missing' {
    return write(this.#connection, () => {
      if (this.#sql.cancelWaiting.run({ id, now }).changes > 0) {
        this.#sql.distrustCancelled.run(id);
        return 'done';
      }
      if (this.#sql.cancelRunning.run({ id, now }).changes > 0) return 'running';
      return this.#sql.findTask.get(id) ? 'conflict' : 'missing';
    });
  }

  counts(): Record<TaskState, number> {
    const counts = { available: 0, running: 0, retryable: 0, completed: 0, discarded: 0, cancelled: 0 };
    const rows = guard(this.#connection, () => this.#sql.countTasks.all());
    for (const { state, tasks } of rows) counts[state] = tasks;
    return counts;
  }

  #pageFor({ repository, tag, state }: TaskQuery) {
    if (repository !== undefined && tag !== undefined) return this.#sql.ofBoth;
    if (repository !== undefined) return this.#sql.ofRepository;
    if (tag !== undefined) return this.#sql.ofTag;
    return state === undefined ? this.#sql.all : this.#sql.inState;
  }
}
