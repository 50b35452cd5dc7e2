import { z } from 'zod';
import { printable } from '../printable.ts';
import * as answer from './answer.ts';
import type { Api } from './api.ts';
import { counted, pageOf } from './pages.ts';
import { pathOf } from './path.ts';
import { needing } from './permission.ts';
import type { PolicyBody, WebhookPolicy } from './webhook.ts';
import { attempt, lastTrigger, webhookPolicy } from './webhook-answer.ts';

/** The newest deliveries of a policy. */
export interface RecentDeliveries {
  /** How many were looked at. */
  looked: number;
  /** Those that were given up, the newest first. */
  lost: readonly { id: number; startedAt: number }[];
  /** When the newest began that has arrived; 0 when none has. */
  arrivedAt: number;
}

const recent = '50';

/** Each of a hundred policies, of which a project has a few. */
const maxPages = 10;

/** Characters of Harbor's own words: our answer to it, which is in them, may be any page. */
const maxWords = 400;

/**
 * Webhook policies of projects, in full. Every method throws `NotPermitted` where the account lacks the permission, and
 * `RegistryError`.
 */
export class Policies {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  list(project: string, signal?: AbortSignal): Promise<WebhookPolicy[]> {
    const query = { sort: 'id' };
    const list = { path: policiesOf(project), query, row: webhookPolicy, maxPages, signal };
    return needing('notification-policy:list', project, counted(this.#api, list));
  }

  /** Sent once: when its answer is lost, the policy may be there all the same. */
  create(project: string, body: PolicyBody, signal?: AbortSignal): Promise<void> {
    const call = { method: 'POST', path: policiesOf(project), body, expect: [201] } as const;
    return needing('notification-policy:create', project, this.#api.write(call, signal));
  }

  /** Replaces the whole policy: a member that is left out is gone. */
  replace(project: string, id: number, body: PolicyBody, signal?: AbortSignal): Promise<void> {
    const call = { method: 'PUT', path: `${policiesOf(project)}/${id}`, body, expect: [200] } as const;
    return needing('notification-policy:update', project, this.#api.write(call, signal));
  }

  /** Also when it is gone already. */
  remove(project: string, id: number, signal?: AbortSignal): Promise<void> {
    const call = { method: 'DELETE', path: `${policiesOf(project)}/${id}`, expect: [200, 404] } as const;
    return needing('notification-policy:delete', project, this.#api.write(call, signal));
  }

  /** When the newest event of each policy was, by its name; 0: there was none. */
  async lastTriggers(project: string, signal?: AbortSignal): Promise<Map<string, number>> {
    const asked = this.#api.get(`${pathOf(project)}/webhook/lasttrigger`, {}, z.array(lastTrigger), signal);
    const { value } = await needing('notification-policy:read', project, asked);
    const newest = new Map<string, number>();
    for (const { policy_name: name, last_trigger_time: at } of value)
      newest.set(name, Math.max(newest.get(name) ?? 0, at));
    return newest;
  }

  /** Harbor may ignore a condition on the status, so that the newest of all are asked for. */
  async deliveries(project: string, policy: number, signal?: AbortSignal): Promise<RecentDeliveries> {
    const query = { page: '1', page_size: recent, sort: '-id' };
    const asked = this.#api.get(executionsOf(project, policy), query, pageOf(answer.execution), signal);
    const { value } = await needing('notification-policy:read', project, asked);
    const of = (status: string) => value.filter((row) => row.status === status);
    const lost = of('Error').map(({ id, start_time: startedAt }) => ({ id, startedAt }));
    return { looked: value.length, lost, arrivedAt: of('Success')[0]?.start_time ?? 0 };
  }

  /** Harbor's own words for why a delivery was given up; empty where its log is gone, or says nothing. */
  async whyLost(project: string, policy: number, delivery: number, signal?: AbortSignal): Promise<string> {
    const path = `${executionsOf(project, policy)}/${delivery}/tasks`;
    const tasks = this.#api.get(path, { sort: '-id' }, pageOf(attempt), signal);
    const { value } = await needing('notification-policy:read', project, tasks);
    const [last] = value;
    if (last === undefined) return '';
    const { text } = await this.#api.look(`${path}/${last.id}/log`, [200, 404], signal);
    return errorIn(text);
  }
}

/** Characters at the end of a log that are looked at: it is one delivery's, and its error comes last. */
const maxLog = 64 * 1024;

/**
 * The log has the whole event in it, and the target's whole address: only the error is taken, and no query. No step of it looks
 * at a character more than a few times, whatever the log holds.
 */
function errorIn(log: string): string {
  const errors = log.slice(-maxLog).split('\n').map(errorOf);
  const last = errors.findLast((said) => said !== undefined) ?? '';
  const shown = last.replace(/^error to send request: /, '').replace(/"(https?:\/\/[^"]*)"?/g, addressIn);
  return printable(shown, maxWords);
}

function errorOf(line: string): string | undefined {
  const [begin, what] = [line.indexOf('[ERROR]'), 'error: '];
  const at = begin < 0 ? -1 : line.indexOf(what, begin);
  return at < 0 ? undefined : line.slice(at + what.length);
}

/** Without user and query; what was cut off may lack the quotation mark at its end. */
function addressIn(_: string, address: string): string {
  const [scheme = ''] = address.split('//', 1);
  const [place = ''] = address.slice(scheme.length + 2).split(/[?#]/, 1);
  const path = place.indexOf('/');
  const host = place.slice(0, path < 0 ? place.length : path);
  return `${scheme}//${host.slice(host.lastIndexOf('@') + 1)}${path < 0 ? '' : place.slice(path)}`;
}

function policiesOf(project: string): string {
  return `${pathOf(project)}/webhook/policies`;
}

function executionsOf(project: string, policy: number): string {
  return `${policiesOf(project)}/${policy}/executions`;
}
