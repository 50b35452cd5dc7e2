import { loadSyncConfig } from '../../src/imagesyncer/load.ts';
import type { Defaults } from '../../src/imagesyncer/default-destination.ts';
import type { Clock } from '../../src/clock.ts';
import { EmbeddedRegistry, type RegistryOptions } from '../../src/demo/registry/registry.ts';
import { createLog } from '../../src/log.ts';
import { startSync, type Syncing, type SyncOptions } from '../../src/main/sync.ts';
import { writeFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
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
  defaults?: Defaults;
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

/** A run in this process, with the lines of its log. */
export async function sync(
  t: TestContext,
  given: Given,
  options: Partial<SyncOptions> = {},
  clock?: Clock,
): Promise<Syncing & { lines: string[]; onLine: (listener: (line: string) => void) => void }> {
  const config = loadSyncConfig({ config: await writeConfig(t, given) }, given.defaults ?? {}, {});
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      const line = String(chunk).trimEnd();
      lines.push(line);
      for (const listener of listeners) listener(line);
      done();
    },
  });
  const plain = { proc: 2, retries: 0, platforms: undefined, force: false, strict: false, dryRun: false };
  const all = { ...plain, state: undefined, env: {}, ...options, config };
  const running = startSync(
    all,
    createLog({ level: 'info', format: 'logrus', stream }, config.secrets),
    clock,
  );
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
