import type { Digest } from '../oci/digest.ts';

/** What is uploaded, and to where. The registry goes by its origin: under another address it is another one. */
export interface UploadKey {
  readonly origin: string;
  readonly repository: string;
  readonly digest: Digest;
}

/** An upload session as its registry last told it. Whoever knows the location may write there: it is shown nowhere. */
export interface KeptSession {
  readonly location: string;
  /** Bytes that the registry has. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly keptAt: number;
}

/** Upload sessions that outlive the process. Nothing here fails an upload: what is not kept is sent again. */
export interface UploadSessions {
  find(key: UploadKey): KeptSession | undefined;
  /** Instead of what was kept under the key. */
  keep(key: UploadKey, session: KeptSession): void;
  forget(key: UploadKey): void;
}

/** Keeps nothing. */
export const noSessions: UploadSessions = {
  find: () => undefined,
  keep: () => undefined,
  forget: () => undefined,
};
