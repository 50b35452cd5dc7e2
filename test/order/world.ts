import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { PushEvent } from '../../src/event/event.ts';
import type { Ruleset } from '../../src/rule/match.ts';
import type { Wanted } from '../../src/rule/rule.ts';
import type { Task } from '../../src/task/task.ts';
import { FakeClock } from '../support/clock.ts';
import { type Database, Mirror } from './mirror.ts';
import { type Artifact, artifactOf, SlowRegistry } from './registry.ts';

/** What is known of a destination tag. */
interface Place {
  copy: Wanted;
  /** The newest push, and whether a webhook of it was answered with 202 and no administrator has cancelled it since. */
  newest: number;
  /** When that was; of several in the same moment the one told last is the newest. */
  pushedAt: number;
  announced: boolean;
  /** A write that nobody waited for any more has put an older artifact back. */
  overtaken: boolean;
}

export interface WorldOptions {
  database: Database;
  /** The repository of this world: several may follow each other in one database. */
  repository: string;
  rules: Ruleset;
  random(): number;
  /** Whether several source tags meet in one destination tag: then only what is announced is promised. */
  meeting: boolean;
}

/** Two registries, a mirror that may die between them, and what they ought to hold. */
export class World {
  readonly clock = new FakeClock();
  readonly #options: WorldOptions;
  readonly #places = new Map<string, Place>();
  readonly #source: SlowRegistry;
  readonly #destination: SlowRegistry;
  readonly #heard = new Set<string>();
  /** How often each source tag is yet to be looked up before it is pushed. */
  readonly #ambushes = new Map<string, number>();
  #calm = false;
  #pushes = 0;
  #mirror: Mirror | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    const registry = { clock: this.clock, random: options.random, calm: () => this.#calm };
    const spends = !options.meeting;
    const onResolved = this.#resolved.bind(this);
    this.#source = new SlowRegistry({ ...registry, spends, onResolved });
    const onWrite = this.#written.bind(this);
    this.#destination = new SlowRegistry({ ...registry, spends, onWrite });
    this.#start();
  }

  /** Ends the last life of the process. */
  end(): void {
    this.#mirror?.end();
  }

  /** Without notice; nobody hears of anything for so long. */
  async crash(ms: number): Promise<void> {
    this.#mirror?.crash();
    this.#mirror = undefined;
    await this.pass(ms);
    this.#start();
  }

  async restart(): Promise<void> {
    const mirror = this.#mirror;
    this.#mirror = undefined;
    await mirror?.stop();
    this.#start();
  }

  /** Lets time pass, for whoever waits for it, one after the other. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await quiet();
    for (let at = this.clock.next; at !== undefined && at <= end; at = this.clock.next) {
      this.clock.advance(at - this.clock.now());
      await quiet();
    }
    this.clock.advance(end - this.clock.now());
  }

  /** Pushes the tag; each of `hooks` is a webhook that arrives so much later. With `id` they are one delivery. */
  push(tag: string, hooks: readonly number[], id: boolean): void {
    const { repository } = this.#options;
    const version = ++this.#pushes;
    const artifact = artifactOf(repository, version);
    this.#source.push(`${repository}:${tag}`, artifact);
    const place = this.#placeOf(tag);
    Object.assign(place, { newest: version, pushedAt: this.clock.now(), announced: false });
    const event: PushEvent = {
      kind: 'push',
      type: 'PUSH_ARTIFACT',
      repository,
      references: [{ tag, digest: artifact.descriptor.digest }],
      occurredAt: this.clock.now(),
      ...(id && { id: `${repository}:${version}` }),
    };
    for (const hook of hooks) this.clock.after(hook + 1, () => void this.#deliver(event, place, tag));
  }

  /** Pushes the tag, and tells it, when it has been looked up so often, and the one who asked does not know it yet. */
  ambush(tag: string, after: number): void {
    this.#ambushes.set(tag, after);
  }

  async resync(tag: string, force: boolean): Promise<void> {
    const wanted = [this.#placeOf(tag).copy];
    const entry = { door: 'admin', force, wantedAt: this.clock.now(), wanted } as const;
    await this.#alive((mirror) => mirror.enqueue.submit(entry));
  }

  cancel(pick: number): void {
    const [mirror, task] = [this.#mirror, this.#pick(pick)];
    if (mirror === undefined || task === undefined) return;
    const done = mirror.state.tasks.cancel(task.id, this.clock.now());
    if (done === 'running') mirror.dispatcher.cancel(task.id);
    const place = this.#places.get(task.destinationTag);
    if (place && (done === 'done' || done === 'running')) place.announced = false;
  }

  retry(pick: number): void {
    const [mirror, task] = [this.#mirror, this.#pick(pick)];
    if (mirror === undefined || task === undefined) return;
    if (mirror.state.tasks.retry(task.id, this.clock.now()) === 'done') mirror.dispatcher.wake();
  }

  /** As the product's: what is trusted is not asked for, and between looking and writing time passes. */
  async sweep(pause: number): Promise<void> {
    for (const [name, { copy }] of this.#places) {
      const place = `${copy.destinationRepository}:${name}`;
      const here = this.#source.tags.get(`${copy.sourceRepository}:${copy.sourceTag}`)?.descriptor;
      if (here === undefined) continue;
      const record = this.#mirror?.state.records.find(copy);
      if (record?.trusted && record.digest === here.digest) continue;
      const at = this.clock.now();
      const there = this.#destination.tags.get(place)?.descriptor;
      await this.clock.sleep(pause);
      if (here.digest === there?.digest) {
        this.#mirror?.state.records.confirm([{ copy, digest: here.digest, at }]);
        continue;
      }
      const wanted = [{ ...copy, digest: here.digest }];
      const entry = { door: 'sweep', force: false, wantedAt: this.clock.now(), wanted } as const;
      await this.#alive((mirror) => mirror.enqueue.submit(entry));
    }
  }

  /** Everything is answered from now on; whatever is under way comes to its end. */
  async settle(): Promise<void> {
    this.#calm = true;
    if (this.#mirror === undefined) this.#start();
    // What has just been claimed has not asked anybody yet.
    await quiet();
    for (let turn = 0; this.clock.next !== undefined; turn++) {
      assert.ok(turn < 500, 'the queue does not come to rest');
      await this.pass(60_000);
    }
    assert.deepEqual(this.#mirror?.faults, []);
    const open = this.#tasks().filter(({ finishedAt }) => finishedAt === undefined);
    assert.deepEqual(open, [], 'every task has come to its end');
  }

  /** What a webhook announced is there without any sweep, unless the registry has put an older one back since. */
  checkAnnounced(): void {
    const tasks = this.#tasks();
    for (const [tag, place] of this.#places) {
      const last = tasks.find(({ destinationTag }) => destinationTag === tag);
      if (!place.announced || place.overtaken || last?.state === 'discarded') continue;
      assert.equal(this.#versionThere(tag), place.newest, `${tag} was announced, and is not at its newest`);
    }
  }

  checkAll(): void {
    for (const [tag, { newest }] of this.#places)
      if (newest > 0)
        assert.equal(this.#versionThere(tag), newest, `${tag} is not at its newest after a sweep`);
  }

  /** Of each destination tag: every task begins above the one before. */
  checkGenerations(): void {
    const above = new Map<string, number>();
    for (const { destinationTag: tag, generation } of this.#tasks()) {
      assert.ok(
        generation < (above.get(tag) ?? Infinity),
        `a generation of ${tag} is not above the one before`,
      );
      above.set(tag, generation);
    }
  }

  #start(): void {
    const [source, destination] = [this.#source, this.#destination];
    const { database, rules } = this.#options;
    this.#mirror = new Mirror({ database, clock: this.clock, rules, source, destination });
  }

  #resolved(name: string): void {
    const tag = name.slice(name.indexOf(':') + 1);
    const left = this.#ambushes.get(tag);
    if (left === undefined) return;
    this.#ambushes.set(tag, left - 1);
    if (left > 0) return;
    this.#ambushes.delete(tag);
    this.push(tag, [0], true);
  }

  #written(name: string, before: Artifact | undefined, now: Artifact, late: boolean): void {
    const place = this.#places.get(name.slice(name.indexOf(':') + 1));
    if (place === undefined) return;
    const older = before !== undefined && now.version < before.version;
    if (late || !older) place.overtaken = older || (place.overtaken && now.version < place.newest);
    else if (!this.#options.meeting)
      assert.fail(
        `${name}: ${now.version} was written over ${before.version} by an attempt that is not over`,
      );
  }

  async #deliver(event: PushEvent, place: Place, tag: string): Promise<void> {
    const received = await this.#alive((mirror) => mirror.enqueue.receive(event));
    const first = event.id === undefined || !this.#heard.has(event.id);
    if (received === undefined || !first) return;
    assert.ok(received.tasks.length > 0);
    if (event.id !== undefined) this.#heard.add(event.id);
    if (place.pushedAt !== event.occurredAt) return;
    const newest = this.#source.tags.get(`${event.repository}:${tag}`)?.version ?? place.newest;
    Object.assign(place, { newest, announced: true });
  }

  /** What came of it, if the process lived to tell. */
  async #alive<T>(ask: (mirror: Mirror) => Promise<T>): Promise<T | undefined> {
    const mirror = this.#mirror;
    if (mirror === undefined) return undefined;
    try {
      const result = await ask(mirror);
      return mirror.dead ? undefined : result;
    } catch (error) {
      if (!mirror.dead) throw error;
      return undefined;
    }
  }

  #pick(pick: number): Task | undefined {
    const tasks = this.#tasks();
    return tasks[pick % Math.max(tasks.length, 1)];
  }

  /** The newest first. */
  #tasks(): Task[] {
    return this.#mirror?.state.tasks.list({ repository: this.#options.repository, limit: 1_000 }) ?? [];
  }

  #versionThere(tag: string): number | undefined {
    return this.#destination.tags.get(`${this.#options.repository}:${tag}`)?.version;
  }

  #placeOf(tag: string): Place {
    const { rules, repository } = this.#options;
    const [copy] = rules.match(repository, tag);
    if (copy === undefined) throw new RangeError(`no rule wants ${tag}`);
    const known = this.#places.get(copy.destinationTag);
    const place = known ?? { copy, newest: 0, pushedAt: 0, announced: false, overtaken: false };
    this.#places.set(copy.destinationTag, place);
    return place;
  }
}

/** What does not wait for the clock: promises, and the commit of what came in by them. */
async function quiet(): Promise<void> {
  await setImmediate();
  await setImmediate();
}
