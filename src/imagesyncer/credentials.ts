import type { Environment } from '../config.ts';
import { expandCredential } from './expand.ts';
import { fieldOf, mappingOf, warnOfSlips, type SyncFile } from './file.ts';
import type { Findings } from './findings.ts';
import { isRegistry } from './place.ts';
import { isNothing, typeOf, type Entry, type Mapping } from './written.ts';

/** What `auth` says of a registry or of repositories in it. Of user name and password there are both or none. */
export interface SyncCredential {
  username?: string;
  password?: string;
  /** TLS is not verified, and plain HTTP is tried when HTTPS has failed. */
  insecure: boolean;
}

/** The credentials of `auth`, by registry or any path below it. */
export class Credentials {
  readonly #byKey: ReadonlyMap<string, SyncCredential>;

  constructor(byKey: ReadonlyMap<string, SyncCredential>) {
    this.#byKey = byKey;
  }

  /** Registries that have a key of their own or for a part of them. */
  get registries(): string[] {
    return [...new Set([...this.#byKey.keys()].map((key) => key.split('/', 1).join('')))];
  }

  /** That of the longest key which is the registry, or the registry and the first parts of the repository. */
  find(registry: string, repository: string): SyncCredential | undefined {
    const name = normalise(`${registry}/${repository}`);
    for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) {
      const found = this.#byKey.get(name.slice(0, end));
      if (found !== undefined) return forRegistry(registry, found);
    }
    return undefined;
  }

  /** Passwords, and how they look in an `Authorization` header. */
  get secrets(): string[] {
    const secrets = [...this.#byKey].flatMap(([key, found]) => {
      const { username, password } = forRegistry(key.split('/', 1).join(''), found);
      if (password === undefined) return [];
      return [password, Buffer.from(`${username}:${password}`).toString('base64')];
    });
    return [...new Set(secrets)];
  }
}

/**
 * A user name of image-syncer's own: it changes the key for a token first. Google's registries take the same key as it
 * is, under a name of theirs: https://cloud.google.com/artifact-registry/docs/docker/authentication#json-key
 */
function forRegistry(registry: string, credential: SyncCredential): SyncCredential {
  const isGoogle = registry === 'gcr.io' || registry.endsWith('.gcr.io');
  return isGoogle && credential.username === '_oauth2_'
    ? { ...credential, username: '_json_key_base64' }
    : credential;
}

/** A registry's name is the same in capitals; a slash at the end means nothing. */
function normalise(key: string): string {
  return key.replace(/^[^/]*/, (registry) => registry.toLowerCase()).replace(/(?<!\/)\/+$/, '');
}

/** Where the texts of a credential come from. `env`: the variables that may stand in them, in `--auth` only. */
export interface CredentialContext {
  file: SyncFile;
  env: Environment | undefined;
  findings: Findings;
}

/** Whatever has the wrong type aborts the run. No message holds a value. */
export function readCredentials(auth: Mapping | undefined, context: CredentialContext): Credentials {
  const byKey = new Map<string, SyncCredential>();
  for (const entry of auth?.entries.values() ?? []) {
    const key = normalise(entry.key);
    const credential = readCredential(entry, context);
    if (!canMatch(entry, context) || credential === undefined) continue;
    if (byKey.has(key)) warn(entry, 'means the same as another key: the last one counts', context);
    byKey.set(key, credential);
  }
  return new Credentials(byKey);
}

function canMatch(entry: Entry, context: CredentialContext): boolean {
  const [first = '', ...path] = normalise(entry.key).split('/');
  if (entry.key.includes('://'))
    warn(entry, 'never matches, for it has a scheme: write HOST[:PORT], or that and a path', context);
  else if (!isRegistry(first))
    warn(entry, 'never matches: a key begins with HOST[:PORT], and Docker Hub is docker.io', context);
  else if (/[:@]/.test(path.at(-1) ?? ''))
    warn(entry, 'never matches: a key ends with the repository, without a tag', context);
  else return true;
  return false;
}

function readCredential(entry: Entry, context: CredentialContext): SyncCredential | undefined {
  const { file, findings } = context;
  const mapping = mappingOf(entry.value, `${named(entry)}:`, file.name, findings);
  if (mapping === undefined) return undefined;
  warnOfSlips(mapping, ['username', 'password', 'insecure'], file.name, findings);
  const username = readText(entry, mapping, 'username', context);
  const password = readText(entry, mapping, 'password', context);
  const insecure = readFlag(entry, mapping, context);
  if (username !== undefined && password !== undefined) return { username, password, insecure };
  if (username !== undefined || password !== undefined) {
    const [there, missing] = username === undefined ? ['password', 'username'] : ['username', 'password'];
    warn(entry, `has a ${there} without a ${missing}: it is used without both, anonymously`, context);
  }
  return { insecure };
}

/** `undefined` for an empty one, too. */
function readText(
  entry: Entry,
  mapping: Mapping,
  name: 'username' | 'password',
  { file, env, findings }: CredentialContext,
): string | undefined {
  const field = fieldOf(mapping, name, file.name, findings);
  if (field === undefined) return undefined;
  const { value, line } = field;
  if (value.kind !== 'scalar' || (value.text === undefined && !isNothing(value))) {
    findings.abort(
      `${named(entry)}: ${name} should be a text in quotes, got ${typeOf(value)}`,
      file.name,
      line,
    );
    return undefined;
  }
  const written = value.text ?? '';
  const { text, isUnset } =
    env === undefined ? { text: written, isUnset: false } : expandCredential(written, env);
  if (isUnset)
    findings.warn(
      `${named(entry)}: ${name} refers to an environment variable that is not set: it is used as it is written`,
      file.name,
      line,
    );
  return text === '' ? undefined : text;
}

function readFlag(entry: Entry, mapping: Mapping, { file, findings }: CredentialContext): boolean {
  const field = fieldOf(mapping, 'insecure', file.name, findings);
  if (field === undefined || isNothing(field.value)) return false;
  const { value, line } = field;
  if (value.kind === 'scalar' && value.type === 'boolean') return isTrue(value.source);
  const expected = 'insecure should be true or false, without quotes';
  findings.abort(`${named(entry)}: ${expected}, got ${typeOf(value)}`, file.name, line);
  return false;
}

/** In the words of YAML 1.1. */
function isTrue(source: string): boolean {
  return /^(?:y|yes|true|on)$/i.test(source);
}

function warn(entry: Entry, message: string, { file, findings }: CredentialContext): void {
  findings.warn(`${named(entry)} ${message}`, file.name, entry.line);
}

function named(entry: Entry): string {
  return `auth of ${shownKey(entry.key)}`;
}

/** A key may have been written as a URL with a password in it. */
function shownKey(key: string): string {
  return JSON.stringify(key.replace(/^.*@/s, '***@').slice(0, 200));
}
