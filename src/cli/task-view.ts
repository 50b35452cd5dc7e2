/** A task as the admin API shows it; see its OpenAPI document. */
export interface TaskView {
  id: number;
  state: string;
  source: End;
  destination: End;
  attemptCount: number;
  nextAttemptAt?: string;
  outcome?: string;
  reason?: string;
  message?: string;
  digest?: string;
  attempts?: { number: number; startedAt: string; outcome?: string; reason?: string; message?: string }[];
}

interface End {
  registry: string;
  repository: string;
  tag: string;
}

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

function nameOf({ registry, repository, tag }: End): string {
  return `${registry}/${repository}:${tag}`;
}
