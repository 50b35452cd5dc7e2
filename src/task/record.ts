import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';

/** A destination tag: there is at most one record of it. */
export type Place = Pick<Wanted, 'destination' | 'destinationRepository' | 'destinationTag'>;

/** The two ends of a copy, whichever rule wants it. */
export type Ends = Omit<Wanted, 'rule'>;

/** A source repository and where it goes. */
export type Repositories = Omit<Ends, 'sourceTag' | 'destinationTag'>;

/** What is known of a destination tag, without asking. Times are milliseconds since 1970. */
export interface TagRecord extends Ends {
  /** What it named when it was last looked at. */
  digest: Digest;
  /** When a copy last wrote it, or it was first seen. */
  writtenAt: number;
  verifiedAt: number;
  /** Nothing has happened since that could have changed it, as far as is known here. */
  trusted: boolean;
}

/** A destination tag that was looked at, and what it named; `at`: when it was asked for. */
export interface Seen {
  copy: Ends;
  digest: Digest;
  at: number;
}

/** What a sweep needs of the records; as in `store.ts`, each method is one transaction and throws `StorageError`. */
export interface RecordStore {
  find(place: Place): TagRecord | undefined;
  /**
   * Trusted from now on; except where a task stands for the tag or has written to it since it was asked for, and where an
   * attempt that broke off may still change it.
   */
  confirm(seen: readonly Seen[]): void;
  /** Somebody else writes to that repository: none of its records is trusted until it is confirmed. Returns how many were. */
  distrust(destination: string, destinationRepository: string): number;
  /** It is about to be written: until it is confirmed nobody knows what it names. */
  distrustTag(place: Place): void;
  /** Trusted ones of a destination. */
  count(destination: string): number;
  /** Trusted ones of a destination, those not looked at for the longest time first; from behind `after` on. */
  oldest(destination: string, limit: number, after?: TagRecord): TagRecord[];
  /**
   * A list of the source repository that began at `at` has only these tags: what is recorded of others there is not trusted any
   * more, so that nobody looks after what is gone. Their rows stay: they hold the generation of their tag.
   */
  distrustGone(repositories: Repositories, tags: readonly string[], at: number): void;
}

/** Whether the destination tag was last looked at for this source tag. */
export function isOf(record: TagRecord, copy: Ends): boolean {
  return isOfRepository(record, copy) && record.sourceTag === copy.sourceTag;
}

/** What another repository once had there says nothing about this one. */
export function isOfRepository(record: TagRecord, { source, sourceRepository }: Ends): boolean {
  return record.source === source && record.sourceRepository === sourceRepository;
}
