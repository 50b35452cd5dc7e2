import { RegistryError } from '../copy/error.ts';
import { accountName, NotPermitted } from '../harbor/permission.ts';
import type { Policies } from '../harbor/policies.ts';
import { differencesOf, shownAddress, shownName, sorted, stepFor } from '../harbor/webhook.ts';
import type { Difference, PolicyBody, Step, WantedWebhook, WebhookPolicy } from '../harbor/webhook.ts';
import { secretPlaceholder } from './webhook-report.ts';
import type { ByHand, OtherPolicy, ProjectReport, WebhookAction } from './webhook-report.ts';

export interface ProjectOptions {
  registry: string;
  /** Of the registry. */
  origin: string;
  /** As whom it is asked. */
  username: string | undefined;
  webhooks: Policies;
  wanted: WantedWebhook;
  dryRun: boolean;
  redact: (text: string) => string;
  signal: AbortSignal;
}

type Done = Omit<ProjectReport, 'registry' | 'project'>;

/** The webhook policies of one project: what is to be done is decided by what is there, and then done. */
export class ProjectWebhooks {
  readonly #options: ProjectOptions;
  readonly #project: string;
  /** What is being asked for, should it be refused. */
  #asking: ByHand | undefined;

  constructor(project: string, options: ProjectOptions) {
    this.#project = project;
    this.#options = options;
  }

  /** Its failure is in the report. */
  async carryOut(action: WebhookAction): Promise<ProjectReport> {
    const place = { registry: this.#options.registry, project: this.#project };
    try {
      return { ...place, ...(await this[action]()) };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      return { ...place, ...this.#failure(error) };
    }
  }

  async install(): Promise<Done> {
    const { webhooks, wanted, signal } = this.#options;
    // Without a look at what is there, a new one is what would be made.
    this.#asking = this.#handOf(stepFor([], wanted));
    const policies = await webhooks.list(this.#project, signal);
    const step = stepFor(policies, wanted);
    this.#asking = this.#handOf(step);
    if (!this.#options.dryRun) await this.#take(step);
    const name = shownName(step.do === 'create' ? step.body : step.policy);
    return { ...doneBy(step), policies: [name], others: othersOf(policies, wanted) };
  }

  async remove(): Promise<Done> {
    const { webhooks, wanted, dryRun, signal } = this.#options;
    const policies = await webhooks.list(this.#project, signal);
    const { ours, doubles } = sorted(policies, wanted);
    const mine = [...(ours ? [ours] : []), ...doubles];
    for (const { id } of dryRun ? [] : mine) {
      this.#asking = { method: 'DELETE', url: this.#urlOf(id) };
      await webhooks.remove(this.#project, id, signal);
    }
    return {
      outcome: mine.length > 0 ? 'removed' : 'unchanged',
      policies: mine.map(shownName),
      differences: [],
      others: othersOf(policies, wanted).filter(({ kind }) => kind !== 'double'),
    };
  }

  async list(): Promise<Done> {
    const { webhooks, wanted, signal } = this.#options;
    const policies = await webhooks.list(this.#project, signal);
    const last = await this.#lastEvents();
    const { ours } = sorted(policies, wanted);
    const names = new Map(policies.map(({ id, name }) => [id, name]));
    const others = othersOf(policies, wanted).map((one) => ({ ...one, lastEvent: last(names.get(one.id)) }));
    if (ours === undefined) return { outcome: 'missing', policies: [], differences: [], others };
    const differences = differencesOf(ours, wanted).map(written);
    const outcome = differences.length === 0 ? 'right' : 'wrong';
    return { outcome, policies: [shownName(ours)], differences, lastEvent: last(ours.name), others };
  }

  /** Of one that may not be known nothing is told. */
  async #lastEvents(): Promise<(name: string | undefined) => string | null> {
    const { webhooks, signal } = this.#options;
    const newest = await webhooks.lastTriggers(this.#project, signal).catch((error: unknown) => {
      if (error instanceof NotPermitted) return new Map<string, number>();
      throw error;
    });
    return (name = '') => {
      const at = newest.get(name) ?? 0;
      return at === 0 ? null : new Date(at).toISOString();
    };
  }

  async #take(step: Step): Promise<void> {
    const { webhooks, signal } = this.#options;
    if (step.do === 'create') await webhooks.create(this.#project, step.body, signal);
    if (step.do === 'correct') await webhooks.replace(this.#project, step.policy.id, step.body, signal);
  }

  #failure(error: unknown): Done {
    const { username, redact } = this.#options;
    const nothing = { outcome: 'failed', policies: [], differences: [], others: [] } as const;
    if (error instanceof NotPermitted) {
      const { permission, project } = error;
      const message = `${accountName(username)} needs ${permission} in project ${project}`;
      return { ...nothing, permission, message, ...(this.#asking && { byHand: this.#asking }) };
    }
    if (!(error instanceof RegistryError)) throw error;
    return { ...nothing, message: redact(error.message + adviceFor(error, this.#asking)) };
  }

  #handOf(step: Step): ByHand | undefined {
    if (step.do === 'nothing') return undefined;
    const body = withPlaceholder(step.body);
    if (step.do === 'create') return { method: 'POST', url: this.#urlOf(), body };
    return { method: 'PUT', url: this.#urlOf(step.policy.id), body };
  }

  #urlOf(id?: number): string {
    const policies = `${this.#options.origin}/api/v2.0/projects/${this.#project}/webhook/policies`;
    return id === undefined ? policies : `${policies}/${id}`;
  }
}

function doneBy(step: Step): Pick<Done, 'outcome' | 'differences'> {
  switch (step.do) {
    case 'create':
      return { outcome: 'created', differences: [] };
    case 'correct':
      return { outcome: 'corrected', differences: step.differences.map(written) };
    case 'nothing':
      return { outcome: 'unchanged', differences: [] };
  }
}

function written({ member, got, wanted }: Difference): string {
  return `${member}: ${got} -> ${wanted}`;
}

function othersOf(policies: readonly WebhookPolicy[], wanted: WantedWebhook): OtherPolicy[] {
  const { doubles, shared, others } = sorted(policies, wanted);
  return [
    ...doubles.map((policy) => otherOf('double', policy)),
    ...shared.map((policy) => otherOf('shared', policy)),
    ...others.map((policy) => otherOf('other', policy)),
  ];
}

function otherOf(kind: OtherPolicy['kind'], policy: WebhookPolicy): OtherPolicy {
  const { id, targets } = policy;
  const name = shownName(policy);
  const shown = targets.slice(0, 3).map(({ address }) => shownAddress(address));
  const more = targets.length > shown.length ? [`and ${targets.length - shown.length} more`] : [];
  return { id, name, address: [...shown, ...more].join(', '), kind };
}

function withPlaceholder(body: PolicyBody): PolicyBody {
  const [target] = body.targets;
  if (target.auth_header === undefined) return body;
  return { ...body, targets: [{ ...target, auth_header: secretPlaceholder }] };
}

/** A policy is asked for once; whether it was made before the answer was lost, is seen by looking again. */
function adviceFor({ status, fault }: RegistryError, asked: ByHand | undefined): string {
  if (status === 409) return '; somebody has made one meanwhile: run this again';
  const isLost = fault === 'unreachable' || fault === 'timeout';
  return isLost && asked?.method === 'POST'
    ? '; run this again: what has been made by then is not made twice'
    : '';
}
