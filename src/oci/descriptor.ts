import type { Digest } from './digest.ts';

/** Names content: what it is, its digest and its length in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Where else the content may be had; only foreign layers have it. Never followed. */
  readonly urls?: readonly string[];
  /** Of an index's manifest. */
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}
