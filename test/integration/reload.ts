import { readFile, writeFile } from 'node:fs/promises';
import type { Received } from '../support/http.ts';
import type { Ending } from '../support/temporary.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Side, startSide } from './harbor-stand.ts';
import { type Edit, type Mirror, ends, serve, writeExample } from './mirror.ts';

/** A mirror between two registries, and the file of its configuration. */
export interface ReloadStand {
  harbor: Side;
  acr: Side;
  file: string;
  mirror: Mirror;
  /** Replaces texts of the file, each of which has to be in it. */
  edit(...edits: readonly Edit[]): Promise<void>;
  /** SIGHUP; the line that says what came of it. */
  hangUp(): Promise<Record<string, unknown>>;
  /** `POST /api/v1/reload`. */
  reload(): Promise<Received>;
}

/** A second rule behind the example's: `team/**` to `NAME/{flat}`. */
export function secondRule(name: string): Edit {
  const lines = [
    `  - name: ${name}`,
    '    source: harbor',
    "    repositories: ['team/**']",
    '    destination: acr',
    `    repository: ${name}/{flat}`,
  ];
  return ['webhook: #', `${lines.join('\n')}\nwebhook: #`];
}

export async function startReloadStand(t: Ending, edits: readonly Edit[] = []): Promise<ReloadStand> {
  const [harbor, acr] = [await startSide(t), await startSide(t)];
  const noSweep = ['onStart: true', 'onStart: false'] as const;
  const file = await writeExample(await temporaryFolder(t), [...ends(harbor, acr), noSweep, ...edits]);
  return { harbor, acr, file, ...(await controlled(t, file)) };
}

/** Starts `serve` with the file, and what a test does with both. */
export async function controlled(
  t: Ending,
  file: string,
): Promise<Pick<ReloadStand, 'mirror' | 'edit' | 'hangUp' | 'reload'>> {
  const mirror = await serve(t, file);
  return {
    mirror,
    edit: (...edits) => editFile(file, edits),
    reload: () => mirror.api('POST', '/reload'),
    async hangUp() {
      const before = told(mirror).length;
      mirror.kill('SIGHUP');
      return eventually('the end of a reload', () => told(mirror)[before]);
    },
  };
}

export async function editFile(file: string, edits: readonly Edit[]): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const [old, instead] of edits) {
    if (!text.includes(old)) throw new RangeError(`the file has no text ${JSON.stringify(old)}`);
    text = text.replace(old, () => instead);
  }
  await writeFile(file, text);
}

/** Lines about reloads. */
export function told(mirror: Mirror): Record<string, unknown>[] {
  return mirror.log().filter(({ message }) => String(message).startsWith('configuration '));
}
