import type { Environment } from '../config.ts';
import { Credentials, readCredentials } from './credentials.ts';
import {
  checkEnterprise,
  defaultDestination,
  type DefaultDestination,
  type Defaults,
} from './default-destination.ts';
import type { FileMistake } from './error.ts';
import { fieldOf, mappingOf, readSyncFile, warnOfSlips, type SyncFile } from './file.ts';
import { Findings } from './findings.ts';
import type { SyncRule } from './pairs.ts';
import { readRules, type ReadRule } from './rules.ts';
import type { Mapping } from './written.ts';

/** image-syncer's three flags; an empty one is not given. */
export interface SyncFiles {
  /** One file with `auth` and `images`: the others are then not even opened. */
  config?: string | undefined;
  auth?: string | undefined;
  images?: string | undefined;
}

/** What image-syncer's files say. */
export interface SyncConfig {
  credentials: Credentials;
  /** In the file's order, one for each source and destination. */
  rules: readonly SyncRule[];
  /** One line each. */
  warnings: readonly string[];
  /** Each has cost its own rule: the others may run. */
  mistakes: readonly FileMistake[];
  /** For the log to keep out. */
  secrets: readonly string[];
}

/** Reads the files and asks no registry. Throws `SyncConfigError` with all mistakes where the run must be aborted. */
export function loadSyncConfig(files: SyncFiles, defaults: Defaults, env: Environment): SyncConfig {
  const findings = new Findings();
  const { auth, images } = readFiles(files, findings);
  const credentials = auth === undefined ? new Credentials(new Map()) : credentialsOf(auth, env, findings);
  const destination = defaultDestination(defaults, env, findings);
  const read = images === undefined ? [] : rulesOf(images, env, destination, findings);
  const byDefault = read.filter(({ isDefault }) => isDefault).map(({ rule }) => rule.to);
  checkEnterprise(byDefault, credentials, findings);
  const mistakes = findings.mistakes();
  const rules = read.map(({ rule }) => rule);
  if (rules.length + mistakes.length === 0)
    findings.warn('there is no rule: nothing is to do', images?.file.name);
  if (auth?.section === undefined)
    findings.warn('no credentials are given (auth): all registries are asked anonymously');
  else warnOfAnonymous(rules, credentials, findings);
  return { credentials, rules, warnings: findings.warnings, mistakes, secrets: credentials.secrets };
}

/** A mapping, in one of the files or the whole of it. */
interface Section {
  file: SyncFile;
  section: Mapping | undefined;
  /** Of a file of its own: environment variables may stand in credentials there. */
  isWhole: boolean;
}

interface Sections {
  auth?: Section | undefined;
  images?: Section | undefined;
}

function readFiles({ config, auth, images }: SyncFiles, findings: Findings): Sections {
  if (isGiven(config)) {
    if (isGiven(auth) || isGiven(images))
      findings.warn(
        '--auth and --images are ignored beside --config, as image-syncer does: give either it or them',
      );
    return sectionsOf(readSyncFile(config, findings), findings);
  }
  if (!isGiven(images))
    findings.abort(
      'neither config.json nor images.json is provided: give --config FILE, or --images FILE (and --auth FILE)',
    );
  return {
    auth: isGiven(auth) ? wholeOf(readSyncFile(auth, findings)) : undefined,
    images: isGiven(images) ? wholeOf(readSyncFile(images, findings)) : undefined,
  };
}

function isGiven(name: string | undefined): name is string {
  return name !== undefined && name !== '';
}

function wholeOf(file: SyncFile | undefined): Section | undefined {
  return file && { file, section: file.content, isWhole: true };
}

function sectionsOf(file: SyncFile | undefined, findings: Findings): Sections {
  if (file === undefined) return {};
  if (file.content) warnOfSlips(file.content, ['auth', 'images'], file.name, findings);
  const section = (name: string): Section => {
    const field = file.content && fieldOf(file.content, name, file.name, findings);
    return { file, section: field && mappingOf(field.value, name, file.name, findings), isWhole: false };
  };
  return { auth: section('auth'), images: section('images') };
}

function credentialsOf(
  { file, section, isWhole }: Section,
  env: Environment,
  findings: Findings,
): Credentials {
  return readCredentials(section, { file, env: isWhole ? env : undefined, findings });
}

function rulesOf(
  { file, section }: Section,
  env: Environment,
  given: DefaultDestination | undefined,
  findings: Findings,
): ReadRule[] {
  return readRules(section, { file: file.name, env, defaults: given, findings });
}

/** Once for a registry. */
function warnOfAnonymous(rules: readonly SyncRule[], credentials: Credentials, findings: Findings): void {
  const seen = new Set<string>();
  for (const { registry, repository } of rules.flatMap(({ from, to }) => [from, to])) {
    if (seen.has(registry) || credentials.find(registry, repository) !== undefined) continue;
    seen.add(registry);
    const host = registry.replace(/:[0-9]+$/, '');
    const near = credentials.registries.find((other) => other.replace(/:[0-9]+$/, '') === host);
    const hint =
      near === undefined || near === registry
        ? ''
        : `; ${near} is another one, for the port belongs to the key`;
    findings.warn(`auth has no key for ${registry}/${repository}: it is asked anonymously${hint}`);
  }
}
