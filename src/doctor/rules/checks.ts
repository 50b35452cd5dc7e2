import type { Check } from '../check.ts';
import { artifacts } from './artifacts.ts';
import type { RulesEvidence } from './evidence.ts';
import { limits } from './limits.ts';
import { names } from './names.ts';

/** For the configuration as a whole. */
export const rulesChecks: readonly Check<RulesEvidence>[] = [names, artifacts, limits];
