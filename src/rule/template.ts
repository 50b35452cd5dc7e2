import { escaped } from '../printable.ts';

/** A template that cannot be compiled: `message` says why and what is known. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Makes a destination's name of a source's repository and tag. */
export type Template = (repository: string, tag: string) => string;

/*
 * A repository of one part, e.g. `nginx`, has no project: `{project}` is empty, and `{path}`, `{flat}` and
 * `{base}` are the whole name. So `mirror/{flat}` works for it, while `{project}/{flat}` gives `/nginx`, which no
 * registry takes: refused and said, rather than put under an invented project.
 */
const placeholders = new Map<string, Template>([
  ['repository', (repository) => repository],
  ['project', projectOf],
  ['path', pathOf],
  ['flat', (repository) => pathOf(repository).replaceAll('/', '-')],
  ['base', (repository) => repository.slice(repository.lastIndexOf('/') + 1)],
  ['tag', (_, tag) => tag],
]);

/** The destination's repository when a rule does not say; ACR EE takes exactly two parts. */
export function defaultRepository(destinationType: 'harbor' | 'acr-ee' | 'oci'): string {
  return destinationType === 'acr-ee' ? '{project}/{flat}' : '{repository}';
}

/**
 * The template of a repository. It may not depend on the tag: which source repository owns a destination
 * repository has to be known without one. Throws `TemplateError`.
 */
export function compileRepositoryTemplate(text: string): Template {
  const known = new Map(placeholders);
  known.delete('tag');
  return compile(text, known);
}

/** The template of a tag. Throws `TemplateError`. */
export function compileTagTemplate(text: string): Template {
  return compile(text, placeholders);
}

function compile(text: string, known: ReadonlyMap<string, Template>): Template {
  if (text === '') throw new TemplateError('template: expected a name, got nothing');
  // Split by a group: texts at even places, names of placeholders at odd ones.
  const pieces = text.split(/\{([^{}]*)\}/).map((piece, index) => {
    if (index % 2 === 1) return known.get(piece) ?? unknown(text, piece, known);
    if (/[{}]/.test(piece)) throw new TemplateError(`template ${quote(text)}: a brace without its partner`);
    return () => piece;
  });
  return (repository, tag) => pieces.map((piece) => piece(repository, tag)).join('');
}

function unknown(text: string, name: string, known: ReadonlyMap<string, Template>): never {
  const expected = [...known.keys()].map((key) => `{${key}}`).join(', ');
  throw new TemplateError(`template ${quote(text)}: expected ${expected}, got ${quote(`{${name}}`)}`);
}

function projectOf(repository: string): string {
  const slash = repository.indexOf('/');
  return slash < 0 ? '' : repository.slice(0, slash);
}

function pathOf(repository: string): string {
  return repository.slice(repository.indexOf('/') + 1);
}

function quote(text: string): string {
  return escaped(JSON.stringify(text.slice(0, 80)));
}
