import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { sentence } from '../config/error.ts';
import { escaped, printable } from '../printable.ts';
import { UsageError } from './exit.ts';

export interface ClientOptions {
  server?: string;
  tokenFile?: string;
}

/** Adds the options that lead to a running mirror. */
export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'the running mirror (else $TAGFERRY_SERVER, else http://127.0.0.1:8080)')
    .option('--token-file <file>', 'file with an admin token (else $TAGFERRY_ADMIN_TOKEN)');
}

/** The mirror has answered, and not with what was asked for. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The admin API of a running mirror. */
export class Client {
  readonly #base: URL;
  readonly #token: string;

  constructor({ server, tokenFile }: ClientOptions) {
    this.#base = new URL(
      '/api/v1/',
      addressOf(server ?? process.env['TAGFERRY_SERVER'] ?? 'http://127.0.0.1:8080'),
    );
    this.#token = tokenOf(tokenFile);
  }

  /** The answer, as far as `schema` wants it; throws `Refused` with the server's own words when it is a refusal. */
  async request<T>(schema: z.ZodType<T>, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const url = new URL(path, this.#base);
    const answer = await this.#fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) {
      const message = `${method} ${url.pathname} answered ${answer.status}: ${detailOf(text)}`;
      throw new Refused(answer.status, message);
    }
    const parsed = schema.safeParse(json(text));
    if (parsed.success) return parsed.data;
    throw new Error(`${method} ${url.href} answered what no mirror of this version does; is --server right?`);
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (error) {
      const cause =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new Error(
        `no mirror answers at ${url.origin}: ${cause}; is \`tagferry serve\` running there (--server)?`,
        {
          cause: error,
        },
      );
    }
  }
}

const problem = z.object({
  detail: z.string(),
  errors: z
    .array(z.object({ detail: z.string(), pointer: z.string().optional(), parameter: z.string().optional() }))
    .default([]),
  mistakes: z
    .array(
      z.object({
        file: z.string(),
        line: z.number().optional(),
        path: z.string(),
        expected: z.string(),
        got: z.string(),
        nearest: z.string().optional(),
      }),
    )
    .default([]),
});

/** What a problem document says; whatever else answered there is shown as it is. */
function detailOf(text: string): string {
  const parsed = problem.safeParse(json(text));
  if (!parsed.success) return printable(text.slice(0, 1_000).replace(/\s+/g, ' '), 200);
  const { detail, errors, mistakes } = parsed.data;
  const wrong = errors.map((one) => `${one.parameter ?? one.pointer ?? ''}: ${one.detail}`);
  const lines = [detail, ...[...wrong, ...mistakes.map(sentence)].map((line) => `  ${line}`)];
  return lines.map(escaped).join('\n');
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The schemas say what was expected instead.
  }
}

/** A user or password in the address would end in messages; the token has its own place. */
function addressOf(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  const plain = url?.username === '' && url.password === '';
  if (url && plain && /^https?:$/.test(url.protocol)) return url;
  const got = url && !plain ? 'an address with a user or password in it' : `"${server}"`;
  throw new UsageError(`--server: expected http://HOST:PORT, got ${got}`);
}

function tokenOf(file: string | undefined): string {
  const token = file === undefined ? process.env['TAGFERRY_ADMIN_TOKEN'] : readToken(file);
  if (token === undefined || token === '') {
    throw new UsageError('an admin token is needed: --token-file FILE or $TAGFERRY_ADMIN_TOKEN');
  }
  return token;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new UsageError(`--token-file: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
