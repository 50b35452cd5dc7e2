/** What a token is asked to allow: https://distribution.github.io/distribution/spec/auth/scope/ */
export interface Scope {
  repository: string;
  actions: readonly ('pull' | 'push')[];
}

/** A scope as a registry writes it: of any type, with any actions. */
export interface ForeignScope {
  type: string;
  name: string;
  actions: string[];
}

export function formatScope(scope: Scope): string {
  return `repository:${scope.repository}:${scope.actions.join(',')}`;
}

/**
 * Reads the scopes of a challenge, separated by spaces. The name lies between the first and the last colon,
 * since it may begin with a host and port. What is not a scope is left out.
 */
export function parseScopes(text: string): ForeignScope[] {
  return text.split(/\s+/).flatMap((scope) => {
    const first = scope.indexOf(':');
    const last = scope.lastIndexOf(':');
    if (first < 1 || last === first) return [];
    const actions = scope
      .slice(last + 1)
      .split(',')
      .filter(Boolean);
    return [{ type: scope.slice(0, first), name: scope.slice(first + 1, last), actions }];
  });
}

/** Whether the scopes that were asked hold all that a challenge wants: then a second token would not help. */
export function covers(asked: readonly string[], challenged: string): boolean {
  const held = new Set(asked.flatMap(parseScopes).flatMap(permissions));
  return parseScopes(challenged)
    .flatMap(permissions)
    .every((permission) => held.has(permission));
}

function permissions({ type, name, actions }: ForeignScope): string[] {
  return actions.map((action) => `${type}:${name}:${action}`);
}
