import { z } from 'zod';

export const end = z.object({ registry: z.string(), repository: z.string(), tag: z.string() });

const ending = {
  outcome: z.string().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
};

/** Of a task as the admin API shows it, what is printed; see its OpenAPI document. */
export const taskView = z.looseObject({
  id: z.number(),
  state: z.string(),
  source: end,
  destination: end,
  nextAttemptAt: z.string().optional(),
  ...ending,
  attempts: z.array(z.object({ number: z.number(), startedAt: z.string(), ...ending })).optional(),
});

export const taskPage = z.looseObject({ tasks: z.array(taskView) });
export const taskIds = z.object({ tasks: z.array(z.number()) });

export type TaskView = z.infer<typeof taskView>;
type End = z.infer<typeof end>;

/** One line: what it is, where it goes, how it stands and why. */
export function lineOf(task: TaskView): string {
  const state = task.outcome === undefined ? task.state : `${task.state} (${task.outcome})`;
  const next = task.nextAttemptAt === undefined ? '' : ` until ${task.nextAttemptAt}`;
  const why = task.reason === undefined ? '' : `: ${task.reason}: ${task.message ?? ''}`;
  return `${task.id}  ${nameOf(task.source)} -> ${nameOf(task.destination)}  ${state}${next}${why}`;
}

export function isFinished(task: TaskView): boolean {
  return ['completed', 'discarded', 'cancelled'].includes(task.state);
}

export function nameOf({ registry, repository, tag }: End): string {
  return `${registry}/${repository}:${tag}`;
}
