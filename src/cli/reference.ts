import { parseRepositoryTag } from '../oci/reference.ts';
import { UsageError } from './exit.ts';

/** The `REPOSITORY[:TAG]` of a command. */
export function referenceOf(text: string): { repository: string; tag?: string } {
  try {
    return parseRepositoryTag(text);
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
