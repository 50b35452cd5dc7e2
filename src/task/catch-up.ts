import { RegistryError } from '../copy/error.ts';
import { EventError } from '../event/error.ts';
import type { Event } from '../event/event.ts';
import { parseHarbor } from '../event/harbor.ts';
import { isRefusal, outages } from './listed.ts';
import type { Delivery, History, Listing, TagCreated } from './listing.ts';
import type { PositionStore } from './store.ts';
import type { Tally } from './tally.ts';
import type { Cause } from './task.ts';

export interface CatchUpOptions {
  positions: PositionStore;
  /** What a source has beside `/v2`; none where it is no Harbor. */
  source(name: string): (Listing & History) | undefined;
  /** Whether a rule reads from that project of the source. */
  reaches(source: string, project: string): boolean;
  /** Whether the event has come by itself. */
  isKnown(event: Event): boolean;
  /** Lets it in; how many new tasks it made. */
  makeUp(event: Event, cause: Cause): Promise<number>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Who is told what was found. */
export interface Account extends Pick<Tally, 'missed' | 'failed'> {
  /** The account may not look there. */
  refused?(line: string): void;
}

/** An id is given out before its row can be seen: so many are read again, unless they are older than that (ms). */
const overlap = 20;
const late = 60 * 60_000;
const day = 24 * late;

/** Harbor's attempts at a delivery take up to 192 s by default; milliseconds. */
const stillTried = 5 * 60_000;

/**
 * Reads what Harbor remembers of changes that no webhook has told of, and lets it in by the webhook's own door: the
 * deliveries that it tried in vain, and the tags that were made in its UI or API, of which it tells nobody. A list is
 * read on from the last id that was seen.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  /** Of each source the last one to begin: they go one after the other. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Where the account may not look, the sweep has to find it. Throws `StorageError`, and the signal's reason. */
  run(source: string, account: Account, signal: AbortSignal): Promise<void> {
    const harbor = this.#options.source(source);
    if (harbor === undefined) return Promise.resolve();
    const before = this.#running.get(source) ?? Promise.resolve();
    const running = before.then(() => new Past(this.#options, source, harbor, account, signal).read());
    this.#running.set(
      source,
      running.catch(() => undefined),
    );
    return running;
  }
}

/** One look back at one source. */
class Past {
  readonly #options: CatchUpOptions;
  readonly #source: string;
  readonly #harbor: Listing & History;
  readonly #account: Account;
  readonly #signal: AbortSignal;

  constructor(
    options: CatchUpOptions,
    source: string,
    harbor: Listing & History,
    account: Account,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#source = source;
    this.#harbor = harbor;
    this.#account = account;
    this.#signal = signal;
  }

  async read(): Promise<void> {
    try {
      await this.#allowed(this.#source, async () => {
        for (const { name, proxyCache } of await this.#harbor.projects(this.#signal))
          if (!proxyCache && this.#options.reaches(this.#source, name)) await this.#project(name);
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      this.#account.failed(`${this.#source} does not tell of its past: ${error.message}`);
    }
  }

  async #project(project: string): Promise<void> {
    const name = `${this.#source}/${project}`;
    await this.#allowed(`${name}: past deliveries`, async () => {
      for (const { id } of await this.#harbor.policies(project, this.#signal))
        // One that is deleted meanwhile does not hide the others.
        await this.#allowed(`${name}: past deliveries of policy ${id}`, () => this.#deliveries(project, id));
    });
    await this.#allowed(`${name}: audit log`, () => this.#created(project));
  }

  /**
   * A refusal is how most robots are made; another failure is said, and stops nothing. A source that is away is not asked
   * for the rest: each question would take its time to fail.
   */
  async #allowed(what: string, read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof RegistryError) || outages.has(error.fault)) throw error;
      if (isRefusal(error)) this.#account.refused?.(`${what}: ${error.message}`);
      else this.#account.failed(`${what}: ${error.message}`);
    }
  }

  async #deliveries(project: string, policy: number): Promise<void> {
    const list = `deliveries ${project} ${policy}`;
    const known = this.#options.positions.position(this.#source, list);
    const after = Math.max(0, (known ?? 0) - overlap);
    for await (const page of this.#harbor.deliveries(project, policy, after, this.#signal)) {
      const open = page.deliveries.findIndex((delivery) => this.#isStillTried(delivery));
      const ended = open < 0 ? page.deliveries : page.deliveries.slice(0, open);
      for (const delivery of ended) if (!this.#isPast(delivery, known)) await this.#take(delivery);
      const lastId = open < 0 ? page.lastId : ended.at(-1)?.id;
      if (lastId !== undefined) this.#options.positions.setPosition(this.#source, list, lastId);
      if (open >= 0) return;
    }
  }

  /** The first time there is nothing to go on from: what is older than a day is the sweep's. */
  #isPast({ id, startedAt }: Delivery, known: number | undefined): boolean {
    if (known === undefined) return startedAt < this.#options.now() - day;
    return this.#isRead(id, startedAt, known);
  }

  /** Read before, and so long ago that its event may have been forgotten here: it must not count anew. */
  #isRead(id: number, at: number, position: number): boolean {
    return id <= position && at < this.#options.now() - late;
  }

  /** Harbor may deliver it yet: it is left, with all behind it, for the next time. */
  #isStillTried({ status, startedAt }: Delivery): boolean {
    const age = this.#options.now() - startedAt;
    return Math.abs(age) < stillTried && (status === 'Running' || status === 'Pending');
  }

  /** Whatever Harbor says of its fate: one that a redirect has swallowed counts as delivered there. */
  async #take({ contentType, payload, startedAt }: Delivery): Promise<void> {
    const event = eventOf(contentType, payload, startedAt);
    if (event === undefined || event.kind === 'ignored' || this.#options.isKnown(event)) return;
    await this.#makeUp(event, 'delivery-failed');
  }

  /** The first time there is nothing to go on from: what is older is the sweep's. */
  async #created(project: string): Promise<void> {
    const { positions } = this.#options;
    const list = `audit ${project}`;
    const after = positions.position(this.#source, list);
    if (after === undefined) {
      const newest = await this.#harbor.newestAudit(project, this.#signal);
      positions.setPosition(this.#source, `first ${list}`, newest);
      return positions.setPosition(this.#source, list, newest);
    }
    const first = positions.position(this.#source, `first ${list}`) ?? 0;
    const from = Math.max(first, after - overlap);
    for await (const { created, lastId } of this.#harbor.tagsCreated(project, from, this.#signal)) {
      for (const one of created)
        if (!this.#isRead(one.id, one.at, after))
          await this.#makeUp(this.#eventOf(one), 'tag-created-in-harbor');
      positions.setPosition(this.#source, list, lastId);
    }
  }

  /** With an id of its own, by which it is known when it is read again. */
  #eventOf({ id, repository, tag, at }: TagCreated): Event {
    const event = { kind: 'push', type: 'tag-created', id: `audit ${this.#source} ${id}` } as const;
    return { ...event, repository, references: [{ tag }], occurredAt: at };
  }

  async #makeUp(event: Event, cause: Cause): Promise<void> {
    this.#account.missed(cause, await this.#options.makeUp(event, cause));
  }
}

/** Nothing where Harbor's own memory holds what is no event: there is nobody to tell. */
function eventOf(contentType: string, payload: string, at: number): Event | undefined {
  try {
    return parseHarbor(contentType, Buffer.from(payload), at);
  } catch (error) {
    if (error instanceof EventError) return undefined;
    throw error;
  }
}
