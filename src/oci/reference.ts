import { escaped } from '../printable.ts';

/*
 * Grammars of the distribution specification, "Pulling manifests":
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 */
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryGrammar = new RegExp(`^${component}(?:/${component})*$`);
const tagGrammar = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const maxRepositoryLength = 255;

export function isRepository(text: string): boolean {
  return text.length <= maxRepositoryLength && repositoryGrammar.test(text);
}

/** Never true for a digest: a tag has no colon. */
export function isTag(text: string): boolean {
  return tagGrammar.test(text);
}

/** Reads the `REPOSITORY[:TAG]` of a command line. Throws `SyntaxError` saying which half is wrong. */
export function parseRepositoryTag(text: string): { repository: string; tag?: string } {
  if (text.includes('@')) throw new SyntaxError(`expected REPOSITORY[:TAG], got a digest in ${quote(text)}`);
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const repository = colon < 0 ? text : text.slice(0, colon);
  if (!isRepository(repository)) throw new SyntaxError(repositoryMistake(repository));
  if (colon < 0) return { repository };
  const tag = text.slice(colon + 1);
  if (isTag(tag)) return { repository, tag };
  throw new SyntaxError(
    `tag: expected at most 128 letters, digits, "_", "." and "-", the first not "." or "-", got ${quote(tag)}`,
  );
}

function repositoryMistake(repository: string): string {
  const expected =
    'repository: expected lower-case words joined by ".", "_", "__" or "-", with "/" between the parts';
  if (repository.includes(':')) return `${expected} and no registry in front, got ${quote(repository)}`;
  if (repository.length > maxRepositoryLength)
    return `repository: expected at most ${maxRepositoryLength} characters, got ${repository.length}`;
  return `${expected}, got ${quote(repository)}`;
}

function quote(text: string): string {
  return escaped(JSON.stringify(text.slice(0, 80)));
}

/** The first part of a repository's name: Harbor's project, ACR EE's namespace. */
export function firstPart(repository: string): string {
  return repository.split('/', 1).join('');
}
