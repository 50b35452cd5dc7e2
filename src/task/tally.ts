import { submitInBatches } from './batch.ts';
import type { Entered, Entry, Sweep } from './store.ts';
import type { Cause } from './task.ts';

/** Error lines kept with a sweep; all are counted. */
const keptErrors = 20;

export interface TallyOptions {
  sweep: Sweep;
  submit(entry: Entry): Promise<Entered>;
  now(): number;
}

/** Keeps a sweep's accounts, and makes tasks of what it has found. */
export class Tally {
  readonly sweep: Sweep;
  readonly #options: TallyOptions;
  readonly #different = new Map<Cause | undefined, Entry['wanted'][number][]>();

  constructor(options: TallyOptions) {
    this.#options = options;
    this.sweep = options.sweep;
  }

  same(): void {
    this.sweep.listed++;
    this.sweep.unchanged++;
  }

  /** `cause`: of a change at the source; none where the destination has changed, or could not have had it. */
  different(copy: Entry['wanted'][number], cause: Cause | undefined): void {
    this.sweep.listed++;
    const found = this.#different.get(cause) ?? [];
    found.push(copy);
    this.#different.set(cause, found);
  }

  /** A wanted copy that could not be compared. */
  unknown(line: string): void {
    this.sweep.listed++;
    this.failed(line);
  }

  failed(line: string): void {
    this.sweep.failed++;
    this.note(line);
  }

  note(line: string): void {
    const { errors } = this.sweep;
    if (errors.length < keptErrors && !errors.includes(line)) errors.push(line);
  }

  /** Changes that came in without a webhook. */
  missed(cause: Cause, count: number): void {
    const { sweep } = this;
    sweep.missed += count;
    if (count > 0) sweep.causes[cause] = (sweep.causes[cause] ?? 0) + count;
  }

  /** Makes tasks of all differences since the last time. Rejects with `StorageError`. */
  async submit(): Promise<void> {
    const different = [...this.#different];
    this.#different.clear();
    for (const [cause, wanted] of different) await this.#enqueue(wanted, cause);
  }

  async #enqueue(wanted: Entry['wanted'], cause: Cause | undefined): Promise<void> {
    if (this.sweep.dryRun) return void (this.sweep.enqueued += wanted.length);
    const common = { door: 'sweep', force: false, wantedAt: this.#options.now(), wanted } as const;
    const entry = cause === undefined ? common : { ...common, cause };
    const { created } = await submitInBatches(this.#options.submit, entry);
    this.sweep.enqueued += wanted.length;
    if (cause !== undefined) this.missed(cause, created);
  }
}
