import { type Answer, type Call, json } from '../../src/demo/registry/call.ts';

/* Harbor's ways to page, to filter, to order and to refuse. */

export interface Listed {
  id: number;
  name?: string;
}

export class Refused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super('refused');
    this.answer = answer;
  }
}

export function refusal(status: number, code: string, message: string): Answer {
  return json(status, { errors: [{ code, message }] });
}

/** `k=v` with commas between; keys that nobody knows are nobody's business. */
export function conditionsOf(call: Call): ReadonlyMap<string, string> {
  const conditions = (call.query.get('q') ?? '').split(',').filter(Boolean);
  return new Map(
    conditions.map((condition) => {
      const equals = condition.indexOf('=');
      return [condition.slice(0, equals), condition.slice(equals + 1)];
    }),
  );
}

/**
 * A page of `items`, which come in Harbor's own order, each made a row by `show`. They can be ordered by id, and by
 * name if they have one; any other wish is ignored.
 */
export function paged<Item extends Listed>(
  call: Call,
  items: Iterable<Item>,
  show: (item: Item) => object,
): Answer {
  const matching = ordered(call, within(call, [...items]));
  const size = Number(call.query.get('page_size') ?? 10);
  const page = Number(call.query.get('page') ?? 1);
  const end = page * size;
  // Everything, though it says that there is more.
  const part = size < 1 ? matching : matching.slice(end - size, end);
  const link = [
    page > 1 && linkTo(call, page - 1, 'prev'),
    end < matching.length && linkTo(call, page + 1, 'next'),
  ];
  const links = link.filter((one) => one !== false).join(' , ');
  const headers = { 'x-total-count': String(matching.length), ...(links !== '' && { link: links }) };
  return json(200, part.map(show), { 'content-type': 'application/json', ...headers });
}

function within<Item extends Listed>(call: Call, items: Item[]): Item[] {
  const range = conditionsOf(call).get('id');
  if (range === undefined) return items;
  const [, least, most] = /^\[(\d*)~(\d*)\]$/.exec(range) ?? [];
  if (least === undefined || most === undefined)
    throw new Refused(refusal(500, 'UNKNOWN', 'internal server error'));
  const [from, to] = [Number(least), most === '' ? Infinity : Number(most)];
  return items.filter(({ id }) => id >= from && id <= to);
}

function ordered<Item extends Listed>(call: Call, items: Item[]): Item[] {
  const sort = call.query.get('sort') ?? '';
  const [column, sign] = sort.startsWith('-') ? [sort.slice(1), -1] : [sort, 1];
  if (column === 'id') return items.toSorted((one, other) => sign * (one.id - other.id));
  if (column !== 'name') return items;
  return items.toSorted((one, other) => ((one.name ?? '') < (other.name ?? '') ? -sign : sign));
}

/** As Harbor writes it: relative, sorted, and with nothing escaped. */
function linkTo(call: Call, page: number, rel: string): string {
  const query = new Map([...call.query, ['page', String(page)]]);
  const text = [...query].toSorted().map(([name, value]) => `${name}=${value}`);
  return `<${call.path}?${text.join('&')}>; rel="${rel}"`;
}

export function isOlder(version: string, since: string): boolean {
  const part = (text: string): number[] => text.replace(/^v/, '').split(/[.-]/).slice(0, 3).map(Number);
  const [mine, wanted] = [part(version), part(since)];
  const first = wanted.findIndex((number, place) => number !== mine[place]);
  return first >= 0 && (mine[first] ?? 0) < (wanted[first] ?? 0);
}
