/** Exit codes of every command. */
export const exit = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command line cannot be carried out as it is written. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command has said everything; only its exit code is left. */
export class Ended extends Error {
  override readonly name = 'Ended';
  readonly code: number;

  constructor(code: number) {
    super(`ended with ${code}`);
    this.code = code;
  }
}
