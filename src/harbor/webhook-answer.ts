import { z } from 'zod';
import { id, text, time } from './answer.ts';
import type { WebhookPolicy } from './webhook.ts';

/* What is read of policies in full, which are compared and written back, and of what became of their deliveries. */

/** An odd one stays one: a policy that seemed to have fewer targets than it has would be taken for ours. */
const target = z
  .object({
    type: text,
    address: text,
    auth_header: text,
    skip_cert_verify: z.boolean().catch(false),
    payload_format: z.string().min(1).catch('Default'),
  })
  .catch({ type: '', address: '', auth_header: '', skip_cert_verify: false, payload_format: '' })
  .transform(
    ({ type, address, auth_header: secret, skip_cert_verify: skipVerify, payload_format: format }) => ({
      type,
      address,
      secret,
      skipVerify,
      format,
    }),
  );

/** Targets and events that are looked at: more than one target are somebody else's, however many there are. */
const most = 100;

/** The first ones, before they are looked at. */
function firstOf<Item extends z.ZodType>(item: Item) {
  return z
    .array(z.unknown())
    .nullish()
    .transform((all) => (all ?? []).slice(0, most))
    .pipe(z.array(item));
}

export const webhookPolicy = z
  .object({
    id,
    name: text,
    description: text,
    enabled: z.boolean().catch(false),
    event_types: firstOf(text),
    targets: firstOf(target),
  })
  .transform(({ event_types: events, ...rest }): WebhookPolicy => ({ ...rest, events }));

export const lastTrigger = z.object({ policy_name: text, last_trigger_time: time });

export const attempt = z.object({ id, status: text });
