import type { Rule } from '../../rule/rule.ts';

/** The namespaces that rules write to as far as that is plain from their words, whatever the source has. Sorted. */
export function spelledOut(rules: readonly Rule[]): string[] {
  return [...new Set(rules.flatMap(namespacesOf))].toSorted();
}

function namespacesOf({ repository, repositories }: Rule): string[] {
  const [first = '', ...rest] = repository.split('/');
  if (!first.includes('{')) return rest.length > 0 ? [first] : [];
  // The project of the source is the namespace of the destination.
  const kept = first === '{project}' || repository === '{repository}';
  return kept ? repositories.flatMap(projectOf) : [];
}

/** Of a pattern that includes, and has a first part without wildcards. */
function projectOf(pattern: string): string[] {
  const [first = '', ...rest] = pattern.split('/');
  return rest.length > 0 && /^[a-z0-9][a-z0-9._-]*$/.test(first) ? [first] : [];
}
