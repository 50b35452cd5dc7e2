import { setTimeout as sleep } from 'node:timers/promises';
import { send, UnexpectedAnswer } from '../../test/support/http.ts';
import { pushPayload } from './delivery.ts';
import { type Mirror, secret } from './mirror.ts';

/** A copy took longer than it may, or did not end well. */
class CopyFailed extends Error {
  override readonly name = 'CopyFailed';
}

/** Posts the push as Harbor would. Returns the id of the task that stands for it. */
export async function deliver(
  { url }: Mirror,
  repository: string,
  tag: string,
  digest: string,
): Promise<number> {
  const answer = await send(`${url}/webhooks/harbor`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: secret },
    body: Buffer.from(pushPayload(repository, tag, digest)),
  });
  if (answer.status !== 202) throw new UnexpectedAnswer('the webhook', 202, answer);
  const { tasks } = JSON.parse(answer.body.toString());
  return Number(tasks[0]);
}

/** Waits for the task's end. Returns when that was: milliseconds since 1970, by the mirror's own account. */
export async function completed(mirror: Mirror, id: number, patience: number): Promise<number> {
  const deadline = Date.now() + patience;
  while (Date.now() < deadline) {
    const task = await taskOf(mirror, id);
    if (task.state === 'completed' && task.outcome === 'copied') return Date.parse(String(task.finishedAt));
    if (task.state !== 'available' && task.state !== 'running')
      throw new CopyFailed(`task ${id}: expected it to be copied, got ${JSON.stringify(task)}`);
    await sleep(100);
  }
  throw new CopyFailed(`task ${id} did not end within ${patience / 1000} s`);
}

async function taskOf({ url }: Mirror, id: number): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await send(`${url}/api/v1/tasks/${id}`, { headers });
  if (answer.status !== 200) throw new UnexpectedAnswer('the admin API', 200, answer);
  return JSON.parse(answer.body.toString());
}
