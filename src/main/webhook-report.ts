import type { PolicyBody } from '../harbor/webhook.ts';

export type WebhookAction = 'install' | 'list' | 'remove';

/** What `tagferry webhook` has done, or has seen; no secret is in it. */
export interface WebhookReport {
  action: WebhookAction;
  /** What is told has not been done. */
  dryRun: boolean;
  /** Where Harbor is to send events. */
  address: string;
  /** By registry and name. */
  projects: readonly ProjectReport[];
  /** Registries whose projects could not be listed. */
  failures: readonly { registry: string; message: string }[];
}

export interface ProjectReport {
  registry: string;
  project: string;
  /** Of `list`: `right`, `wrong` or `missing`; else what became of our policy. */
  outcome: 'created' | 'corrected' | 'unchanged' | 'removed' | 'right' | 'wrong' | 'missing' | 'failed';
  /** Names of our policies. */
  policies: readonly string[];
  /** What is, or was, wrong with our policy: `MEMBER: GOT -> WANTED`. */
  differences: readonly string[];
  /** Of `list`: when our policy told of something last; null: never, or it may not be known. */
  lastEvent?: string | null;
  /** Further policies that send to a mirror. */
  others: readonly OtherPolicy[];
  /** Of what has failed: why, and what the account lacks if that is it. */
  message?: string;
  permission?: string;
  /** For somebody who may. */
  byHand?: ByHand;
}

export interface OtherPolicy {
  id: number;
  name: string;
  address: string;
  /** `double`: the same events to us once more; `shared`: to us and to others; `other`: to another mirror. */
  kind: 'double' | 'shared' | 'other';
  lastEvent?: string | null;
}

/** The request that the account may not make. */
export interface ByHand {
  method: 'POST' | 'PUT' | 'DELETE';
  url: string;
  /** With `secretPlaceholder` where the secret belongs. */
  body?: PolicyBody;
}

/** A shell fills it in. */
export const secretPlaceholder = '${TAGFERRY_WEBHOOK_SECRET}';
