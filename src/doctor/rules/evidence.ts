import type { Config } from '../../config.ts';
import type { Ruleset } from '../../rule/match.ts';
import type { ListedArtifact } from '../../task/listing.ts';
import type { Subject } from '../check.ts';

/** What a source has that rules match: repositories by their full names, sorted, and why others may be missing. */
export interface SourceNames {
  names: readonly string[];
  failures: readonly string[];
}

/** The first artifacts of a source, and whether there are more. */
export interface SourceArtifacts {
  artifacts: readonly ListedArtifact[];
  more: boolean;
}

/** What the rules of the whole configuration are judged by. */
export interface RulesEvidence extends Subject {
  config: Pick<Config, 'registries'>;
  rules: Ruleset;
  names(source: string): Promise<SourceNames>;
  /** None where the source has no such list. Throws `RegistryError`. */
  artifacts(source: string): Promise<SourceArtifacts | undefined>;
}

/** Sources that rules read, in the order of the rules. */
export function sourcesOf({ rules }: Pick<RulesEvidence, 'rules'>): string[] {
  return [...new Set(rules.sources().map(({ source }) => source))];
}
