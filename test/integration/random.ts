/** Random numbers in [0, 1) that the seed decides. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  // A linear congruential generator with the constants of Numerical Recipes; its high bits will do here.
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** The same items in another order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
