import { isExcluded, type Ruling } from '../rule/ruling.ts';

/** Why a tag has no destination: a pattern with `!` keeps it out; no rule fits; or it is not known where its image goes. */
export const untakenReasons = ['excluded', 'no-rule', 'image-not-seen'] as const;
export type UntakenReason = (typeof untakenReasons)[number];

interface Untaken {
  repository: string;
  tag: string;
  rulings: readonly Ruling[];
  /** The image of a companion tag that has none of its tags known. */
  orphan: string | undefined;
}

/** Of a tag that no rule takes: the reason, and in one sentence which rule came nearest and what to change. */
export function untaken({ repository, tag, rulings, orphan }: Untaken): {
  reason: UntakenReason;
  words: string;
} {
  const name = `${repository}:${tag}`;
  const near = rulings.find(({ tags }) => tags !== undefined);
  if (orphan !== undefined && near !== undefined) {
    return { reason: 'image-not-seen', words: orphanWords(name, orphan) };
  }
  // A rule that takes the repository is nearer than one that does not.
  const excluding = rulings.find((one) => one.tags && isExcluded(one)) ?? rulings.find(isExcluded);
  if (excluding !== undefined) return { reason: 'excluded', words: excludedWords(name, excluding) };
  return { reason: 'no-rule', words: near ? nearWords(name, near) : noRuleWords(name, repository) };
}

function orphanWords(name: string, image: string): string {
  return (
    `No rule takes ${name} by its own name. It goes where its image goes, and no event has named a tag ` +
    `of that image, ${image}: ask for the image's tag.`
  );
}

function excludedWords(name: string, { tags, words }: Ruling): string {
  const list = tags ? 'tags' : 'repositories';
  return `${name} is not copied: ${words}; to copy it, change \`${list}\` of that rule, or let another rule take it.`;
}

function nearWords(name: string, { words }: Ruling): string {
  return `No rule takes ${name}, so it is not copied: ${words}; to copy it, add a pattern to \`tags\` of that rule.`;
}

function noRuleWords(name: string, repository: string): string {
  return (
    `No rule takes ${name}, so it is not copied: in no rule does a pattern of \`repositories\` fit ${repository}; ` +
    'to copy it, add one, or another rule.'
  );
}
