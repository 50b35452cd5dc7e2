/** Remembers the answers asked for most recently, at most `capacity`. */
export class Memo<Answer> {
  readonly #answers = new Map<string, Answer>();
  readonly #capacity: number;
  readonly #compute: (key: string) => Answer;

  constructor(capacity: number, compute: (key: string) => Answer) {
    this.#capacity = capacity;
    this.#compute = compute;
  }

  get size(): number {
    return this.#answers.size;
  }

  get(key: string): Answer {
    const answer = this.#answers.get(key) ?? this.#compute(key);
    // A Map keeps the order of insertion: what was asked for last goes to the end.
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (this.#answers.size > this.#capacity) this.#dropOldest();
    return answer;
  }

  #dropOldest(): void {
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      return;
    }
  }
}
