/**
 * Who is waited for, the most urgent first: a pushed tag; what an administrator asked for; a copy that a sweep wants;
 * a question that a sweep has.
 */
export const urgencies = ['push', 'resync', 'sweep', 'look'] as const;
export type Urgency = (typeof urgencies)[number];
