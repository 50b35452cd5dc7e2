import type { Clock } from '../clock.ts';
import type { Digest } from '../oci/digest.ts';

/** A blob or a manifest was in a repository at that time; milliseconds since 1970. */
export interface Sighting {
  readonly repository: string;
  readonly digest: Digest;
  readonly seenAt: number;
}

/** What a ledger learnt: a sighting, or that one thing, or all that was seen in a repository, may be gone. */
export type Lesson =
  | ({ readonly kind: 'seen' } & Sighting)
  | { readonly kind: 'gone'; readonly repository: string; readonly digest?: Digest };

/** What outlives the process of one registry's ledger. Nothing here fails a copy: what is not kept is asked again. */
export interface LedgerStore {
  /** What was seen `since` then, the oldest first. What is older is not kept any longer. */
  load(since: number): readonly Sighting[];
  /** Later lessons overrule earlier ones. */
  save(lessons: readonly Lesson[]): void;
}

/**
 * How long (ms) a sighting is believed. A registry that refuses a manifest without its blobs corrects the ledger; one that
 * takes it would keep an image that nobody can pull, for as long as the ledger is wrong.
 */
const life = 7 * 24 * 60 * 60 * 1000;

/** Sightings remembered at most: about 25 MiB. */
const capacity = 100_000;

/**
 * Lessons written down together, and how long (ms) fewer of them may wait: what a crash may cost is questions. That a whole
 * repository is not believed any more waits for nothing, for a wrong memory costs more.
 */
const batch = 250;
const patience = 10_000;

/**
 * Which repositories of one registry hold which blobs and manifests, as far as it was seen. A manifest that is there has
 * all below it: it was written after that, or taken by a registry that looks. That something is not there is never
 * remembered: somebody else may push it. Where there is a store, what earlier processes saw counts as well, and is read
 * with the first question.
 */
export class Ledger {
  readonly #clock: Clock;
  readonly #store: LedgerStore | undefined;
  /** When each digest was seen: the repositories, and the digests in each, in the order in which they were seen last. */
  readonly #repositories = new Map<string, Map<Digest, number>>();
  /** Where each digest was seen last. Bounded by itself: it may name a repository of which nothing is believed. */
  readonly #latest = new Map<Digest, string>();
  #size = 0;
  #loaded = false;
  #lessons: Lesson[] = [];
  #savedAt: number;

  constructor(clock: Clock, store?: LedgerStore) {
    this.#clock = clock;
    this.#store = store;
    this.#savedAt = clock.now();
  }

  has(repository: string, digest: Digest): boolean {
    this.#load();
    const seenAt = this.#repositories.get(repository)?.get(digest) ?? -Infinity;
    const age = this.#clock.now() - seenAt;
    // What is yet to come was written before the clock was set back.
    return age >= 0 && age <= life;
  }

  /** A repository that holds the blob, if possible the one where it was seen last. */
  holder(digest: Digest): string | undefined {
    this.#load();
    const latest = this.#latest.get(digest);
    if (latest === undefined || this.has(latest, digest)) return latest;
    // Thousands of repositories take milliseconds: only where one is known to have had it.
    const other = [...this.#repositories.keys()].find((repository) => this.has(repository, digest));
    if (other === undefined) this.#latest.delete(digest);
    else this.#latest.set(digest, other);
    return other;
  }

  saw(repository: string, digest: Digest): void {
    this.#load();
    const sighting = { repository, digest, seenAt: this.#clock.now() };
    this.#add(sighting);
    this.#learn({ kind: 'seen', ...sighting });
  }

  /** It may not be in the repository any more; without a digest: all that was seen there may be gone. */
  forget(repository: string, digest?: Digest): void {
    this.#load();
    const digests = this.#repositories.get(repository);
    if (digests === undefined) return;
    if (digest === undefined) {
      this.#repositories.delete(repository);
      this.#size -= digests.size;
    } else if (digests.delete(digest)) this.#size--;
    this.#learn({ kind: 'gone', repository, ...(digest && { digest }) });
  }

  /** Writes down what was learnt; to be called at the end. */
  flush(): void {
    const lessons = this.#lessons;
    this.#lessons = [];
    this.#savedAt = this.#clock.now();
    if (lessons.length > 0) this.#store?.save(lessons);
  }

  #load(): void {
    if (this.#loaded) return;
    this.#loaded = true;
    for (const sighting of this.#store?.load(this.#clock.now() - life) ?? []) this.#add(sighting);
  }

  #add({ repository, digest, seenAt }: Sighting): void {
    const digests = this.#repositories.get(repository) ?? new Map<Digest, number>();
    this.#repositories.delete(repository);
    this.#repositories.set(repository, digests);
    if (!digests.delete(digest)) this.#size++;
    digests.set(digest, seenAt);
    this.#latest.delete(digest);
    this.#latest.set(digest, repository);
    if (this.#size > capacity) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const digest of this.#latest.keys()) {
      if (this.#latest.size <= capacity) break;
      this.#latest.delete(digest);
    }
    for (const [repository, digests] of this.#repositories) {
      for (const digest of digests.keys()) return this.forget(repository, digest);
      this.#repositories.delete(repository);
    }
  }

  #learn(lesson: Lesson): void {
    if (this.#store === undefined) return;
    this.#lessons.push(lesson);
    const isGrave = lesson.kind === 'gone' && lesson.digest === undefined;
    const due = this.#clock.now() >= this.#savedAt + patience;
    if (isGrave || due || this.#lessons.length >= batch) this.flush();
  }
}
