/** A rule as the configuration writes it, defaults filled in: which tags go where, under which name. */
export interface Rule {
  name: string;
  /** Name of the registry to read. */
  source: string;
  /** Patterns over repository names: globs or `/re/`, `!` in front excludes. */
  repositories: readonly string[];
  /** Patterns over tags. */
  tags: readonly string[];
  /** Patterns over tags that never move at the source; without any, every tag may. */
  immutable?: readonly string[];
  /** Name of the registry to write. */
  destination: string;
  /** Its kind decides which names it takes. */
  destinationType: 'harbor' | 'acr-ee' | 'oci';
  /** Templates of the destination's repository and tag. */
  repository: string;
  tag: string;
}

/** One tag at both ends: what a task is asked to make true. */
export interface Wanted {
  rule: string;
  source: string;
  sourceRepository: string;
  sourceTag: string;
  destination: string;
  destinationRepository: string;
  destinationTag: string;
}

/** A match whose destination name is not allowed there, or is another's: never copied, always said. */
export interface Refused extends Wanted {
  reason: 'name-invalid' | 'name-collision';
  message: string;
}
