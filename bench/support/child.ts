import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Stand } from './stand.ts';

/** A process of the bench did not do what it was started for. */
class ChildError extends Error {
  override readonly name = 'ChildError';
}

/** A process of Node's, with what the system says of its memory and processor time. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #log: string;

  /** `script` is relative to the project; `flags` are Node's own; `env` is added. Its standard error goes to a file. */
  constructor(
    stand: Stand,
    script: string,
    args: readonly string[],
    flags: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#log = join(stand.folder, `${basename(script)}-${Date.now()}.log`);
    const log = openSync(this.#log, 'a');
    const file = resolve(import.meta.dirname, '../..', script);
    this.#process = spawn(process.execPath, [...flags, file, ...args], {
      stdio: ['ignore', 'pipe', log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const { stdout } = this.#process;
    if (stdout === null) throw new ChildError(`${script} was started without a standard output`);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    stand.after(() => this.stop());
  }

  /** The next line of its standard output. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done !== true) return value;
    throw new ChildError(
      `${this.#process.spawnargs[1]} ended before it said what was expected:\n${this.said()}`,
    );
  }

  /** The end of its standard error. */
  said(): string {
    return readFileSync(this.#log, 'utf8').slice(-2_000);
  }

  /** Its exit code, when it has ended by itself. */
  async ended(): Promise<number | null> {
    while ((await this.#lines.next()).done !== true);
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await once(this.#process, 'exit');
    return this.#process.exitCode;
  }

  /** The address in the next line that has one: Node's own flags may make it say more. */
  async url(): Promise<string> {
    for (;;) {
      const url = /https?:\/\/\S+/.exec(await this.line())?.[0];
      if (url !== undefined) return url;
    }
  }

  /** The most memory that it has had resident so far, in MiB. */
  peakMemory(): number {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(this.#proc('status')) ?? [];
    return Number(kibibytes) / 1024;
  }

  /** Seconds of processor time so far, of all its threads. */
  processorTime(): number {
    // After the name, which may contain blanks: state is the 3rd field, utime the 14th, stime the 15th.
    const fields = this.#proc('stat').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  async stop(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(patience);
  }

  #proc(file: string): string {
    return readFileSync(`/proc/${this.#process.pid}/${file}`, 'utf8');
  }
}

/** Linux's USER_HZ, 100 on every platform that Node runs on. */
const ticksPerSecond = 100;
