import type { Stand } from './support/stand.ts';

/** One measured number. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
}

/** One line of the table. */
export interface Row {
  what: string;
  figures: readonly Figure[];
  /** Of this line's first figure to that of what it is compared with, in the same run. */
  ratio?: { to: string; value: number };
  /** The most that the measured process had resident, MiB. */
  memory?: number;
}

/** One thing that is measured; ends by itself, in bounded time. */
export interface Scenario {
  name: string;
  about: string;
  /** Commands that must be there; without them it is left out. */
  needs: readonly string[];
  /** Left out unless it is named: it takes long, or much room. */
  onRequest?: true;
  run(stand: Stand, say: (line: string) => void): Promise<Row[]>;
}
