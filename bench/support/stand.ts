import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ending } from '../../test/support/temporary.ts';

/** The program that is measured, relative to the project, with Node's own flags for it. */
export interface Program {
  program: string;
  flags: readonly string[];
  /** Less of everything, to try a scenario out. */
  small: boolean;
}

/** What a scenario stands on: everything started or made for it ends with it, the newest first. */
export class Stand implements Ending {
  readonly #ends: (() => void | Promise<void>)[] = [];
  /** For its files; gone when it is closed. */
  readonly folder = mkdtempSync(join(tmpdir(), 'tagferry-bench-'));
  readonly measured: Program;

  constructor(measured: Program = { program: 'src/cli/tagferry.ts', flags: [], small: false }) {
    this.measured = measured;
  }

  get small(): boolean {
    return this.measured.small;
  }

  after(end: () => void | Promise<void>): void {
    this.#ends.push(end);
  }

  /** Everything is ended, even when ending something fails; throws the first failure. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
    if (failures.length > 0) throw failures[0];
  }
}
