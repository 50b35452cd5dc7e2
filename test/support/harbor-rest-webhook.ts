import { buffer } from 'node:stream/consumers';
import { type Answer, empty, json } from '../../src/demo/registry/call.ts';
import { permitted } from './harbor-rest-answer.ts';
import type { Exchange } from './harbor-rest-answer.ts';
import type { StandExecution, StandPolicy } from './harbor-rest-content.ts';
import { Refused, conditionsOf, paged, refusal } from './harbor-rest-page.ts';

/* Webhook policies, to be read and written, and what became of their deliveries. */

export const eventTypes = [
  'PUSH_ARTIFACT',
  'PULL_ARTIFACT',
  'DELETE_ARTIFACT',
  'QUOTA_EXCEED',
  'QUOTA_WARNING',
  'SCANNING_FAILED',
  'SCANNING_STOPPED',
  'SCANNING_COMPLETED',
  'REPLICATION',
  'TAG_RETENTION',
];
const formats = ['Default', 'CloudEvents'];
const never = '0001-01-01T00:00:00.000Z';

export function events(exchange: Exchange): Answer {
  permitted(exchange, 'notification-policy:read', 'closed');
  const payload_formats = [{ formats, notify_type: 'http' }];
  return json(200, { event_type: eventTypes, notify_type: ['http', 'slack'], payload_formats });
}

export function policies(exchange: Exchange): Answer {
  const project = permitted(exchange, 'notification-policy:list', 'closed');
  const name = conditionsOf(exchange.call).get('name');
  const here = exchange.content.policies.filter(
    (policy) => policy.project === project && (name === undefined || policy.name === name),
  );
  return paged(exchange.call, here.toReversed(), policyRow);
}

export function policy(exchange: Exchange): Answer {
  permitted(exchange, 'notification-policy:read', 'closed');
  return json(200, policyRow(policyOf(exchange)));
}

/** As Go writes it: what is empty or false is left out. */
function policyRow({
  id,
  name,
  description,
  enabled,
  events,
  targets,
  project,
  createdAt,
  updatedAt,
}: StandPolicy) {
  return {
    creation_time: createdAt,
    ...(description !== '' && { description }),
    enabled,
    event_types: events,
    id,
    name,
    project_id: project.id,
    targets: targets.map((target) => Object.fromEntries(Object.entries(target).filter(([, value]) => value))),
    update_time: updatedAt ?? createdAt,
  };
}

export async function create(exchange: Exchange): Promise<Answer> {
  const project = permitted(exchange, 'notification-policy:create', 'closed');
  const { content, call } = exchange;
  const given = await readPolicy(exchange);
  const made = content.policy(project.name, given.name);
  // The sequence has gone on by then.
  const twin = content.policies.find((one) => one.project === project && one.name === given.name);
  if (twin !== made) {
    content.policies.splice(content.policies.indexOf(made), 1);
    return refusal(409, 'CONFLICT', `notification policy named ${given.name} already exists`);
  }
  Object.assign(made, given);
  return empty(201, { location: `${call.path}/${made.id}` });
}

/** Nothing of what was there stays, not even when it was made. */
export async function replace(exchange: Exchange): Promise<Answer> {
  permitted(exchange, 'notification-policy:update', 'closed');
  const found = policyOf(exchange);
  Object.assign(found, await readPolicy(exchange), { createdAt: never, updatedAt: new Date().toISOString() });
  return empty(200);
}

export function remove(exchange: Exchange): Answer {
  permitted(exchange, 'notification-policy:delete', 'closed');
  const { content } = exchange;
  const found = policyOf(exchange);
  content.policies.splice(content.policies.indexOf(found), 1);
  content.executions.splice(0, Infinity, ...content.executions.filter(({ policy }) => policy !== found));
  return empty(200);
}

function policyOf({ content, project, rest }: Exchange): StandPolicy {
  const found = content.policies.find(({ id }) => String(id) === rest);
  if (found === undefined)
    throw new Refused(refusal(404, 'NOT_FOUND', `notificationPolicy ${rest} not found`));
  if (found.project.name === project) return found;
  const where = `project id:${content.project(project).id}, webhook policy id: ${rest}`;
  throw new Refused(refusal(404, 'NOT_FOUND', `resource not found: ${where} not found`));
}

interface Given {
  name: string;
  description?: string;
  enabled?: boolean;
  event_types: string[];
  targets: Record<string, unknown>[];
}

async function readPolicy({
  call,
}: Exchange): Promise<Pick<StandPolicy, 'name' | 'description' | 'enabled' | 'events' | 'targets'>> {
  const given: Given = JSON.parse((await buffer(call.body)).toString());
  const { name, description = '', enabled = false, event_types: events, targets } = given;
  const wrong = wrongIn(given);
  if (wrong !== undefined) throw new Refused(refusal(400, 'BAD_REQUEST', wrong));
  return {
    name,
    description,
    enabled,
    events,
    targets: targets.map((target) => ({ payload_format: 'Default', ...target })),
  };
}

function wrongIn({ name, event_types: events, targets }: Given): string | undefined {
  if (targets.length === 0) return `empty notification target with policy ${name}`;
  for (const { address, payload_format: format = 'Default' } of targets) {
    const scheme = /^(\w+):/.exec(String(address))?.[1] ?? '';
    if (!/^https?$/.test(scheme)) return `invalid scheme: ${scheme}`;
    if (!formats.includes(String(format))) return `unsupported payload format type: ${String(format)}`;
  }
  const unknown = events.find((event) => !eventTypes.includes(event));
  return unknown && `unsupported event type ${unknown}`;
}

export function lastTriggers(exchange: Exchange): Answer {
  const project = permitted(exchange, 'notification-policy:read', 'closed');
  const { content } = exchange;
  const rows = content.policies
    .filter((policy) => policy.project === project)
    .toReversed()
    .flatMap((policy) => policy.events.map((event) => triggerRow(exchange, policy, event)));
  return json(200, rows);
}

function triggerRow({ content }: Exchange, policy: StandPolicy, event: string) {
  const last = content.executions.findLast((execution) => execution.policy === policy);
  return {
    creation_time: policy.createdAt,
    enabled: policy.enabled,
    event_type: event,
    last_trigger_time: event === 'PUSH_ARTIFACT' ? (last?.startedAt ?? never) : never,
    policy_name: policy.name,
  };
}

export function executions(exchange: Exchange): Answer {
  const project = permitted(exchange, 'notification-policy:read', 'closed');
  const { content } = exchange;
  const policy = content.policies.find(({ id }) => String(id) === exchange.rest);
  if (policy?.project !== project)
    return refusal(404, 'NOT_FOUND', `the webhook policy ${exchange.rest} not found`);
  const here = content.executions.filter((execution) => execution.policy === policy);
  return paged(exchange.call, here.toReversed(), ({ id, status, payload, startedAt }) => ({
    end_time: status === 'Running' ? never : startedAt,
    extra_attrs: { event_type: 'PUSH_ARTIFACT', payload },
    id,
    metrics: status === 'Running' ? {} : { success_task_count: 1, task_count: 1 },
    start_time: startedAt,
    status,
    trigger: 'EVENT',
    vendor_id: policy.id,
    vendor_type: 'WEBHOOK',
  }));
}

/** `rest` is the execution's id alone. One that never came to be sent has no task. */
export function tasks(exchange: Exchange): Answer {
  const here = deliveryOf(exchange).filter(({ status }) => status !== 'Running');
  return paged(exchange.call, here, ({ id, status, startedAt }) => ({
    creation_time: startedAt,
    end_time: startedAt,
    execution_id: id,
    id,
    run_count: status === 'Error' ? 3 : 1,
    start_time: startedAt,
    status,
    update_time: startedAt,
  }));
}

/** `rest` is the execution's id: there is one target, and so one task. The log is that of the last attempt. */
export function taskLog(exchange: Exchange): Answer {
  const [found] = deliveryOf(exchange);
  if (found === undefined) return refusal(404, 'NOT_FOUND', 'task log not found');
  const line = (level: string, number: number, text: string): string =>
    `${found.startedAt.replace(/\.\d+/, '')} [${level}] [/harbor/src/jobservice/job/impl/notification/webhook_job.go:${number}]: ${text}\n`;
  const end =
    found.why === undefined
      ? line('INFO', 80, 'success to run webhook job')
      : line('ERROR', 76, `exit webhook job, error: ${found.why}`);
  const text =
    line('INFO', 73, 'start to run webhook job') +
    line('INFO', 118, `send request to remote endpoint, body: ${found.payload}`) +
    end;
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from(text) };
}

function deliveryOf(exchange: Exchange): StandExecution[] {
  const project = permitted(exchange, 'notification-policy:read', 'closed');
  return exchange.content.executions.filter(
    ({ id, policy }) => String(id) === exchange.rest && policy.project === project,
  );
}
