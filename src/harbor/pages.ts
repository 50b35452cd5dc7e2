import { z } from 'zod';
import { OversizedError, RegistryError } from '../copy/error.ts';
import type { Answer, AnswerHeaders, Api } from './api.ts';

/** The most that Harbor gives; it refuses to be asked for more. */
const pageSize = 100;

/** Where a list ends that has no end. */
const maxPages = 10_000;

export interface List<Shape extends z.ZodType> {
  path: string;
  query: Record<string, string>;
  row: Shape;
  signal: AbortSignal | undefined;
  /** Of rows that are large, and few in any Harbor. */
  maxPages?: number;
}

/*
 * Pages are counted here and `Link` is not followed: Harbor's has an unescaped query. A page that is shorter than asked
 * is not the last one for that; `X-Total-Count` says how many there are.
 */

/**
 * A list by pages, for lists without ids to go by. A row that is removed meanwhile moves the others up, so that one
 * may be missed; one that is added may bring another twice.
 */
export async function counted<Shape extends z.ZodType>(
  api: Api,
  list: List<Shape>,
): Promise<z.output<Shape>[]> {
  const rows: z.output<Shape>[] = [];
  const { path, maxPages: most = maxPages } = list;
  const shape = pageOf(list.row);
  for (let page = 1; page <= most; page++) {
    const answer = await ask(api, list, shape, { page: String(page) });
    rows.push(...answer.value);
    if (isLast(answer, rows.length)) return rows;
  }
  throw endless(path, most);
}

/** Where a list by ids begins, and a further condition of its query. */
interface Part {
  after: number;
  filter?: string;
  /** Rows of the first page; by default as many as there may be. */
  size?: number;
}

/** A page of a list by ids; there is no empty one. */
export interface IdPage<Row> {
  rows: Row[];
  lastId: number;
  isLast: boolean;
  /** Rows that were asked for. */
  size: number;
}

/**
 * A list by ids, each page being the rows above the last id: rows that come and go meanwhile move no others.
 */
export async function* byId<Shape extends z.ZodType<{ id: number }>>(
  api: Api,
  list: List<Shape>,
  part: Part,
): AsyncGenerator<IdPage<z.output<Shape>>> {
  let { after, size = pageSize } = part;
  for (let count = 1; count <= maxPages; count++) {
    const page = await pageAbove(api, list, { ...part, after, size });
    if (page === undefined) return;
    yield page;
    if (page.isLast) return;
    after = page.lastId;
    size = Math.min(2 * page.size, pageSize);
  }
  throw endless(list.path, maxPages);
}

/**
 * The first page of a list by ids; `undefined` where it is empty. One that is more than may be read is asked for in halves;
 * one row alone that is too large is a failure.
 */
export async function pageAbove<Shape extends z.ZodType<{ id: number }>>(
  api: Api,
  list: List<Shape>,
  { after, filter, size = pageSize }: Part,
): Promise<IdPage<z.output<Shape>> | undefined> {
  const q = [`id=[${after + 1}~]`, filter].filter(Boolean).join();
  try {
    const answer = await ask(api, list, pageOf(list.row), { page: '1', sort: 'id', q }, size);
    const { value: rows } = answer;
    if (rows.length === 0) return assertEmpty(answer);
    return { rows, lastId: lastIdOf(answer, after), isLast: isLast(answer, rows.length, size), size };
  } catch (error) {
    if (!(error instanceof OversizedError) || size === 1) throw error;
    return pageAbove(api, list, { after, ...(filter && { filter }), size: Math.ceil(size / 2) });
  }
}

function ask<Shape extends z.ZodType>(
  api: Api,
  { path, query, signal }: Omit<List<Shape>, 'row'>,
  shape: z.ZodType<z.output<Shape>[]>,
  which: Record<string, string>,
  size = pageSize,
): Promise<Answer<z.output<Shape>[]>> {
  return api.get(path, { ...query, ...which, page_size: String(size) }, shape, signal);
}

/** Counted before a row is looked at: what is wrong with millions of them is more than memory holds. */
export function pageOf<Shape extends z.ZodType>(row: Shape) {
  const message = `expected at most ${pageSize} rows`;
  return z.array(z.unknown()).max(pageSize, { message, abort: true }).pipe(z.array(row));
}

/** Harbor ignores a condition or an order that it does not know: then rows would be lost, or come for ever. */
function lastIdOf({ value: rows, shown }: Answer<{ id: number }[]>, after: number): number {
  let last = after;
  for (const { id } of rows) {
    if (id <= last) {
      throw new RegistryError('protocol', `GET ${shown}: expected an id above ${last}, got ${id}`);
    }
    last = id;
  }
  return last;
}

function isLast({ value: rows, headers }: Answer<unknown[]>, read: number, size = pageSize): boolean {
  if (rows.length === 0) return true;
  const total = totalOf(headers);
  // A count below the rows that are here says nothing of what follows.
  return total === undefined || total < read ? rows.length < size : read === total;
}

function totalOf(headers: AnswerHeaders): number | undefined {
  const total = headers.get('x-total-count');
  return total !== null && /^\d{1,15}$/.test(total) ? Number(total) : undefined;
}

function assertEmpty({ headers, shown }: Answer<unknown[]>): undefined {
  const total = totalOf(headers) ?? 0;
  if (total > 0) throw new RegistryError('protocol', `GET ${shown}: expected ${total} rows, got none`);
}

function endless(path: string, pages: number): RegistryError {
  return new RegistryError('protocol', `GET ${path}: expected a list that ends, got ${pages} pages of it`);
}
