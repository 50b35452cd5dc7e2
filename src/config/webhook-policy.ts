import { z } from 'zod';
import { text } from './field.ts';

const error = 'http(s)://HOST[:PORT][/PREFIX] without user, query or fragment';

/** Where Harbor reaches the mirror. */
export const webhookUrl = text(error, /^https?:\/\/[^\s?#@\\]+$/).refine(URL.canParse, { error });

/** What a webhook policy at Harbor needs besides the secret: members of `webhook`. */
export const policyKeys = {
  url: webhookUrl
    .optional()
    .describe(
      'Where Harbor reaches this mirror; /webhooks/harbor is added. For `tagferry webhook` and `doctor`.',
    ),
  insecureSkipVerify: z
    .boolean()
    .prefault(false)
    .describe(
      'Policies tell Harbor to accept any certificate of url. Anybody on the way can then read the secret.',
    ),
  format: z
    .enum(['Default', 'CloudEvents'])
    .prefault('Default')
    .describe('Payload format that policies ask Harbor for; both are understood.'),
};
