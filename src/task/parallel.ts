/** Runs `work` over the items, at most `width` at once; the first failure ends it, once what runs has ended. */
export async function parallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async (first: IteratorResult<T>): Promise<void> => {
    for (let next = first; !next.done && failures.length === 0; next = rest.next()) {
      await work(next.value).catch((error: unknown) => failures.push(error));
    }
  };
  // Somebody may allow far more at once than there is to do.
  const workers: Promise<void>[] = [];
  for (let next = rest.next(); !next.done; next = rest.next()) {
    workers.push(worker(next));
    if (workers.length >= width) break;
  }
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
}
