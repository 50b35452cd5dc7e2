import { z } from 'zod';
import type { ResyncRequest } from '../task/resync.ts';
import type { TaskStore } from '../task/store.ts';
import { cutPage } from './cursor.ts';
import { HttpError } from './error.ts';
import { nothing, operation, type Operation } from './operation.ts';
import { idParams, schemas, taskQuery } from './schema.ts';
import { attemptView, taskView } from './view.ts';

export interface Tasks extends Pick<TaskStore, 'list' | 'get'> {
  retry(id: number): ReturnType<TaskStore['retry']>;
  /** `running`: asked to stop, and cancelled once it has. */
  cancel(id: number): ReturnType<TaskStore['cancel']>;
}

/**
 * The ids of the tasks that stand for it; `undefined` when no rule matches. Rejects with `RegistryError` when the
 * tags cannot be listed.
 */
export type Resync = (request: ResyncRequest) => Promise<readonly number[] | undefined>;

export function taskOperations(tasks: Tasks, resync: Resync): Operation[] {
  return [listTasks(tasks), showTask(tasks), retryTask(tasks), cancelTask(tasks), resyncTags(resync)];
}

function listTasks(tasks: Tasks): Operation {
  return operation({
    method: 'GET',
    path: '/tasks',
    summary: 'Tasks, the newest first',
    input: z.object({ ...nothing, query: taskQuery }),
    success: { status: 200, description: 'One page.', schema: schemas.TaskPage },
    problems: {},
    run({ query: { limit, cursor, ...filters } }) {
      const query = { ...filters, ...(cursor !== undefined && { before: cursor }), limit: limit + 1 };
      const { items, next } = cutPage(tasks.list(query), limit);
      return { tasks: items.map(taskView), next };
    },
  });
}

function showTask(tasks: Tasks): Operation {
  return operation({
    method: 'GET',
    path: '/tasks/{id}',
    summary: 'A task with its attempts',
    input: z.object({ ...nothing, params: idParams }),
    success: { status: 200, description: 'The task.', schema: schemas.TaskWithAttempts },
    problems: { 404: 'No such task.' },
    run: ({ params: { id } }) => found(tasks, id),
  });
}

function retryTask(tasks: Tasks): Operation {
  return operation({
    method: 'POST',
    path: '/tasks/{id}/retry',
    summary: 'Tries a discarded, cancelled or retryable task now',
    input: z.object({ ...nothing, params: idParams }),
    success: { status: 202, description: 'It is available.', schema: schemas.TaskWithAttempts },
    problems: { 404: 'No such task.', 409: 'Its state, or a newer task for its tag, forbids it.' },
    run({ params: { id } }) {
      if (tasks.retry(id) !== 'conflict') return found(tasks, id);
      throw conflict(
        found(tasks, id).state,
        id,
        'retried is what is discarded, cancelled or retryable while no newer task stands for its destination',
      );
    },
  });
}

function cancelTask(tasks: Tasks): Operation {
  return operation({
    method: 'POST',
    path: '/tasks/{id}/cancel',
    summary: 'Cancels an unfinished task',
    input: z.object({ ...nothing, params: idParams }),
    success: {
      status: 202,
      description: 'It is cancelled, or will be once it has stopped.',
      schema: schemas.TaskWithAttempts,
    },
    problems: { 404: 'No such task.', 409: 'It is finished.' },
    run({ params: { id } }) {
      if (tasks.cancel(id) !== 'conflict') return found(tasks, id);
      throw conflict(found(tasks, id).state, id, 'cancelled is what is unfinished');
    },
  });
}

function resyncTags(resync: Resync): Operation {
  return operation({
    method: 'POST',
    path: '/resync',
    summary: 'Copies a tag, or all tags of a repository that the rules match, again',
    input: z.object({ ...nothing, body: schemas.Resync }),
    success: { status: 202, description: 'Tasks stand for them.', schema: schemas.Tasks },
    problems: { 404: 'No rule matches.', 502: 'The source registry does not list its tags.' },
    async run({ body }) {
      const standing = await resync(body);
      if (standing !== undefined) return { tasks: standing };
      const name = body.tag === undefined ? body.repository : `${body.repository}:${body.tag}`;
      const why =
        body.tag === undefined ? 'POST /api/v1/rules/test says' : `\`tagferry explain ${name}\` says`;
      throw new HttpError(404, `No rule matches ${name}; ${why} why.`);
    },
  });
}

function found(tasks: Tasks, id: number): z.input<typeof schemas.TaskWithAttempts> {
  const entry = tasks.get(id);
  if (entry === undefined)
    throw new HttpError(404, `There is no task ${id}; finished ones are removed in time.`);
  return { ...taskView(entry.task), attempts: entry.attempts.map(attemptView) };
}

function conflict(state: string, id: number, rule: string): HttpError {
  return new HttpError(409, `Task ${id} is ${state}: ${rule}.`);
}
