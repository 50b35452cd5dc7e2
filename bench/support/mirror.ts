import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { send, UnexpectedAnswer } from '../../test/support/http.ts';
import { Child } from './child.ts';
import type { Stand } from './stand.ts';

export interface MirrorOptions {
  /** Members of `registries.source` and `registries.destination`. */
  source: Readonly<Record<string, unknown>>;
  destination: Readonly<Record<string, unknown>>;
  /** Template of the destination's repository. */
  into?: string;
}

export interface Mirror {
  url: string;
  child: Child;
}

/** The whole value of the `Authorization` header of its webhook, and the token of its admin API. */
export const secret = 'bench-secret-of-no-worth';

/** `tagferry serve` as a user runs it, in a process of its own; only the sweep is off, to not blur the figures. */
export async function startMirror(stand: Stand, options: MirrorOptions): Promise<Mirror> {
  const folder = join(stand.folder, `mirror-${Math.random().toString(36).slice(2)}`);
  const file = `${folder}.yaml`;
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration(folder, options), null, 2));
  const { program, flags } = stand.measured;
  // As the program's first line has it.
  const child = new Child(stand, program, ['serve', '-c', file], flags, { MALLOC_ARENA_MAX: '1' });
  return { url: await child.url(), child };
}

function configuration(folder: string, { source, destination, into = '{repository}' }: MirrorOptions) {
  const rule = { name: 'everything', source: 'source', repositories: ['**'], destination: 'destination' };
  return {
    registries: { source, destination },
    rules: [{ ...rule, repository: into }],
    webhook: { secrets: [secret] },
    admin: { tokens: [secret] },
    server: { listen: '127.0.0.1:0', shutdownGrace: '1s' },
    sweep: { schedule: 'off', onStart: false },
    database: join(folder, 'tagferry.db'),
  };
}

/** The JSON that its admin API answers. */
export async function api(
  { url }: Mirror,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const sent = body && Buffer.from(JSON.stringify(body));
  const answer = await send(`${url}/api/v1/${path}`, { method, headers, body: sent });
  if (answer.status !== 200 && answer.status !== 202) throw new UnexpectedAnswer(path, 200, answer);
  return JSON.parse(answer.body.toString());
}
