import { type Clock, systemClock } from '../../src/clock.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { EmbeddedRegistry, type RegistryOptions } from '../../src/demo/registry/registry.ts';
import { loadSyncConfig } from '../../src/imagesyncer/load.ts';
import { createLog } from '../../src/log.ts';
import { startSync, type Syncing, type SyncOptions } from '../../src/main/sync.ts';
import { logLines } from '../support/log-lines.ts';
import { temporaryFolder } from '../support/temporary.ts';

export async function startRegistry(
  t: TestContext,
  options: RegistryOptions = {},
): Promise<EmbeddedRegistry> {
  const registry = await EmbeddedRegistry.start(options);
  t.after(() => registry.close());
  return registry;
}

export function hostOf({ url }: { url: string }): string {
  return new URL(url).host;
}

export interface Given {
  images: unknown;
  /** Of the registries, by host; what is not told: insecure and anonymous. */
  auth?: Record<string, object>;
  registries?: readonly { url: string }[];
  /** An existing folder for the files. */
  folder?: string;
}

/** Writes a `--config` file and returns its path. */
export async function writeConfig(t: TestContext, given: Given): Promise<string> {
  const folder = given.folder ?? (await temporaryFolder(t));
  const insecure = (given.registries ?? []).map((registry) => [hostOf(registry), { insecure: true }]);
  const file = join(folder, 'sync.json');
  const auth = { ...Object.fromEntries(insecure), ...given.auth };
  writeFileSync(file, JSON.stringify({ auth, images: given.images }));
  return file;
}

/** Begins a run in this process, which a test may watch, and stop. */
export async function begin(
  t: TestContext,
  given: Given,
  options: Partial<SyncOptions> = {},
  clock: Clock = systemClock,
): Promise<Syncing & { lines: string[]; onLine: (listener: (line: string) => void) => void }> {
  const config = loadSyncConfig({ config: await writeConfig(t, given) }, {}, {});
  const listeners: ((line: string) => void)[] = [];
  const { stream, lines } = logLines((line) => {
    for (const listener of listeners) listener(line);
  });
  const plain = { proc: 2, retries: 0, platforms: undefined, force: false, strict: false, dryRun: false };
  const all = { ...plain, state: undefined, env: {}, ...options, config };
  const log = createLog({ level: 'info', format: 'logrus', stream }, config.secrets);
  const running = startSync(all, log, clock);
  t.after(async () => {
    running.stop();
    await running.report.catch(() => undefined);
  });
  const onLine = (listener: (line: string) => void) => void listeners.push(listener);
  return {
    get progress() {
      return running.progress;
    },
    report: running.report,
    stop: () => running.stop(),
    lines,
    onLine,
  };
}
