import { EventEmitter, once } from 'node:events';
import { send } from './http.ts';

/** One request that a registry has answered. */
export interface Access {
  /** What it was for, with its method: `manifest HEAD`, `blob GET`, `mount POST`, `upload PUT`, `list GET`, `ping GET`. */
  kind: string;
  repository: string;
  /** Tag or digest of what was asked for or written; empty where the request names none. */
  reference: string;
  status: number;
}

/** What a docker-registry says of its requests: give it `add` as `onAccess`. */
export class AccessLog {
  readonly add = (line: string): void => this.#read(line);
  readonly #marked = new EventEmitter();
  #requests: Access[] = [];
  #marks = 0;

  /** What has come since the last call: all that the registry at `url` has answered by now. */
  async take(url: string): Promise<Access[]> {
    const mark = `mark=${++this.#marks}`;
    const seen = once(this.#marked, mark);
    // The log is read from a pipe, in order: behind this request there is nothing of what was before it.
    await send(`${url}/v2/?${mark}`);
    await seen;
    const taken = this.#requests;
    this.#requests = [];
    return taken;
  }

  #read(line: string): void {
    const [, method, target, status] = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d+) /.exec(line) ?? [];
    if (method === undefined || target === undefined) return;
    const url = new URL(target, 'http://registry');
    const mark = url.search.slice(1);
    if (mark.startsWith('mark=')) this.#marked.emit(mark);
    else this.#requests.push({ ...accessOf(method, url), status: Number(status) });
  }
}

const shapes: readonly [string, RegExp][] = [
  ['list', /^\/v2\/(.+)\/tags\/list$/],
  ['manifest', /^\/v2\/(.+)\/manifests\/([^/]+)$/],
  ['upload', /^\/v2\/(.+)\/blobs\/uploads\/[^/]*$/],
  ['blob', /^\/v2\/(.+)\/blobs\/([^/]+)$/],
];

function accessOf(method: string, { pathname, searchParams }: URL): Omit<Access, 'status'> {
  for (const [what, shape] of shapes) {
    const [match, repository = '', reference] = shape.exec(pathname) ?? [];
    if (match === undefined) continue;
    const mount = searchParams.get('mount');
    const digest = searchParams.get('digest');
    const kind = `${mount === null ? what : 'mount'} ${method}`;
    return { kind, repository, reference: reference ?? mount ?? digest ?? '' };
  }
  return { kind: `ping ${method}`, repository: '', reference: '' };
}

/** How often each kind is among them. */
export function kindsOf(requests: readonly Access[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { kind } of requests) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

/** Blobs whose existence was asked for more than once in a repository. */
export function askedAgain(requests: readonly Access[]): string[] {
  const asked = requests.filter(({ kind }) => kind === 'blob HEAD');
  return repeated(asked.map(({ repository, reference }) => `${repository}@${reference}`));
}

/** Blobs that were sent more than once to this registry. */
export function sentAgain(requests: readonly Access[]): string[] {
  const sent = requests.filter(({ kind, status }) => kind === 'upload PUT' && status === 201);
  return repeated(sent.map(({ reference }) => reference));
}

/** What is in it more than once. */
export function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}

/** Without the questions whether a registry is there, and how it wants to be spoken to. */
export function withoutPings(requests: readonly Access[]): Access[] {
  return requests.filter(({ kind }) => kind !== 'ping GET');
}
