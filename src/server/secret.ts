import { hash, timingSafeEqual } from 'node:crypto';

/**
 * Whether a header's value is one of the secrets, in a time that tells nothing about them: digests have equal
 * length, and all of them are compared whichever fits. `secrets` gives those that count now, the same list as long as they
 * are the same.
 */
export function secretCheck(secrets: () => readonly string[]): (header: string | undefined) => boolean {
  let known: { secrets: readonly string[]; digests: Buffer[] } = { secrets: [], digests: [] };

  function digests(): Buffer[] {
    const now = secrets();
    if (now !== known.secrets)
      known = { secrets: now, digests: now.map((secret) => digest(Buffer.from(secret))) };
    return known.digests;
  }

  return function isKnown(header) {
    if (header === undefined) return false;
    // Node reads header bytes as Latin-1; the sender wrote the secret's own bytes, UTF-8 as in ours.
    const given = digest(Buffer.from(header, 'latin1'));
    let found = false;
    for (const secret of digests()) found = timingSafeEqual(secret, given) || found;
    return found;
  };
}

function digest(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}
