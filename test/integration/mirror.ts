import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Received, type Sent, send } from '../support/http.ts';
import type { Ending } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Running, type RunOptions, start } from './process.ts';

export const secret = 'Bearer of-the-webhook';
export const token = 'of-the-admin-api';

/** What the example's configuration takes from the environment. */
export const environment = {
  HARBOR_PASSWORD: 'Harbor12345',
  ACR_PASSWORD: 'fixed-password',
  HARBOR_WEBHOOK_SECRET: secret,
  TAGFERRY_ADMIN_TOKEN: token,
};

const example = new URL('../../config/tagferry.example.yaml', import.meta.url);

/** The edits that every test needs. */
const always: Edit[] = [
  ['listen: 0.0.0.0:8080', 'listen: 127.0.0.1:0'],
  ["schedule: '17 * * * *'", 'schedule: "off"'],
];

/** A text of the example, and what stands there instead. */
export type Edit = readonly [text: string, instead: string];

/** Writes the example with some of its texts replaced, each of which has to be in it. */
export async function writeExample(folder: string, edits: readonly Edit[]): Promise<string> {
  let text = await readFile(example, 'utf8');
  for (const [old, instead] of [
    ...always,
    ['./data/tagferry.db', join(folder, 'data', 'tagferry.db')] as const,
    ...edits,
  ]) {
    if (!text.includes(old)) throw new RangeError(`the example has no text ${JSON.stringify(old)}`);
    text = text.replace(old, () => instead);
  }
  const file = join(folder, 'tagferry.yaml');
  await writeFile(file, text);
  return file;
}

/** Where both ends are, in the example's words. */
export function ends(harbor: { url: string; realm?: string }, acr: { url: string; realm?: string }): Edit[] {
  const hosts = ({ realm }: { realm?: string }) => `tokenHosts: [${realm ? `'${new URL(realm).host}'` : ''}]`;
  return [
    ['https://harbor.example.com', harbor.url],
    ['password: ${HARBOR_PASSWORD}', `password: \${HARBOR_PASSWORD}\n    ${hosts(harbor)}`],
    ['https://demo-registry.cn-shanghai.cr.aliyuncs.com', acr.url],
    ['acr_pusher@1938562138124787', 'pusher@1000000000000001'],
    ['# tokenHosts: []', `${hosts(acr)} #`],
  ];
}

/** What the tests look at in a task that the admin API shows. */
export interface TaskJson {
  id: number;
  state: string;
  attemptCount: number;
  nextAttemptAt?: string;
  outcome?: string;
  reason?: string;
  message?: string;
  digest?: string;
  bytes?: number;
  attempts: { bytes: number; reason?: string }[];
}

/** `tagferry serve`, listening. */
export interface Mirror extends Running {
  readonly url: string;
  /** Log lines so far, read. */
  log(): Record<string, unknown>[];
  post(body: string | Uint8Array, headers?: Record<string, string>): Promise<Received>;
  /** A request to `/api/v1`. */
  api(method: string, path: string, body?: unknown): Promise<Received>;
  /** The task as it is now. */
  task(id: number): Promise<TaskJson>;
  /** The task, once it is finished. */
  finished(id: number, patience?: number): Promise<TaskJson>;
}

/** Starts `serve` and waits until it says where it listens. */
export async function serve(t: Ending, file: string, options: RunOptions = {}): Promise<Mirror> {
  const env = { ...environment, ...options.env };
  const running = start(t, ['serve', '--config', file], { ...options, env });
  const said = Promise.withResolvers<string>();
  running.onLine((line) => {
    const url = /^tagferry listens on (\S+)$/.exec(line)?.[1];
    if (url !== undefined) said.resolve(url);
  });
  void running.ended.then(({ code }) =>
    said.reject(new Error(`serve ended with ${code} at its start:\n${running.stderr.join('\n')}`)),
  );
  return mirrorOf(running, await said.promise);
}

/** What can be asked of a process that listens there. */
export function mirrorOf(running: Running, url: string): Mirror {
  const log = () => running.stderr.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  return { ...running, url, log, ...clientOf(url) };
}

function clientOf(url: string): Pick<Mirror, 'post' | 'api' | 'task' | 'finished'> {
  const api: Mirror['api'] = (method, path, body) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const sent: Sent = { method, headers };
    if (body !== undefined) sent.body = Buffer.from(JSON.stringify(body));
    return send(`${url}/api/v1${path}`, sent);
  };
  const task = async (id: number): Promise<TaskJson> =>
    JSON.parse((await api('GET', `/tasks/${id}`)).body.toString());
  return {
    api,
    task,
    post(body, headers = {}) {
      const all = { 'Content-Type': 'application/json', Authorization: secret, ...headers };
      return send(`${url}/webhooks/harbor`, { method: 'POST', headers: all, body: Buffer.from(body) });
    },
    finished(id, patience) {
      let last: TaskJson | undefined;
      const ask = async () => {
        last = await task(id);
        return ['completed', 'discarded', 'cancelled'].includes(last.state) && last;
      };
      const what = () => `the end of task ${id}, which is ${JSON.stringify(last)}`;
      return eventually(what, ask, patience === undefined ? {} : { patience });
    },
  };
}

/** Announces what was pushed; the ids of the tasks that stand for it. */
export async function announce(
  mirror: Mirror,
  repository: string,
  tag: string,
  digest: string,
): Promise<number[]> {
  const { status, body } = await mirror.post(pushed(repository, tag, digest));
  if (status !== 202) throw new RangeError(`webhook: expected 202, got ${status}: ${body.toString()}`);
  return JSON.parse(body.toString()).tasks;
}

/** What Harbor says of a push; with an `id` in its CloudEvents format. */
export function pushed(repository: string, tag: string, digest: string, id?: string): string {
  const [namespace = '', ...name] = repository.split('/');
  const data = {
    resources: [{ digest, tag, resource_url: `harbor.example.com/${repository}:${tag}` }],
    repository: { name: name.join('/'), namespace, repo_full_name: repository, repo_type: 'private' },
  };
  const operator = 'robot$ci';
  if (id === undefined)
    return JSON.stringify({
      type: 'PUSH_ARTIFACT',
      occur_at: Math.floor(Date.now() / 1000),
      operator,
      event_data: data,
    });
  const source = '/projects/1/webhook/policies/1';
  const time = new Date().toISOString();
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: 'harbor.artifact.pushed',
    time,
    data,
    operator,
  });
}
