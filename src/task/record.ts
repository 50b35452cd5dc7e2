import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';

/** A destination tag: what there is at most one record of. */
export type Place = Pick<Wanted, 'destination' | 'destinationRepository' | 'destinationTag'>;

/** What is known of a destination tag, without asking. Times are milliseconds since 1970. */
export interface Record extends Place, Pick<Wanted, 'source' | 'sourceRepository' | 'sourceTag'> {
  /** What it named when it was last looked at. */
  digest: Digest;
  verifiedAt: number;
  /** Nothing has happened since that could have changed it, as far as is known here. */
  trusted: boolean;
}

/** What a sweep needs of the records; as in `store.ts`, each method is one transaction and throws `StorageError`. */
export interface RecordStore {
  find(place: Place): Record | undefined;
  /**
   * It was looked at, and names that digest: trusted from now on. Not while a task writes to it, nor while an attempt
   * that broke off may still change it.
   */
  confirm(copy: Omit<Wanted, 'rule'>, digest: Digest, now: number): void;
  /** Somebody else writes to that repository: none of its records is trusted until it is confirmed. Returns how many were. */
  distrust(destination: string, destinationRepository: string): number;
  /** Trusted ones of a destination. */
  count(destination: string): number;
  /** Trusted ones of a destination, those not looked at for the longest time first. */
  oldest(destination: string, limit: number): Record[];
}
