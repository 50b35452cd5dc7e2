import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reached } from '../support/place.ts';

/** One tag, and where it goes. */
export interface Pair {
  repository: string;
  tag: string;
  into: string;
}

/** Destination repositories of a run's own. */
export function movedTo(prefix: string): (repository: string) => string {
  return (repository) => repository.replace('/', `/${prefix}-`);
}

export function pairsOf(
  members: readonly Pick<Pair, 'repository' | 'tag'>[],
  moved: (repository: string) => string,
): Pair[] {
  return members.map(({ repository, tag }) => ({ repository, tag, into: moved(repository) }));
}

/** What one tool is asked to do. */
export interface Job {
  source: Reached;
  destination: Reached;
  caFile: string;
  pairs: readonly Pair[];
  /** Requests, tags or jobs at once, as the tool counts them. */
  atOnce: number;
  /** For its files; it is the tool's HOME as well. */
  folder: string;
}

export interface Ran {
  /** From the start of the first process to the end of the last. */
  seconds: number;
  /** Seconds of processor time of all its processes. */
  processor: number;
  /** The most that its processes had resident together, MiB, looked at every 50 ms. */
  memory: number;
}

/** Another tool that copies images. */
export interface Peer {
  /** Its command on PATH. */
  name: string;
  /** Prints its version. */
  version: readonly string[];
  /** It is started once for each tag: a part of many tags says as much. */
  perTag?: true;
  /** It keeps what it has seen at a registry on this machine, beyond its end. */
  remembers?: true;
  /** Writes the files that it needs into the job's folder; gives its command lines, and how many of them run at once. */
  prepare(job: Job): { commands: readonly (readonly string[])[]; processes: number };
}

/** A command of a peer failed. */
class PeerFailed extends Error {
  override readonly name = 'PeerFailed';
}

export async function runPeer(peer: Peer, job: Job, patience = 300_000): Promise<Ran> {
  const folder = mkdtempSync(join(job.folder, `${peer.name}-`));
  writeLogin({ ...job, folder });
  const { commands, processes } = peer.prepare({ ...job, folder });
  const lines = join(folder, 'commands');
  writeFileSync(lines, commands.map((words) => words.map(quoted).join(' ')).join('\n'));
  const script = `xargs -d '\\n' -P ${processes} -I LINE sh -c LINE < '${lines}' >'${folder}/log' 2>&1; code=$?; times; exit $code`;
  const env = { ...process.env, HOME: folder, DOCKER_CONFIG: folder, SSL_CERT_FILE: job.caFile };
  const begin = performance.now();
  const child = spawn('bash', ['-c', script], { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const end = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), patience);
  let memory = 0;
  const watch = setInterval(() => (memory = Math.max(memory, groupMemory(child.pid ?? 0))), 50);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = await once(child, 'close');
  const seconds = (performance.now() - begin) / 1000;
  clearInterval(watch);
  clearTimeout(end);
  const log = readFileSync(join(folder, 'log'), 'utf8').slice(-1_000);
  if (code !== 0) throw new PeerFailed(`${peer.name} ended with ${String(code)}:\n${log}`);
  return { seconds, processor: childTimes(said), memory };
}

/** The credentials where Docker's own client would have them. */
function writeLogin({ source, destination, folder }: Job): void {
  const auths = [source, destination].map(({ url, credential: { name, password } }) => {
    const auth = Buffer.from(`${name}:${password}`).toString('base64');
    return [new URL(url).host, { auth }] as const;
  });
  const text = JSON.stringify({ auths: Object.fromEntries(auths) });
  writeFileSync(join(folder, 'config.json'), text, { mode: 0o600 });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The second line of what `times` of bash says: user and system time of its children, as `1m2.345s`. */
function childTimes(said: string): number {
  const times = [...(said.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

/** Resident now, of all processes of the group, in MiB. */
function groupMemory(group: number): number {
  let pages = 0;
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      // After the name: state is the 3rd field, the group the 5th, resident pages the 24th.
      const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      if (Number(fields[2]) === group) pages += Number(fields[21]);
    } catch {
      // It has ended meanwhile.
    }
  return (pages * 4096) / 2 ** 20;
}

/** Every source repository once, with where it goes. */
export function repositoriesOf(pairs: readonly Pair[]): ReadonlyMap<string, string> {
  return new Map(pairs.map(({ repository, into }) => [repository, into]));
}

/** `HOST:PORT/NAME`. */
export function nameAt({ url }: Reached, name: string): string {
  return `${new URL(url).host}/${name}`;
}
