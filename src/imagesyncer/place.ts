import { isRepository } from '../oci/reference.ts';

/** One repository of a registry. */
export interface Place {
  /** `HOST[:PORT]` in lower case; Docker Hub is `docker.io`. */
  registry: string;
  /** The whole name: an official one of Docker Hub with `library/`. */
  repository: string;
}

const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const host = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9a-f:]+\\])(?::([0-9]{1,5}))?$`);

/** Reads `[REGISTRY/]REPOSITORY`; `isImplied` when it does not say that it is Docker Hub's. Throws `SyntaxError`. */
export function parsePlace(name: string): { place: Place; isImplied: boolean } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isImplied = !isRegistry(first);
  const registry = isImplied ? 'docker.io' : first.toLowerCase().replace(/^index\.docker\.io$/, 'docker.io');
  if (!isHost(registry)) throw new SyntaxError('the registry is not HOST or HOST:PORT');
  const path = isImplied ? name : name.slice(slash + 1);
  const mistake = repositoryMistake(path);
  if (mistake !== undefined) throw new SyntaxError(mistake);
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  return { place: { registry, repository }, isImplied };
}

function isHost(registry: string): boolean {
  const found = registry.length > 261 ? null : host.exec(registry);
  const port = Number(found?.[1] ?? 1);
  return found !== null && port >= 1 && port <= 65_535;
}

/** Whether the first part of a name is a registry's, and not that of a repository of Docker Hub. */
export function isRegistry(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first);
}

function repositoryMistake(path: string): string | undefined {
  if (isRepository(path)) return undefined;
  if (path === '') return 'no repository is named';
  if (/\s/.test(path)) return 'there is a space in it; take it away';
  if (path.endsWith('/')) return 'it ends in "/"; take that away';
  if (/[A-Z]/.test(path)) return 'the name of a repository has no capital letters';
  if (path.length > 255) return 'the name of a repository has at most 255 characters';
  return 'a repository is lower-case words joined by ".", "_", "__" or "-", with one "/" between its parts';
}
