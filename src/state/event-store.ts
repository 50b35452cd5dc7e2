import type { Event } from '../event/event.ts';
import type { Connection } from './database.ts';

const insertEvent = `
  INSERT INTO event (sender_id, type, kind, ignored, repository, occurred_at, received_at, tasks)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

const insertReference = `
  INSERT INTO event_reference (event, repository, tag, digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`;

const findBySenderId = `SELECT id FROM event WHERE sender_id = ?`;

const tasksOfEvent = `SELECT value FROM json_each((SELECT tasks FROM event WHERE id = ?))`;

const tagsOfDigest = `SELECT DISTINCT tag FROM event_reference WHERE repository = ? AND digest = ?`;

const sameReference = `
  SELECT event FROM event_reference JOIN event ON event.id = event
  WHERE event_reference.repository = ? AND digest = ? AND tag = ? AND occurred_at = ?
  LIMIT 1`;

type EventRow = [
  senderId: string | null,
  type: string,
  kind: string,
  ignored: string | null,
  repository: string | null,
  occurredAt: number,
  receivedAt: number,
  tasks: string,
];

const prepare = (connection: Connection) => ({
  insert: connection.prepare<EventRow>(insertEvent),
  insertReference:
    connection.prepare<[event: number | bigint, repository: string, tag: string, digest: string | null]>(
      insertReference,
    ),
  findBySenderId: connection.prepare<[senderId: string], { id: number }>(findBySenderId),
  tasksOfEvent: connection.prepare<[event: number], { value: number }>(tasksOfEvent),
  sameReference: connection.prepare<
    [repository: string, digest: string, tag: string, occurredAt: number],
    { event: number }
  >(sameReference),
  tagsOfDigest: connection.prepare<[repository: string, digest: string], { tag: string }>(tagsOfDigest),
});

/** Events, inside the transaction of the caller. */
export class EventStore {
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#sql = prepare(connection);
  }

  /** The tasks of an event that came before; `undefined` when it is new. */
  known(senderId: string | undefined): number[] | undefined {
    if (senderId === undefined) return undefined;
    const event = this.#sql.findBySenderId.get(senderId);
    return event && this.#sql.tasksOfEvent.all(event.id).map(({ value }) => value);
  }

  /** By its id; else by its time, which is in whole seconds, and by what it names: another policy gives it another id. */
  isKnown(event: Event): boolean {
    if (event.id !== undefined && this.#sql.findBySenderId.get(event.id) !== undefined) return true;
    if (event.kind !== 'push') return false;
    const { repository, occurredAt } = event;
    return event.references.every(
      ({ tag, digest }) =>
        digest !== undefined &&
        this.#sql.sameReference.get(repository, digest, tag, Math.trunc(occurredAt)) !== undefined,
    );
  }

  add(event: Event, tasks: readonly number[], now: number): void {
    const { lastInsertRowid } = this.#sql.insert.run(
      event.id ?? null,
      event.type,
      event.kind,
      event.kind === 'ignored' ? event.ignored : null,
      event.repository ?? null,
      Math.trunc(event.occurredAt),
      now,
      JSON.stringify(tasks),
    );
    if (event.kind !== 'push') return;
    for (const { tag, digest } of event.references)
      this.#sql.insertReference.run(lastInsertRowid, event.repository, tag, digest ?? null);
  }

  tagsOf(repository: string, digest: string): string[] {
    return this.#sql.tagsOfDigest.all(repository, digest).map(({ tag }) => tag);
  }
}
