import type { IncomingMessage } from 'node:http';
import { Router, type Request } from 'express';
import { z } from 'zod';
import { sendJson } from './answer.ts';
import { checkContentType, readBody } from './body.ts';
import { HttpError, methodNotAllowed } from './error.ts';
import { printable } from '../printable.ts';

/*
 * The admin API is a table of operations. An operation says what it takes and gives as schemas; the router, the
 * validation of requests and the OpenAPI document are all made from that table, so that they cannot disagree.
 */

export interface Answer {
  status: number;
  body: unknown;
}

interface Description {
  method: 'GET' | 'POST';
  /** As in OpenAPI: `/tasks/{id}`. */
  path: string;
  summary: string;
  success: { status: number; description: string; schema: z.ZodType };
  /** Refusals of its own, by status. */
  problems: Record<number, string>;
}

/** Every part is a strict object, so that nothing is taken and then not looked at. */
type InputShape = Record<'params' | 'query' | 'body', z.ZodType>;

export interface Operation extends Description {
  input: z.ZodObject<InputShape>;
  answer(request: Request): Promise<Answer>;
}

interface Definition<Input extends z.ZodObject<InputShape>> extends Description {
  input: Input;
  run(input: z.infer<Input>): unknown;
}

const none = z.strictObject({});
/** To spread into an `input`: the parts that an operation does not take. */
export const nothing = { params: none, query: none, body: none };

/** Characters of one mistake, and mistakes of one body: it may have a million unknown members. */
const maxDetail = 500;
const maxMistakes = 100;

/** `run` gives the body of the success answer, or throws `HttpError`. */
export function operation<Input extends z.ZodObject<InputShape>>({
  run,
  ...rest
}: Definition<Input>): Operation {
  return {
    ...rest,
    async answer(request) {
      const parsed = rest.input.safeParse(await rawInput(request));
      if (!parsed.success) throw refused(parsed.error);
      return { status: rest.success.status, body: await run(parsed.data) };
    },
  };
}

async function rawInput(request: Request): Promise<unknown> {
  const { searchParams } = new URL(request.originalUrl, 'http://localhost');
  const names = [...new Set(searchParams.keys())];
  // A name given twice becomes a list, which no parameter takes.
  const query = Object.fromEntries(names.map((name) => [name, single(searchParams.getAll(name))]));
  const body = request.method === 'POST' ? await readJson(request) : {};
  return { params: request.params, query, body };
}

function single(values: string[]): unknown {
  return values.length === 1 ? values[0] : values;
}

/** No body at all stands for an empty object. Throws `HttpError` 413, 415 or 422. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (encoding === undefined && Number(length ?? 0) === 0) return {};
  checkContentType(request, ['application/json']);
  const bytes = await readBody(request);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const errors = [{ detail: 'Expected JSON in UTF-8', pointer: '#' }];
    throw new HttpError(422, 'The body is not JSON in UTF-8.', { members: { errors }, cause });
  }
}

/** A path that names nothing is 404; all other mistakes are listed. */
function refused({ issues }: z.ZodError): HttpError {
  if (issues.some(({ path }) => path[0] === 'params')) {
    return new HttpError(404, 'There is nothing at this path: an ID is a positive whole number.');
  }
  const errors = issues.slice(0, maxMistakes).map(mistake);
  const first = issues.length > maxMistakes ? ` for the first ${maxMistakes}` : '';
  const detail =
    issues.length === 1 ? 'One mistake; see errors.' : `${issues.length} mistakes; see errors${first}.`;
  return new HttpError(422, detail, { members: { errors } });
}

function mistake({ path: [part, ...rest], message }: z.core.$ZodIssue): Record<string, string> {
  const detail = printable(message, maxDetail);
  if (part === 'query') return { detail, parameter: rest.join('.') };
  const pointer = rest.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return { detail, pointer: `#${pointer}` };
}

export function routerOf(operations: readonly Operation[]): Router {
  const router = Router({ caseSensitive: true });
  for (const [path, here] of Map.groupBy(operations, (each) => each.path)) {
    router.all(path.replaceAll(/\{(\w+)\}/g, ':$1'), async (request, response) => {
      const { status, body } = await chosen(request.method, here).answer(request);
      sendJson(response, status, body);
    });
  }
  return router;
}

function chosen(method: string, operations: readonly Operation[]): Operation {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const found = operations.find((each) => each.method === wanted);
  if (found !== undefined) return found;
  const allowed = operations.flatMap((each) => (each.method === 'GET' ? ['GET', 'HEAD'] : [each.method]));
  throw methodNotAllowed(method, allowed.join(', '));
}
