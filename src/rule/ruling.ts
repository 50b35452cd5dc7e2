import { companionOf } from '../oci/companion.ts';
import type { CompiledRule } from './compile.ts';
import { decide, type Decision } from './explain.ts';
import type { Patterns } from './pattern.ts';
import { firstPart } from '../oci/reference.ts';

/** How one rule decides about one tag: by its `repositories` first, then by its `tags`. */
export interface Ruling {
  rule: string;
  source: string;
  destination: string;
  taken: boolean;
  repositories: Decision;
  /** Missing where the repository has decided. */
  tags?: Decision;
  /** For a person: taken or not, and by which pattern. */
  words: string;
}

export interface Asked {
  repository: string;
  tag: string;
  /** Of a companion tag: the tags of the image that it belongs to. */
  of: readonly string[];
}

/** Patterns that are shown of a list. */
const shown = 5;

/** Whether the rule decides about the repository, or names others beside it: whoever asks may have meant this rule. */
export function mayConcern({ repositories }: CompiledRule, repository: string): boolean {
  if (repositories.matches(repository) || repositories.deciding(repository) !== undefined) return true;
  return repositories.firstParts?.includes(firstPart(repository)) ?? true;
}

export function rulingOf(rule: CompiledRule, asked: Asked): Ruling {
  const { name, source, destination } = rule;
  const repositories = decide(rule.repositories, asked.repository);
  const facts = { rule: name, source, destination, repositories };
  const repository = `repository ${asked.repository}`;
  if (!repositories.matches) {
    const words = leftOut(name, repository, repositories, 'repositories', rule.repositories);
    return { ...facts, taken: false, words };
  }
  const { by, ...tags } = decideTag(rule, asked);
  const tag = by === asked.tag ? `tag ${by}` : `tag ${asked.tag}, as ${by} of its image,`;
  const words = tags.matches
    ? `rule ${name} takes ${repository} ${reasonFor(repositories)} and ${tag} ${reasonFor(tags)}`
    : leftOut(name, tag, tags, 'tags', rule.tags);
  return { ...facts, taken: tags.matches, tags, words };
}

/** Whether a pattern with `!` has kept it out. */
export function isExcluded({ taken, repositories, tags }: Ruling): boolean {
  return !taken && (tags ?? repositories).pattern !== undefined;
}

/** A companion goes where a tag of its image goes; `by` is the name that has decided. */
function decideTag({ tags }: CompiledRule, { tag, of }: Asked): Decision & { by: string } {
  const names = companionOf(tag) === undefined ? [tag] : [tag, ...of];
  const by =
    names.find((name) => tags.matches(name)) ??
    names.find((name) => tags.deciding(name) !== undefined) ??
    tag;
  return { by, ...decide(tags, by) };
}

function reasonFor({ pattern }: Decision): string {
  return pattern === undefined ? 'because no pattern excludes it' : `by ${JSON.stringify(pattern)}`;
}

function leftOut(rule: string, what: string, decision: Decision, list: string, patterns: Patterns): string {
  if (decision.pattern !== undefined) return `rule ${rule} leaves out ${what} ${reasonFor(decision)}`;
  const { written } = patterns;
  const few = written.slice(0, shown).map((pattern) => JSON.stringify(pattern));
  const more = written.length > shown ? `, and ${written.length - shown} more` : '';
  return `rule ${rule} does not take ${what}: none of its ${list} fits (${few.join(', ')}${more})`;
}
