import { type Connection, write } from './database.ts';
import { Doubt } from './doubt.ts';
import { putBack } from './put-back.ts';

const recoverSweeps = `
  UPDATE sweep SET state = 'failed', finished_at = ?, errors = json_insert(errors, '$[#]', 'interrupted')
  WHERE state = 'running'`;

export interface Recovered {
  tasks: number;
  sweeps: number;
}

/** Puts right what a process that ended without notice has left running. To be called before any claim. */
export function recover(connection: Connection, now: number): Recovered {
  return write(connection, () => {
    new Doubt(connection).castAll(now);
    return recovered(connection, now);
  });
}

function recovered(connection: Connection, now: number): Recovered {
  return {
    // The attempts were begun and count: a task that brings the process down must not do so for ever.
    tasks: connection.prepare<[{ uncounted: number }]>(putBack).run({ uncounted: 0 }).changes,
    sweeps: connection.prepare<[now: number]>(recoverSweeps).run(now).changes,
  };
}
