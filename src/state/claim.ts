import { type Busy, laneOf } from '../task/store.ts';
import { doors, type Door, type Task } from '../task/task.ts';
import type { Place } from '../task/record.ts';
import type { Connection } from './database.ts';
import { taskColumns, taskOf, type TaskRow } from './task-row.ts';

/** The oldest task of the first lane behind the given one. A seek, however many tasks wait. */
export const nextInTurn = `
  SELECT id, lane, destination, source || '/' || source_repository AS repository FROM task
  WHERE state = 'available' AND urgency = ? AND lane > ?
  ORDER BY lane, id LIMIT 1`;

const markRunning = `
  UPDATE task SET state = 'running', attempts = attempts + 1, started_at = ?
  WHERE id = ?
  RETURNING ${taskColumns}`;

/** From now on until the task has ended well, nobody knows what its destination tag names. */
const distrust = `
  UPDATE record SET trusted = 0
  WHERE destination = @destination AND destination_repository = @destinationRepository
    AND destination_tag = @destinationTag`;

interface Next {
  id: number;
  lane: string;
  destination: string;
  repository: string;
}

const prepare = (connection: Connection) => ({
  distrust: connection.prepare<[Place]>(distrust),
  nextInTurn: connection.prepare<[urgency: number, after: string], Next>(nextInTurn),
  markRunning: connection.prepare<[now: number, id: number], TaskRow>(markRunning),
});

/**
 * Chooses what runs next: by door, within a door the lanes in turn, within a lane the oldest. Which lane had
 * its turn last is kept in memory only: after a restart the turns begin anew, and nobody is worse off.
 */
export class Claim {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #served = new Map<Door, string>();

  constructor(connection: Connection) {
    this.#sql = prepare(connection);
  }

  claim(now: number, busy: Busy): Task | undefined {
    for (const door of doors) {
      if (busy.doors?.has(door)) continue;
      const next = this.#next(door, door === 'webhook' ? busy : { ...busy, ...busy.bulk });
      const row = next && this.#sql.markRunning.get(now, next.id);
      if (!row) continue;
      const task = taskOf(row);
      this.#sql.distrust.run(task);
      this.#served.set(door, laneOf(task));
      return task;
    }
    return undefined;
  }

  /** From the lane served last to the end, then once more from the beginning. */
  #next(door: Door, busy: Busy) {
    const served = this.#served.get(door) ?? '';
    return this.#seek(door, served, busy) ?? (served === '' ? undefined : this.#seek(door, '', busy));
  }

  /** The next task behind a lane. Every busy repository and destination on the way costs one more seek. */
  #seek(door: Door, after: string, busy: Busy): Next | undefined {
    const urgency = doors.indexOf(door);
    for (let behind: string | undefined = after; behind !== undefined;) {
      const next = this.#sql.nextInTurn.get(urgency, behind);
      behind = next && endOfBusy(next, busy);
      if (behind === undefined) return next;
    }
    return undefined;
  }
}

/** Where to go on from a task that may not begin: behind all lanes of its destination, or its own. */
function endOfBusy({ lane, destination, repository }: Next, busy: Busy): string | undefined {
  if (busy.destinations?.has(destination)) return `${destination}!`;
  return busy.repositories?.has(repository) ? lane : undefined;
}
