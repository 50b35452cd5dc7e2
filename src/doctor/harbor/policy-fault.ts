import { shownName } from '../../harbor/webhook.ts';
import type { Difference, WantedWebhook, WebhookPolicy } from '../../harbor/webhook.ts';
import { error, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** What becomes of events where one member of a policy is not as it should be. */
interface Fault {
  code: string;
  /** Events, or the secret, do not get where they should. */
  grave: boolean;
  means: string;
}

type Judge = (difference: Difference, policy: WebhookPolicy, wanted: WantedWebhook) => Fault;

const judges: Record<Difference['member'], Judge> = {
  enabled: () => ({
    code: 'disabled',
    grave: true,
    means: 'the policy is switched off: no event comes',
  }),
  event_types: (_, { events }) => eventsFault(events),
  address: () => ({
    code: 'address',
    grave: true,
    means:
      'events take another way than they should; where that is a redirect they are lost, and Harbor calls them delivered',
  }),
  auth_header: ({ got }, _, { secrets }) => secretFault(got, secrets.length > 0),
  skip_cert_verify: ({ got }) => ({
    code: 'verification',
    grave: false,
    means:
      got === 'true'
        ? 'Harbor takes any certificate: whoever is on the way can read the secret'
        : 'Harbor verifies the certificate of the mirror, and delivers nothing if it does not know its authority',
  }),
  payload_format: () => ({
    code: 'format',
    grave: false,
    means: 'the mirror understands both formats; this is not the one of webhook.format',
  }),
};

function eventsFault(events: readonly string[]): Fault {
  const code = 'events';
  if (!events.includes('PUSH_ARTIFACT')) return { code, grave: true, means: 'pushes are not told' };
  const means = events.includes('SCANNING_COMPLETED')
    ? 'not the events that the mirror uses: others are work for nothing, and one that is listed twice is sent twice'
    : 'an image that Harbor holds back until its scan waits longer than it has to';
  return { code, grave: false, means };
}

function secretFault(got: string, wanted: boolean): Fault {
  if (!wanted) return { code: 'secret', grave: false, means: 'a header is sent that nobody looks at' };
  if (got === 'none' || got === 'another value')
    return { code: 'secret', grave: true, means: 'the mirror refuses every event with 401' };
  const means = 'the mirror takes it for as long as it is among webhook.secrets';
  return { code: 'old-secret', grave: false, means };
}

/** The finding for a difference. */
export function policyFault(
  project: string,
  policy: WebhookPolicy,
  difference: Difference,
  wanted: WantedWebhook,
): Finding {
  const { member, got, wanted: should } = difference;
  const { code, grave, means } = judges[member](difference, policy, wanted);
  const saw = `policy ${JSON.stringify(shownName(policy))} of ${project}: ${member} is ${got}, wanted ${should}`;
  const next = ['tagferry webhook install makes it right; with --dry-run it says what it would do'];
  return (grave ? error : warn)(code, { saw, means, next });
}
