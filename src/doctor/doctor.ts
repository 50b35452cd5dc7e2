import type { Clock } from '../clock.ts';
import type { Examined, Status } from './finding.ts';
import { statuses } from './finding.ts';

/** Milliseconds for all checks together: with the start of the program, and answers that have to be read, ten seconds. */
const patience = 7_500;

export interface Report {
  startedAt: string;
  seconds: number;
  counts: Record<Status, number>;
  checks: readonly Examined[];
}

/** The checks of one subject, once there is a signal that ends them. */
export type Examination = (signal: AbortSignal) => Promise<readonly Examined[]>;

/** Makes all examinations at once, and gives up what has not come to its end in time since `startedAt`. */
export async function doctor(
  examinations: readonly Examination[],
  { clock, startedAt, stop }: { clock: Clock; startedAt: number; stop?: AbortSignal | undefined },
): Promise<Report> {
  const over = new AbortController();
  const timer = clock.after(startedAt + patience - clock.now(), () =>
    over.abort(new Error(`${patience / 1000} s have passed`)),
  );
  const signal = stop === undefined ? over.signal : AbortSignal.any([over.signal, stop]);
  try {
    const checks = (await Promise.all(examinations.map((examine) => examine(signal)))).flat();
    const seconds = (clock.now() - startedAt) / 1000;
    return { startedAt: new Date(startedAt).toISOString(), seconds, counts: countsOf(checks), checks };
  } finally {
    timer.cancel();
    over.abort(new Error('the report is made'));
  }
}

function countsOf(checks: readonly Examined[]): Report['counts'] {
  const count = (status: Status): number => checks.filter((one) => one.status === status).length;
  const [ok, warn, error, skipped] = statuses.map(count);
  return { ok: ok ?? 0, warn: warn ?? 0, error: error ?? 0, skipped: skipped ?? 0 };
}
