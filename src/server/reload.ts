import { z } from 'zod';
import type { Mistake } from '../config/error.ts';
import type { Rule } from '../rule/rule.ts';
import { HttpError } from './error.ts';
import { nothing, operation, type Operation } from './operation.ts';
import { schemas } from './schema.ts';

/** What a reload has changed. */
export interface Difference {
  rules: RulesDifference;
  /** All but the rules. */
  settings: readonly SettingChange[];
}

/** Of the effective rules, by their names. */
export interface RulesDifference {
  added: readonly Rule[];
  removed: readonly Rule[];
  changed: readonly { name: string; members: readonly MemberChange[] }[];
  /** Those that are in both stand in another order: of equal destinations the first rule gives its name. */
  reordered: boolean;
}

type Member = string | readonly string[];

export interface MemberChange {
  member: string;
  before: Member;
  after: Member;
}

/** Never with a value: it may be a secret. */
export interface SettingChange {
  /** As in the file: `registries.acr.url`. */
  path: string;
  change: 'added' | 'removed' | 'changed';
  /** Holds after a restart only: until then it is as before. */
  restart: boolean;
}

/** What came of a reload: nothing changes where the file has mistakes, or where the mirror is about to stop. */
export type Reloaded = Difference | { mistakes: readonly Mistake[] } | 'stopping';

/** Reads the configuration file again. */
export type Reload = () => Promise<Reloaded>;

export function reloadOperation(reload: Reload): Operation {
  return operation({
    method: 'POST',
    path: '/reload',
    summary: 'Reads the configuration file again; copies under way finish under the old one',
    input: z.object(nothing),
    success: { status: 200, description: 'What has changed.', schema: schemas.Difference },
    problems: {
      422: 'The file is wrong, as `mistakes` says, and nothing has changed; or the request is.',
      503: 'The mirror is stopping.',
    },
    async run() {
      const reloaded = await reload();
      if (reloaded === 'stopping') throw new HttpError(503, 'The mirror is stopping: nothing was read.');
      if (!('mistakes' in reloaded)) return reloaded;
      const { mistakes } = reloaded;
      const count = mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`;
      const detail = `The configuration has ${count}, see mistakes; the old one holds.`;
      throw new HttpError(422, detail, { members: { mistakes } });
    },
  });
}
