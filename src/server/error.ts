import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler } from 'express';
import { RegistryError } from '../copy/error.ts';
import { EventError } from '../event/harbor.ts';
import { printable } from '../printable.ts';
import { StorageError } from '../task/store.ts';
import { sendJson } from './answer.ts';

/** What this folder writes to the log. */
export interface Log {
  error(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

/** Characters of a problem's detail. */
const maxDetail = 2_000;

interface HttpErrorOptions {
  headers?: Record<string, string>;
  /** Further members of the problem document. */
  members?: Record<string, unknown>;
  cause?: unknown;
}

/** A request that gets no for an answer. The message is sent to the client: nothing internal, no secret. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly members: Record<string, unknown>;

  constructor(status: number, detail: string, options: HttpErrorOptions = {}) {
    super(printable(detail, maxDetail), 'cause' in options ? { cause: options.cause } : undefined);
    this.status = status;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }
}

export function methodNotAllowed(method: string, allowed: string): HttpError {
  return new HttpError(405, `Expected ${allowed}, got ${method}.`, { headers: { Allow: allowed } });
}

/** Every error becomes an answer here, and nowhere else. */
export function httpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof EventError) return new HttpError(400, error.message, { cause: error });
  if (error instanceof StorageError) {
    const detail = 'The database takes nothing just now, so nothing was stored. Try again.';
    return new HttpError(503, detail, { headers: { 'Retry-After': '5' }, cause: error });
  }
  if (error instanceof RegistryError) {
    return new HttpError(502, error.message, { cause: error });
  }
  if (isMalformedUrl(error)) return new HttpError(400, 'The path is not validly percent-encoded.');
  return new HttpError(500, 'This is a defect; the log has the details.', { cause: error });
}

/** The router's own: it cannot decode a part of the path. */
function isMalformedUrl(error: unknown): boolean {
  return error instanceof URIError;
}

/** Answers with a problem document: https://www.rfc-editor.org/rfc/rfc9457.html */
export function errorHandler(log: Log): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return function answerError(error, request, response, _next) {
    const { status, message: detail, headers, members, cause } = httpError(error);
    if (status >= 500) {
      log.error('request failed', { method: request.method, path: request.path, status, error: cause });
    }
    if (response.headersSent) return void response.destroy();
    const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail, ...members };
    sendJson(response, status, problem, { ...headers, 'Content-Type': 'application/problem+json' });
  };
}
