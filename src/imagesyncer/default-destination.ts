import type { Environment } from '../config.ts';
import { isDigest } from '../oci/digest.ts';
import type { Credentials } from './credentials.ts';
import type { Findings } from './findings.ts';
import { parsePlace, type Place } from './place.ts';
import { shown, type Reference } from './reference.ts';

/** Where destinations that are "" go: `--registry` and `--namespace` of image-syncer until 2023. */
export interface Defaults {
  registry?: string | undefined;
  namespace?: string | undefined;
}

/** `undefined` without a registry. A flag beats its variable. */
export function defaultDestination(
  defaults: Defaults,
  env: Environment,
  findings: Findings,
): DefaultDestination | undefined {
  const registry = trimmed(defaults.registry) ?? trimmed(env['DEFAULT_REGISTRY']);
  const namespace = trimmed(defaults.namespace) ?? trimmed(env['DEFAULT_NAMESPACE']);
  if (registry !== undefined) return new DefaultDestination(registry, namespace, findings);
  // A variable may be there for others.
  if (trimmed(defaults.namespace) !== undefined)
    findings.abort(
      '--namespace is nothing without --registry: name the registry of the empty destinations, too',
    );
  return undefined;
}

function trimmed(text: string | undefined): string | undefined {
  const rest = text?.trim().replace(/(?<!\/)\/+$/, '');
  return rest === '' ? undefined : rest;
}

/** What destinations that are "" turn into. */
export class DefaultDestination {
  readonly #registry: string;
  /** Without it, whole repository names are kept. */
  readonly #namespace: string | undefined;
  readonly #findings: Findings;
  #isUsable: boolean | undefined;

  constructor(registry: string, namespace: string | undefined, findings: Findings) {
    this.#registry = registry;
    this.#namespace = namespace;
    this.#findings = findings;
  }

  /** The destination of one source, with the same references; `undefined` when that cannot be made for any. */
  of({ place, selection }: Reference): string | undefined {
    this.#isUsable ??= this.#check();
    if (!this.#isUsable) return undefined;
    const { repository } = place;
    const kept =
      this.#namespace === undefined
        ? repository
        : `${this.#namespace}/${repository.slice(repository.indexOf('/') + 1)}`;
    if (selection.kind !== 'listed') return `${this.#registry}/${kept}`;
    const separator = isDigest(selection.references[0] ?? '') ? '@' : ':';
    return `${this.#registry}/${kept}${separator}${selection.references.join(',')}`;
  }

  /** Once, before all rules fail for the same reason. */
  #check(): boolean {
    const name = [this.#registry, this.#namespace].filter((part) => part !== undefined).join('/');
    const why = mistakeIn(`${name}/x`);
    if (why === undefined) return true;
    const given = this.#namespace === undefined ? '--registry' : '--registry and --namespace';
    this.#findings.abort(`the default destination ${shown(name)} (${given}) cannot be used: ${why}`);
    return false;
  }
}

function mistakeIn(name: string): string | undefined {
  if (name.includes('://')) return 'leave out the scheme in front, and write HOST or HOST:PORT';
  try {
    return parsePlace(name).isImplied ? 'the registry is not HOST or HOST:PORT' : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** A host of ACR Enterprise Edition: INSTANCE-registry[-vpc].REGION.cr.aliyuncs.com */
const enterprise = /-registry(?:-vpc)?\.[a-z0-9-]+\.cr\.aliyuncs\.com(?::[0-9]+)?$/;

/**
 * The procedure that Alibaba Cloud publishes has the credential of an Enterprise Edition instance in its file, and the
 * Personal Edition of another region as default registry. `to`: the places that the default has made.
 */
export function checkEnterprise(to: readonly Place[], credentials: Credentials, findings: Findings): void {
  const anonymous = to.find(
    ({ registry, repository }) => credentials.find(registry, repository)?.username === undefined,
  );
  const instance = credentials.registries.find((registry) => enterprise.test(registry));
  if (anonymous === undefined || instance === undefined) return;
  const { registry } = anonymous;
  findings.abort(
    `the default registry ${registry} has no credential in auth, but ${instance} (ACR Enterprise Edition) has one: ` +
      `give --registry=${instance} if it is meant, else add ${registry} to auth`,
  );
}
