import { type Connection, write } from './database.ts';
import { Doubt } from './doubt.ts';
import { putBack } from './put-back.ts';

export interface Recovered {
  tasks: number;
}

/** Puts right what a process that ended without notice has left running. To be called before any claim. */
export function recover(connection: Connection, now: number): Recovered {
  return write(connection, () => {
    new Doubt(connection).castAll(now);
    // The attempts were begun and count: a task that brings the process down must not do so for ever.
    const { changes } = connection.prepare<[{ uncounted: number }]>(putBack).run({ uncounted: 0 });
    return { tasks: changes };
  });
}
