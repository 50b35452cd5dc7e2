import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';

/** A destination tag: there is at most one record of it. */
export type Place = Pick<Wanted, 'destination' | 'destinationRepository' | 'destinationTag'>;

/** The two ends of a copy, whichever rule wants it. */
export type Ends = Omit<Wanted, 'rule'>;

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
  /** Trusted ones of a destination. */
  count(destination: string): number;
  /** Trusted ones of a destination, those not looked at for the longest time first. */
  oldest(destination: string, limit: number): TagRecord[];
}
