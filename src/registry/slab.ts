/*
 * The buffers that a blob's bytes are gathered in. A new one for each chunk would be 4,096 for a GiB, all outside of V8's heap,
 * which then collects the whole of it again and again; so they go round. What is not given back is garbage like anything else.
 */

/** Bytes of one buffer. */
export const slabSize = 256 * 1024;

/** Kept for the next blob: what two of them use. */
const mostIdle = 16;

const idle: Buffer[] = [];
const made = new WeakSet<ArrayBufferLike>();

export function takeSlab(): Buffer {
  const slab = idle.pop() ?? Buffer.allocUnsafeSlow(slabSize);
  made.add(slab.buffer);
  return slab;
}

/** Only by who knows that nobody reads these bytes any more. Bytes of somebody else's are left alone. */
export function giveBack({ buffer }: Uint8Array): void {
  // Only what is out is known: given back twice, it would be two blobs' at once.
  if (made.delete(buffer) && idle.length < mostIdle) idle.push(Buffer.from(buffer));
}
