import type { CompiledRule } from './compile.ts';
import { firstPart } from '../oci/reference.ts';

/**
 * Finds the rules that may match a repository without trying them all: by the name or the first part that
 * a rule's patterns spell out. Rules that spell out neither are candidates for every repository.
 */
export class RuleIndex {
  readonly #byName = new Map<string, number[]>();
  readonly #byFirstPart = new Map<string, number[]>();
  readonly #anywhere: number[] = [];
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly CompiledRule[]) {
    this.#rules = rules;
    for (const [position, { repositories }] of rules.entries()) {
      const { literals, onlyLiterals, firstParts } = repositories;
      if (onlyLiterals) for (const name of literals) append(this.#byName, name, position);
      else if (firstParts) for (const part of firstParts) append(this.#byFirstPart, part, position);
      else this.#anywhere.push(position);
    }
  }

  /** In the order of the rules. */
  candidates(repository: string): CompiledRule[] {
    const positions = [
      ...(this.#byName.get(repository) ?? []),
      ...(this.#byFirstPart.get(firstPart(repository)) ?? []),
      ...this.#anywhere,
    ].toSorted((a, b) => a - b);
    return positions.flatMap((position) => this.#rules[position] ?? []);
  }
}

function append(lists: Map<string, number[]>, key: string, position: number): void {
  const list = lists.get(key);
  if (list) list.push(position);
  else lists.set(key, [position]);
}
