import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import { frameOf } from './frame.ts';
import type { Shown } from './frame.ts';
import { Rate } from './rate.ts';

/** What is needed of a terminal; a size of 0 is one that it does not tell. */
export type Terminal = NodeJS.WritableStream & { columns: number; rows: number };

/** Milliseconds between two frames. */
const pace = 200;
/** Milliseconds over which bytes, and tags, are counted for what is done in a second. */
const windows = { bytes: 5_000, tags: 60_000 };

/** Whether a stream is a terminal that can be drawn on, in front of somebody. */
export function canShowProgress(
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'];
}

/** A few lines at the bottom of a terminal that say how far a run is; what is logged scrolls by above them. */
export class ProgressDisplay {
  readonly #terminal: Terminal;
  readonly #colour: boolean;
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #begun = performance.now();
  readonly #bytes = new Rate(windows.bytes);
  readonly #tags = new Rate(windows.tags);
  #look: (() => Shown) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** As it stands on the terminal. */
  #frame: string[] = [];

  constructor(terminal: Terminal, env: Readonly<Record<string, string | undefined>>) {
    this.#terminal = terminal;
    this.#colour = !env['NO_COLOR'];
    this.#update = createLogUpdate(terminal);
  }

  start(look: () => Shown): void {
    this.#look = look;
    this.#terminal.on('resize', this.#onResize);
    this.#timer = setInterval(() => this.#draw(), pace).unref();
    this.#draw();
  }

  /** Leaves nothing of itself on the terminal; log lines may follow. */
  stop(): void {
    clearInterval(this.#timer);
    this.#terminal.off('resize', this.#onResize);
    this.#look = undefined;
    this.#clear();
    this.#update.done();
  }

  /** For the log's lines. */
  readonly lines = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      this.#clear();
      this.#terminal.write(chunk);
      this.#draw();
      done();
    },
  });

  #draw(): void {
    if (this.#look === undefined) return;
    const shown = this.#look();
    const now = performance.now();
    const rate = { bytes: this.#bytes.at(now, shown.bytes), tags: this.#tags.at(now, shown.ended) };
    const [columns, rows] = [this.#columns, this.#terminal.rows || 24];
    this.#frame = frameOf(shown, { columns, rows, rate, elapsed: now - this.#begun, colour: this.#colour });
    this.#update(this.#frame.join('\n'));
  }

  #clear(): void {
    this.#update.clear();
    this.#frame = [];
  }

  /** A terminal that became narrower has broken the frame's lines: it stands on more rows than log-update knows of. */
  readonly #onResize = (): void => {
    const rows = this.#frame.map((line) => {
      const { length } = stripVTControlCharacters(line);
      return Math.max(1, Math.ceil(length / this.#columns));
    });
    const more = rows.reduce((sum, count) => sum + count - 1, 0);
    this.#terminal.write('\u001B[2K\u001B[1A'.repeat(more));
    this.#clear();
    this.#draw();
  };

  get #columns(): number {
    return this.#terminal.columns || 80;
  }
}
