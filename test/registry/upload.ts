import type { Bytes } from '../../src/copy/repository.ts';
import { type Blob, layer } from '../support/image.ts';
import type { Stand } from './stand.ts';

/** The blob that is uploaded where nothing else is said. */
export const blob = layer('upload', 300_000);

/** More than the sockets between the two ends hold. */
export const large = layer('large', 8 * 1024 * 1024);

export const put = /^PUT .*uploads/;

/** Writes a blob to `c/d`; `from` is where it may be mounted from. */
export function write(
  { client }: Pick<Stand, 'client'>,
  open: () => Promise<Bytes>,
  from?: string,
  wanted: Blob = blob,
) {
  return client.repository('c/d', 'push').writeBlob(wanted.descriptor, open, { from });
}

/** How many sessions were begun, and how many given back. */
export function sessions({ seen }: Stand): [begun: number, cancelled: number] {
  return [seen(/^POST/).length, seen(/^DELETE/).length];
}
