import { createHash, type Hash } from 'node:crypto';

export type Algorithm = 'sha256' | 'sha512';

/** Names content by its hash: the algorithm, a colon, lower-case hexadecimal of the algorithm's length. */
export type Digest = `${Algorithm}:${string}`;

const grammar = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return grammar.test(text);
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  const digester = new Digester(algorithm);
  digester.update(bytes);
  return digester.digest();
}

/** Computes the digest of content that arrives in pieces. `digest()` ends it. */
export class Digester {
  readonly #algorithm: Algorithm;
  readonly #hash: Hash;

  constructor(algorithm: Algorithm, hash = createHash(algorithm)) {
    this.#algorithm = algorithm;
    this.#hash = hash;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Of what has come so far; the two go on apart. */
  copy(): Digester {
    return new Digester(this.#algorithm, this.#hash.copy());
  }

  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest('hex')}`;
  }
}
