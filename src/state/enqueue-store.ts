import { type Event, releasedBy } from '../event/event.ts';
import { contestedWords, type Mapping, sourceOf, takenWords } from '../rule/mapping.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Entered, EnqueueStore, Entry, Owner, Sighting } from '../task/store.ts';
import { type Connection, guard, write } from './database.ts';
import { EventStore } from './event-store.ts';
import { Joining } from './joining.ts';
import { SqliteNameStore } from './name-store.ts';

const addRepository = `INSERT INTO repository (name) VALUES (?) ON CONFLICT DO NOTHING`;

const awaitsRelease = `
  SELECT 1 FROM task
  WHERE reason = 'source-policy' AND source_repository = ? AND state IN ('retryable', 'running') LIMIT 1`;

/** Awake again because the source may hold back nothing any more in this repository. */
const wakeHeldBack = `
  UPDATE task SET state = 'available', run_at = @now
  WHERE reason = 'source-policy' AND source_repository = @repository AND state = 'retryable'
  RETURNING id`;

/** An attempt that runs just now may have asked too early: if it is refused again, it need not wait. */
const followHeldBack = `
  UPDATE task SET next_wanted_at = ifnull(next_wanted_at, @now), next_force = ifnull(next_force, 0)
  WHERE reason = 'source-policy' AND source_repository = @repository AND state = 'running'
  RETURNING id`;

const prepare = (connection: Connection) => ({
  addRepository: connection.prepare<[name: string]>(addRepository),
  awaitsRelease: connection.prepare<[repository: string]>(awaitsRelease),
  wakeHeldBack: connection.prepare<[{ now: number; repository: string }], { id: number }>(wakeHeldBack),
  followHeldBack: connection.prepare<[{ now: number; repository: string }], { id: number }>(followHeldBack),
});

type StillOwns = (owner: Owner, wanted: Wanted) => boolean;

/** Where all doors end: events and the tasks they want, in one transaction a batch. */
export class SqliteEnqueueStore implements EnqueueStore {
  readonly #connection: Connection;
  readonly #events: EventStore;
  readonly #joining: Joining;
  readonly #names: SqliteNameStore;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#events = new EventStore(connection);
    this.#joining = new Joining(connection);
    this.#names = new SqliteNameStore(connection);
    this.#sql = prepare(connection);
  }

  enter(batch: readonly Entry[], now: number, stillOwns: StillOwns): Entered[] {
    return write(this.#connection, () => batch.map((entry) => this.#enter(entry, now, stillOwns)));
  }

  awaitsRelease(repository: string): boolean {
    return guard(this.#connection, () => this.#sql.awaitsRelease.get(repository) !== undefined);
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
    if (known) return { tasks: known, created: 0, refused: 0 };

    const standing = entry.wanted.map((wanted) => this.#want(entry, wanted, now, stillOwns));
    const tasks = [...standing, ...this.#release(event, now)].map(({ id }) => id);
    // A scan for which nothing waited says nothing, and a scan of everything sends one an artifact.
    if (event && (isTold(event) || tasks.length > 0)) this.#events.add(event, tasks, now);
    const count = (what: 'created' | 'refused'): number => standing.filter((one) => one[what]).length;
    return { tasks, created: count('created'), refused: count('refused') };
  }

  #release(event: Event | undefined, now: number): { id: number }[] {
    const repository = event && releasedBy(event);
    if (repository === undefined) return [];
    const held = { repository, now };
    return [...this.#sql.wakeHeldBack.all(held), ...this.#sql.followHeldBack.all(held)];
  }

  #want(entry: Entry, wanted: Sighting | Refused, now: number, stillOwns: StillOwns) {
    this.#sql.addRepository.run(wanted.sourceRepository);
    const refused = 'reason' in wanted ? wanted : this.#collision(wanted, stillOwns);
    if (refused) return this.#joining.refuse(entry, wanted, refused.reason, refused.message, now);
    return this.#joining.join(entry, wanted, now);
  }

  /**
   * Says why the wanted copy must not be; else makes its source repository the owner. Where there is none, and another
   * repository is known to go there as well, nothing tells whose it is: whoever pushes first does not have it for that.
   */
  #collision(wanted: Wanted, stillOwns: StillOwns) {
    const { destination, destinationRepository } = wanted;
    const owner = this.#names.owner(destination, destinationRepository);
    if (owner !== undefined && isSame(owner, wanted)) return undefined;
    if (owner !== undefined && stillOwns(owner, wanted)) return refusal(takenWords(owner, wanted));
    const others = this.#others(wanted, stillOwns);
    if (others.length > 0) {
      this.#names.add(wanted);
      const meeting = [...others, wanted].toSorted(bySource);
      const open = others.length === counted;
      return refusal(contestedWords({ destination, destinationRepository, meeting, open }));
    }
    this.#names.own(wanted);
    return undefined;
  }

  #others(wanted: Wanted, stillOwns: StillOwns): Mapping[] {
    const others: Mapping[] = [];
    for (const one of this.#names.there(wanted)) {
      if (!isSame(one, wanted) && stillOwns(one, wanted)) others.push(one);
      if (others.length === counted) break;
    }
    return others;
  }
}

/** Repositories that are looked at to say who meets: a rule may put a hundred thousand into one. */
const counted = 100;

function isSame(one: Owner, other: Owner): boolean {
  return one.source === other.source && one.sourceRepository === other.sourceRepository;
}

/** As a sweep names them. */
function bySource(one: Mapping, other: Mapping): number {
  return sourceOf(one) < sourceOf(other) ? -1 : 1;
}

function refusal(message: string): Pick<Refused, 'reason' | 'message'> {
  return { reason: 'name-collision', message };
}

/** What is remembered although no task stands for it: pushes that were refused, and deletions. */
function isTold(event: Event): boolean {
  return event.kind === 'push' || (event.kind === 'ignored' && event.ignored === 'deletion');
}
