import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whatever calls back when a test is over: a test's context, or `{ after }` of `node:test` for a whole file. */
export interface Ending {
  after(end: () => void | Promise<void>): void;
}

export function makeTemporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tagferry-test-'));
}

export async function removeTemporary(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** A folder of its own, removed after the test. */
export async function temporaryFolder(t: Ending): Promise<string> {
  const folder = await makeTemporary();
  t.after(() => removeTemporary(folder));
  return folder;
}
