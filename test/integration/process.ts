import { type ChildProcess, type SpawnOptions, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Ending } from '../support/temporary.ts';

const ours = fileURLToPath(new URL('../../src/cli/tagferry.ts', import.meta.url));

export interface RunOptions {
  /** Besides the test's own. */
  env?: Record<string, string>;
  cwd?: string;
  /** Largest file that the process may write, in KiB: as full as a disk. `liftFileLimit` makes room. */
  fileLimit?: number;
  /** What is started, instead of the command line by its own name. */
  program?: string;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A `tagferry` process with what it has written so far. */
export interface Running {
  readonly pid: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when the process has ended and all that it wrote has been read. */
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Calls back for each further line. */
  onLine(listener: (line: string) => void): void;
}

const children = new Set<ChildProcess>();
// Should this process die of an uncaught error, its children must not outlive it.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts the command line from its sources; killed, if still there, when the test ends. */
export function start(t: Ending, args: readonly string[], options: RunOptions = {}): Running {
  const child = launch(args, options);
  children.add(child);
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal });
    }),
  );
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const listeners: ((line: string) => void)[] = [];
  const lines = (from: ChildProcess['stdout']): string[] => {
    const read: string[] = [];
    if (from === null) return read;
    createInterface({ input: from }).on('line', (line) => {
      read.push(line);
      for (const listener of listeners) listener(line);
    });
    return read;
  };
  return {
    pid: child.pid ?? 0,
    stdout: lines(child.stdout),
    stderr: lines(child.stderr),
    ended,
    kill: (signal) => void child.kill(signal),
    onLine: (listener) => void listeners.push(listener),
  };
}

/** Runs the command line to its end. */
export async function run(
  t: Ending,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended & { stdout: string; stderr: string }> {
  const running = start(t, args, options);
  const ended = await running.ended;
  return { ...ended, stdout: running.stdout.join('\n'), stderr: running.stderr.join('\n') };
}

export async function liftFileLimit({ pid }: Running): Promise<void> {
  await promisify(execFile)('prlimit', [`--pid=${pid}`, '--fsize=unlimited']);
}

function launch(args: readonly string[], { env, cwd, fileLimit, program = ours }: RunOptions): ChildProcess {
  const options: SpawnOptions = {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  };
  const command = [process.execPath, program, ...args];
  if (fileLimit === undefined) return spawn(process.execPath, command.slice(1), options);
  // Node ignores SIGXFSZ, so a write beyond the limit fails as on a full disk. `exec`: signals reach it.
  const limited = `ulimit -S -f ${fileLimit * 2}; exec "$@"`;
  return spawn('sh', ['-c', limited, 'sh', ...command], options);
}
