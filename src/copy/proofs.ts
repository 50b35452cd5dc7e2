/**
 * What a destination repository has shown: that a tag reads back as it was written. From then on, where its answer to the
 * write names the digest, that is enough for whoever shares this.
 */
export class Proofs {
  #isProven = false;
  #reading: Promise<boolean> | undefined;

  /** Whether a tag has read back right; waits for the one that is being read back. */
  async suffice(): Promise<boolean> {
    return this.#isProven || (await this.#reading) === true;
  }

  /** A tag is read back; `reading` rejects where it is wrong, and so does this. */
  async learn(reading: Promise<void>): Promise<void> {
    this.#reading = reading.then(
      () => true,
      () => false,
    );
    await reading;
    this.#isProven = true;
  }
}
