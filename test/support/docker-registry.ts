import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Ending, makeTemporary, removeTemporary } from './temporary.ts';

export interface DockerRegistryOptions {
  /** PEM texts. */
  tls?: { key: string; cert: string };
  /** Whose tokens it takes: those that `rootCertificate`'s key has signed. */
  token?: { realm: string; service: string; issuer: string; rootCertificate: string };
  /** Refuses every manifest whose config is not an image's, as ACR's personal edition does. */
  imagesOnly?: boolean;
  /** Takes Docker's schema 1, too. */
  schema1?: boolean;
  /** Told of each request as it has been answered, by a line of the access log. */
  onAccess?: (line: string) => void;
}

export interface DockerRegistry {
  readonly url: string;
  readonly pid: number;
  /** Also called when the test ends. */
  stop(): Promise<void>;
}

/** The process ended, or did not say where it listens. */
export class DockerRegistryError extends Error {
  override readonly name = 'DockerRegistryError';
}

/**
 * Starts Debian's `docker-registry` (CNCF Distribution 2.8) with storage of its own. The system picks the
 * port, so two never meet; the process says which.
 */
export async function startDockerRegistry(
  t: Ending,
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry> {
  const folder = await makeTemporary();
  const child = await launch(folder, options);
  // Should this process die of an uncaught error, the child must not outlive it.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    await end(child);
    process.off('exit', kill);
    await removeTemporary(folder);
  };
  t.after(stop);
  if (options.onAccess && child.stdout) createInterface({ input: child.stdout }).on('line', options.onAccess);
  const address = await addressOf(child);
  return { url: `${options.tls ? 'https' : 'http'}://${address}`, pid: child.pid ?? 0, stop };
}

async function launch(folder: string, options: DockerRegistryOptions): Promise<ChildProcess> {
  const files = { 'tls.key': options.tls?.key, 'tls.crt': options.tls?.cert };
  const roots = { 'token.crt': options.token?.rootCertificate };
  for (const [name, content] of Object.entries({ ...files, ...roots }))
    if (content !== undefined) await writeFile(join(folder, name), content, { mode: 0o600 });
  const path = join(folder, 'config.yml');
  // JSON is YAML.
  await writeFile(path, JSON.stringify(configuration(folder, options)));
  return spawn('docker-registry', ['serve', path], {
    stdio: ['ignore', options.onAccess === undefined ? 'ignore' : 'pipe', 'pipe'],
    // Signs the state in an upload's Location; without it each start would make its own.
    env: { ...process.env, REGISTRY_HTTP_SECRET: 'not a secret' },
  });
}

function configuration(folder: string, options: DockerRegistryOptions) {
  const { tls, token, imagesOnly, schema1, onAccess } = options;
  const { rootCertificate: _, ...auth } = token ?? { rootCertificate: '' };
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: onAccess === undefined } },
    storage: {
      filesystem: { rootdirectory: join(folder, 'storage') },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: '127.0.0.1:0',
      ...(tls && { tls: { key: join(folder, 'tls.key'), certificate: join(folder, 'tls.crt') } }),
    },
    // Layers kept elsewhere are taken, wherever that is.
    validation: { manifests: { urls: { allow: ['^https?://'] } } },
    ...(token && { auth: { token: { ...auth, rootcertbundle: join(folder, 'token.crt') } } }),
    ...(schema1 && { compatibility: { schema1: { enabled: true } } }),
    ...(imagesOnly && { policy: { repository: { classes: ['image'] } } }),
  };
}

/** Reads its log until it says where it listens, and drains the rest, or the pipe would fill up and block it. */
async function addressOf(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const lines: string[] = [];
  createInterface({ input: logOf(child) }).on('line', (line) => {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address !== undefined) resolve(address);
    if (lines.push(line) > 20) lines.shift();
  });
  child.once('error', reject);
  child.once('close', (code) => {
    reject(new DockerRegistryError(`docker-registry ended with ${code} at its start:\n${lines.join('\n')}`));
  });
  return promise;
}

function logOf({ stderr }: ChildProcess): Readable {
  if (stderr) return stderr;
  throw new DockerRegistryError('docker-registry was started without a pipe for its log');
}

/** Milliseconds that a process has between being asked to stop and being killed. */
const patience = 5_000;

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  await ended;
  clearTimeout(timer);
}
