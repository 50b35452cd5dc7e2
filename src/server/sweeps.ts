import { z } from 'zod';
import type { SweepStore } from '../task/store.ts';
import { cutPage } from './cursor.ts';
import { HttpError } from './error.ts';
import { nothing, operation, type Operation } from './operation.ts';
import type { Rules } from './rules.ts';
import { idParams, schemas, sweepQuery } from './schema.ts';
import { sweepView } from './view.ts';

export interface Sweeps extends Pick<SweepStore, 'get' | 'list'> {
  /** The id of the sweep that was begun; `undefined` when one is running, since there is one at a time. */
  start(request: { rule?: string; dryRun: boolean }): number | undefined;
  /** The id of the sweep that runs now. */
  readonly running: number | undefined;
}

export function sweepOperations(sweeps: Sweeps, rules: Pick<Rules, 'list'>): Operation[] {
  return [startSweep(sweeps, rules), listSweeps(sweeps), showSweep(sweeps)];
}

function startSweep(sweeps: Sweeps, rules: Pick<Rules, 'list'>): Operation {
  return operation({
    method: 'POST',
    path: '/sweeps',
    summary: 'Compares both ends now and makes tasks of the differences',
    input: z.object({ ...nothing, body: schemas.SweepStart }),
    success: { status: 202, description: 'It has begun.', schema: schemas.SweepStarted },
    problems: { 404: 'No such rule.', 409: 'A sweep is running: `sweep` is its ID.' },
    run({ body }) {
      const { rule } = body;
      if (rule !== undefined && !rules.list().some(({ name }) => name === rule)) {
        throw new HttpError(404, `There is no rule ${JSON.stringify(rule)}.`);
      }
      const id = sweeps.start(body);
      if (id !== undefined) return { id };
      const detail = `Sweep ${sweeps.running} is running; wait for its end.`;
      throw new HttpError(409, detail, { members: { sweep: sweeps.running } });
    },
  });
}

function listSweeps(sweeps: Sweeps): Operation {
  return operation({
    method: 'GET',
    path: '/sweeps',
    summary: 'Sweeps, the newest first',
    input: z.object({ ...nothing, query: sweepQuery }),
    success: { status: 200, description: 'One page.', schema: schemas.SweepPage },
    problems: {},
    run({ query: { limit, cursor: before } }) {
      const { items, next } = cutPage(sweeps.list(limit + 1, before), limit);
      return { sweeps: items.map(sweepView), next };
    },
  });
}

function showSweep(sweeps: Sweeps): Operation {
  return operation({
    method: 'GET',
    path: '/sweeps/{id}',
    summary: 'A sweep with its counts',
    input: z.object({ ...nothing, params: idParams }),
    success: { status: 200, description: 'The sweep.', schema: schemas.Sweep },
    problems: { 404: 'No such sweep.' },
    run({ params: { id } }) {
      const sweep = sweeps.get(id);
      if (sweep === undefined)
        throw new HttpError(404, `There is no sweep ${id}; old ones are removed in time.`);
      return sweepView(sweep);
    },
  });
}
