import { reasons } from '../copy/error.ts';
import { outcomes, taskStates } from './task.ts';

/**
 * Where no task stands for the tag: the destination has what the source has; it was right once, and may have changed; another
 * source tag of the repository has the destination tag; nothing is known of it; both ends were asked, and the destination has no
 * such tag, or another digest.
 */
const taskless = ['mirrored', 'unverified', 'overtaken', 'not-seen', 'missing', 'different'] as const;

/** How one destination of a source tag can stand: a failure's reason, how its task ended or is, or one of the above. */
export const standings = [...reasons, ...outcomes, ...taskStates, ...taskless] as const;
export type Standing = (typeof standings)[number];
