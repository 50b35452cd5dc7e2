import type { Event } from '../event/event.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Entered, EnqueueStore, Entry, Owner } from '../task/store.ts';
import { type Connection, guard, write } from './database.ts';
import { EventStore } from './event-store.ts';
import { Joining } from './joining.ts';

const findOwner = `
  SELECT source, source_repository AS sourceRepository FROM owner
  WHERE destination = ? AND destination_repository = ?`;

const putOwner = `
  INSERT INTO owner (destination, destination_repository, source, source_repository)
  VALUES (@destination, @destinationRepository, @source, @sourceRepository)
  ON CONFLICT DO UPDATE SET source = excluded.source, source_repository = excluded.source_repository`;

const addRepository = `INSERT INTO repository (name) VALUES (?) ON CONFLICT DO NOTHING`;

/** Awake again because the source's scanner has ended its work on this repository. */
const wakeAfterScan = `
  UPDATE task SET state = 'available', run_at = ?
  WHERE state = 'retryable' AND reason = 'source-policy' AND source_repository = ?
  RETURNING id`;

const prepare = (connection: Connection) => ({
  findOwner: connection.prepare<[destination: string, repository: string], Owner>(findOwner),
  putOwner: connection.prepare<[Wanted]>(putOwner),
  addRepository: connection.prepare<[name: string]>(addRepository),
  wakeAfterScan: connection.prepare<[now: number, repository: string], { id: number }>(wakeAfterScan),
});

type StillOwns = (owner: Owner, wanted: Wanted) => boolean;

/** Where all doors end: events and the tasks they want, in one transaction a batch. */
export class SqliteEnqueueStore implements EnqueueStore {
  readonly #connection: Connection;
  readonly #events: EventStore;
  readonly #joining: Joining;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#events = new EventStore(connection);
    this.#joining = new Joining(connection);
    this.#sql = prepare(connection);
  }

  enter(batch: readonly Entry[], now: number, stillOwns: StillOwns): Entered[] {
    return write(this.#connection, () => batch.map((entry) => this.#enter(entry, now, stillOwns)));
  }

  tagsOf(repository: string, digest: string): string[] {
    return guard(this.#connection, () => this.#events.tagsOf(repository, digest));
  }

  isKnown(event: Event): boolean {
    return guard(this.#connection, () => this.#events.isKnown(event));
  }

  #enter(entry: Entry, now: number, stillOwns: StillOwns): Entered {
    const { event } = entry;
    const known = this.#events.known(event?.id);
    if (known) return { tasks: known, created: 0 };

    const standing = entry.wanted.map((wanted) => this.#want(entry, wanted, now, stillOwns));
    const woken = event?.kind === 'scan' ? this.#sql.wakeAfterScan.all(now, event.repository) : [];
    const tasks = [...standing, ...woken].map(({ id }) => id);
    // A scan for which nothing waited says nothing, and a scan of everything sends one an artifact.
    if (event && (event.kind !== 'scan' || woken.length > 0)) this.#events.add(event, tasks, now);
    return { tasks, created: standing.filter(({ created }) => created).length };
  }

  #want(entry: Entry, wanted: Wanted | Refused, now: number, stillOwns: StillOwns) {
    this.#sql.addRepository.run(wanted.sourceRepository);
    const refused = 'reason' in wanted ? wanted : this.#collision(wanted, stillOwns);
    if (refused) return this.#joining.refuse(entry, wanted, refused.reason, refused.message, now);
    return this.#joining.join(entry, wanted, now);
  }

  /** Says why the wanted copy must not be; else makes its source repository the owner. */
  #collision(wanted: Wanted, stillOwns: StillOwns) {
    const { source, sourceRepository, destination, destinationRepository, rule } = wanted;
    const owner = this.#sql.findOwner.get(destination, destinationRepository);
    if (owner?.source === source && owner.sourceRepository === sourceRepository) return undefined;
    if (!owner || !stillOwns(owner, wanted)) {
      this.#sql.putOwner.run(wanted);
      return undefined;
    }
    const message =
      `${destination}/${destinationRepository} is where ${owner.source}/${owner.sourceRepository} goes; ` +
      `${source}/${sourceRepository} would meet it there by rule ${rule}: give one of them another name`;
    return { reason: 'name-collision', message } as const;
  }
}
