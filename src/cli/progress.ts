import { Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';
import { createLogUpdate } from 'log-update';
import { printable } from '../printable.ts';
import { sizeOf, timeOf } from './amount.ts';

/** What is shown of a run. */
export interface Shown {
  /** Tags in all; `undefined` until the lists are there. */
  tags: number | undefined;
  /** Tags compared so far, where that is what is being done first. */
  compared?: number;
  ended: number;
  failed: number;
  /** Sources of the copies under way, the oldest first. */
  underWay: readonly string[];
  /** Of blobs, that have gone to the destinations so far. */
  bytes: number;
}

/** Milliseconds between two frames. */
const pace = 100;
/** Milliseconds over which the rate is measured. */
const window = 5_000;
const mostNames = 5;
const barWidth = 24;

/** A few lines at the bottom of a terminal that say how far a run is; what is logged scrolls by above them. */
export class ProgressDisplay {
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #terminal: WriteStream;
  #look: (() => Shown) | undefined;
  readonly #begun = performance.now();
  /** How many bytes had gone when, over the last `window`. */
  readonly #samples: { at: number; bytes: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: WriteStream) {
    this.#terminal = terminal;
    this.#update = createLogUpdate(terminal);
  }

  start(look: () => Shown): void {
    this.#look = look;
    this.#timer = setInterval(() => this.#draw(), pace).unref();
  }

  /** Leaves nothing of itself on the terminal. */
  stop(): void {
    clearInterval(this.#timer);
    this.#update.clear();
    this.#update.done();
  }

  /** For the log's lines. */
  readonly lines = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      this.#update.clear();
      this.#terminal.write(chunk);
      this.#draw();
      done();
    },
  });

  #draw(): void {
    if (this.#look === undefined) return;
    const shown = this.#look();
    const now = performance.now();
    this.#samples.push({ at: now, bytes: shown.bytes });
    while ((this.#samples[0]?.at ?? now) < now - window) this.#samples.shift();
    const oldest = this.#samples[0] ?? { at: now, bytes: shown.bytes };
    const rate = now === oldest.at ? 0 : ((shown.bytes - oldest.bytes) / (now - oldest.at)) * 1000;
    const frame = frameOf(shown, { rate, elapsed: now - this.#begun, columns: this.#terminal.columns });
    this.#update(frame.join('\n'));
  }
}

/** The lines; `rate` in bytes a second, `elapsed` in milliseconds. */
export function frameOf(
  { tags, compared, ended, failed, underWay, bytes }: Shown,
  { rate, elapsed, columns }: { rate: number; elapsed: number; columns: number },
): string[] {
  if (tags === undefined && compared !== undefined)
    return [`comparing both ends: ${compared} tags so far, ${timeOf(elapsed)}`];
  if (tags === undefined) return [`asking for the lists of tags, ${timeOf(elapsed)}`];
  const left = ended === 0 ? undefined : (elapsed / ended) * (tags - ended);
  const counts = [
    `${ended} of ${tags} tags`,
    ...(failed > 0 ? [styleText('red', `${failed} failed`)] : []),
    sizeOf(bytes),
    `${sizeOf(rate)}/s`,
    left === undefined ? timeOf(elapsed) : `${timeOf(left)} left`,
  ];
  const names = underWay.slice(0, mostNames).map((name) => `  ${printable(name, Math.max(8, columns - 3))}`);
  const more = underWay.length > mostNames ? [`  and ${underWay.length - mostNames} more`] : [];
  return [`${barOf(tags === 0 ? 1 : ended / tags)}  ${counts.join(' · ')}`, ...names, ...more];
}

function barOf(share: number): string {
  const full = Math.round(share * barWidth);
  return '█'.repeat(full) + '░'.repeat(barWidth - full);
}
