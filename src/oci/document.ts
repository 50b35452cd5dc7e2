import { z } from 'zod';
import { isDigest } from './digest.ts';
import { jsonOf } from './json.ts';

/** The bytes are not the manifest that they were said to be. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** Far above what any tool makes (an image has up to 127 layers), far below what would hurt. */
export const maxSuccessors = 10_000;

/** A digest as a member of a document. */
export const digestMember = z.string().refine(isDigest, {
  error: ({ input }) => `expected a sha256 or sha512 digest, got ${brief(String(input))}`,
});

/** Reads what a document says, by a schema of the members that matter. Throws `ManifestError`. */
export function readDocument<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  const json = parseJson(bytes);
  refuseTooMany(json);
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join('.') || 'document';
  throw new ManifestError(`manifest: ${brief(path)}: ${issue?.message ?? 'not valid'}`);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return jsonOf(bytes);
  } catch (cause) {
    throw new ManifestError(`manifest: expected JSON, got ${bytes.length} bytes of something else`, {
      cause,
    });
  }
}

/** Before anything else looks at them: a million broken descriptors would make millions of complaints. */
function refuseTooMany(json: unknown): void {
  const lists = typeof json === 'object' && json !== null ? Object.values(json).filter(Array.isArray) : [];
  const count = lists.reduce((sum, list) => sum + list.length, 0);
  if (count > maxSuccessors)
    throw new ManifestError(`manifest: expected at most ${maxSuccessors} descriptors, got ${count}`);
}

/** Of others' text what fits into a message. */
export function brief(text: string): string {
  return text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?');
}
