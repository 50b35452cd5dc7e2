import { type Digest, isDigest } from './digest.ts';

/**
 * The digest that a classic cosign tag (`sha256-<hex>.sig`, `.att`, `.sbom`) belongs to; `undefined` for
 * every other tag. There is none for sha512: with its 128 digits the tag would be longer than a tag may be.
 */
export function companionOf(tag: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})\.(?:sig|att|sbom)$/.exec(tag)?.[1];
  const digest = `sha256:${hex ?? ''}`;
  return isDigest(digest) ? digest : undefined;
}
