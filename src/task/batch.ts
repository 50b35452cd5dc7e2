import type { Entered, Entry } from './store.ts';

/** Copies wanted in one commit: whatever else happens in this process waits as long as one takes. */
const batchSize = 500;

/** Submits an entry of any size, a batch after the other; the tasks stand in the order of what is wanted. */
export async function submitInBatches(
  submit: (entry: Entry) => Promise<Entered>,
  entry: Entry,
): Promise<Entered> {
  const all: Entered = { tasks: [], created: 0, refused: 0 };
  for (let start = 0; start < entry.wanted.length; start += batchSize) {
    const { tasks, created, refused } = await submit({
      ...entry,
      wanted: entry.wanted.slice(start, start + batchSize),
    });
    all.tasks.push(...tasks);
    all.created += created;
    all.refused += refused;
  }
  return all;
}
