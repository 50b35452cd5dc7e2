import { viaProxy } from './by-proxy.ts';
import { depends, noAnswer } from './finding.ts';
import type { Examined } from './finding.ts';

/** One cause is told once: what else comes of it is left out, and names the check that tells it. */
export function toldOnce(all: readonly Examined[]): Examined[] {
  return rooted(onceOf(viaProxy, onceOf(noAnswer, all)));
}

/** A host that answers nothing in time keeps many checks waiting, and a proxy many out: the first says so, and the others name it. */
function onceOf(shared: string, all: readonly Examined[]): Examined[] {
  const first = all.find(({ code }) => code === shared);
  if (first === undefined) return [...all];
  return all.map((one) => {
    if (one.check === first.check || one.code !== shared) return one;
    const { check, number, subject } = one;
    return { check, ...(number !== undefined && { number }), subject, ...depends(first.check) };
  });
}

/** Where the check that says why was skipped for another one in its turn, that one is named. */
function rooted(all: readonly Examined[]): Examined[] {
  const made = new Set(all.filter(({ see }) => see === undefined).map(({ check }) => check));
  const next = new Map(all.flatMap(({ check, see }) => (made.has(check) || !see ? [] : [[check, see]])));
  const rootOf = (check: string, seen: readonly string[] = []): string => {
    const further = next.get(check);
    return further === undefined || seen.includes(check) ? check : rootOf(further, [...seen, check]);
  };
  return all.map((one) => (one.see === undefined ? one : { ...one, ...depends(rootOf(one.see)) }));
}
