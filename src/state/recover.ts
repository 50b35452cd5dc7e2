import { type Connection, write } from './database.ts';

/** The attempt was begun and counts: a task that brings the process down must not do so for ever. */
const recoverTasks = `
  UPDATE task SET state = iif(cancel_requested_at IS NULL, 'available', 'cancelled'),
    finished_at = cancel_requested_at, cancel_requested_at = NULL,
    attempts = iif(next_wanted_at IS NULL, attempts, 0),
    wanted_at = min(wanted_at, ifnull(next_wanted_at, wanted_at)), next_wanted_at = NULL,
    force = max(force, ifnull(next_force, 0)), next_force = NULL
  WHERE state = 'running'`;

const recoverSweeps = `
  UPDATE sweep SET state = 'failed', finished_at = ?, errors = json_insert(errors, '$[#]', 'interrupted')
  WHERE state = 'running'`;

export interface Recovered {
  tasks: number;
  sweeps: number;
}

/** Puts right what a process that ended without notice has left running. To be called before any claim. */
export function recover(connection: Connection, now: number): Recovered {
  return write(connection, () => ({
    tasks: connection.prepare(recoverTasks).run().changes,
    sweeps: connection.prepare<[now: number]>(recoverSweeps).run(now).changes,
  }));
}
