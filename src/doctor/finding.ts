/** What a check has to say of one thing that it looked at. */
export interface Finding {
  status: Status;
  /** A stable word for programs: `ok`, or which of the check's findings it is. */
  code: string;
  /** What was seen. */
  saw: string;
  /** What that means for the mirror. */
  means?: string;
  /** What to do, in the order in which it is best tried; each is complete as it stands. */
  next?: readonly string[];
  /** Of what is skipped for another check: the one that says why. */
  see?: string;
}

export const statuses = ['ok', 'warn', 'error', 'skipped'] as const;
export type Status = (typeof statuses)[number];

/** A finding with its place in the report. */
export interface Examined extends Finding {
  /** Which check it is; stable. */
  check: string;
  /** Its place among the nineteen checks of ACR EE, where it has one. */
  number?: number;
  /** The registry's name in the configuration, or `configuration`. */
  subject: string;
}

/** The code of what has not been answered in time. */
export const noAnswer = 'no-answer';

export function ok(saw: string): Finding {
  return { status: 'ok', code: 'ok', saw };
}

export function skipped(code: string, saw: string): Finding {
  return { status: 'skipped', code, saw };
}

/** What another check says keeps this one from being made. */
export function depends(check: string): Finding {
  return { ...skipped('depends', `see the check ${check}`), see: check };
}

type Rest = Pick<Finding, 'saw' | 'means' | 'next'>;

export function warn(code: string, rest: Rest): Finding {
  return { status: 'warn', code, ...rest };
}

export function error(code: string, rest: Rest): Finding {
  return { status: 'error', code, ...rest };
}
