import type { Connection } from './database.ts';

/**
 * An attempt that broke off may have sent a request that the registry carries out later, when a newer copy is long
 * done: nobody can call it back, so what is recorded of its destination tag is not trusted meanwhile. Milliseconds; what
 * comes later than that is left to the audit of trusted records.
 */
const latest = 60 * 60 * 1000;

/** As long as any copy takes; milliseconds. */
const longest = 24 * 60 * 60 * 1000;

/** Of tasks that run; a caller may narrow it with `AND`. */
const doubtRunning = (which: string) => `
  INSERT INTO doubt (destination, destination_repository, destination_tag, until)
  SELECT destination, destination_repository, destination_tag, @until FROM task
  WHERE state = 'running' ${which}
  ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`;

/** A condition: nothing of ours can change the destination tag behind our back any more. */
export const undoubted = `NOT EXISTS (
    SELECT 1 FROM doubt
    WHERE destination = @destination AND destination_repository = @destinationRepository
      AND destination_tag = @destinationTag AND until > @now)`;

const prepare = (connection: Connection) => ({
  doubtTask: connection.prepare<[{ id: number; until: number }]>(doubtRunning('AND id = @id')),
  doubtDestination: connection.prepare<[{ destination: string; until: number }]>(
    doubtRunning('AND destination = @destination'),
  ),
  doubtAll: connection.prepare<[{ until: number }]>(doubtRunning('')),
});

/** What may still be under way, inside the transaction of the caller. */
export class Doubt {
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#sql = prepare(connection);
  }

  /** The attempt of this running task broke off. */
  cast(id: number, now: number): void {
    this.#sql.doubtTask.run({ id, until: Math.trunc(now) + latest });
  }

  /** What runs towards that destination arrives at another registry than the one that has its name now. */
  castOn(destination: string, now: number): void {
    this.#sql.doubtDestination.run({ destination, until: Math.trunc(now) + longest });
  }

  /** Every attempt that was running broke off. */
  castAll(now: number): void {
    this.#sql.doubtAll.run({ until: Math.trunc(now) + latest });
  }
}
