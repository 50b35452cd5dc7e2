/** The database file cannot be used as it is: says which file, what is wrong, and what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly file: string;

  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`database ${file}: ${problem}`, options);
    this.file = file;
  }
}

/** A caller asked for a change that the state of a row does not allow: a mistake in the program. */
export class TransitionError extends Error {
  override readonly name = 'TransitionError';
}
