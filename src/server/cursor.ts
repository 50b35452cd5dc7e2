/** A page's place in a list from the newest to the oldest: opaque to clients, so that it may change. */
function formatCursor(before: number): string {
  return Buffer.from(`before:${before}`).toString('base64url');
}

/** The id that the next page stays below; `undefined` for what no answer has given. */
export function parseCursor(text: string): number | undefined {
  const decoded = Buffer.from(text, 'base64url').toString();
  const before = Number(/^before:([1-9][0-9]{0,14})$/.exec(decoded)?.[1]);
  return Number.isNaN(before) ? undefined : before;
}

/** Cuts a list that was asked for one item more than a page holds. */
export function cutPage<Item extends { id: number }>(
  items: readonly Item[],
  limit: number,
): { items: Item[]; next?: string } {
  const here = items.slice(0, limit);
  const last = here.at(-1);
  if (items.length <= limit || last === undefined) return { items: here };
  return { items: here, next: formatCursor(last.id) };
}
