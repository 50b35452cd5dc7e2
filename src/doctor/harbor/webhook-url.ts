import { RegistryError } from '../../copy/error.ts';
import type { Check } from '../check.ts';
import { error, ok, skipped, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { HarborEvidence } from './evidence.ts';

/** Whether the mirror answers where Harbor is told to send events; asked from here, which is not from Harbor. */
export const webhookUrl: Check<HarborEvidence> = {
  id: 'harbor-webhook-url',
  async look({ wanted, mirror }) {
    if (wanted === undefined) return [skipped('needs-url', 'webhook.url is not in the configuration')];
    const { address, secrets } = wanted;
    const [secret] = secrets;
    try {
      const { status, location } = await mirror(address);
      if (status === 405) {
        // Only to what answers as a mirror does.
        const tried = secret === undefined ? undefined : await mirror(address, secret);
        return [tried?.status === 401 ? anotherSecret(address) : ok(`the mirror answers at ${address.href}`)];
      }
      return [location === undefined ? another(address, status) : redirected(address, status, location)];
    } catch (reason) {
      if (!(reason instanceof RegistryError)) throw reason;
      return [silent(address, reason)];
    }
  },
};

/** 307 and 308 keep the event; of the others Harbor makes a GET, and takes its 200 for a delivery. */
function redirected(address: URL, status: number, location: string): Finding {
  const to = URL.canParse(location, address.href) ? new URL(location, address.href) : undefined;
  const shown = to ? `${to.origin}${to.pathname}` : 'no address';
  const isLost = status !== 307 && status !== 308;
  return (isLost ? error : warn)('redirect', {
    saw: `GET ${address.href} answered ${status}, a redirect to ${shown}`,
    means: isLost
      ? 'Harbor follows it without the event, and may call that delivered: every event is lost in silence'
      : 'Harbor follows it with the event; each takes a turn more of its 3 seconds',
    next: [`write the address behind it as webhook.url (${shown}), then tagferry webhook install`],
  });
}

function another(address: URL, status: number): Finding {
  return error('no-mirror', {
    saw: `GET ${address.href} answered ${status}, where the mirror answers 405`,
    means: 'something else stands there, or a proxy does not pass the path on: events do not arrive',
    next: [
      `curl -i ${address.href} shows what it is; webhook.url is to be the address of \`tagferry serve\``,
    ],
  });
}

function anotherSecret(address: URL): Finding {
  return error('other-secret', {
    saw: `the mirror at ${address.href} does not know webhook.secrets[0], and answers it with 401`,
    means: 'it runs with other secrets than those that are read here: every event with this one is refused',
    next: [
      'doctor and `tagferry webhook` need the file and the variables of the mirror: compare HARBOR_WEBHOOK_SECRET, or however it is named, in both shells',
      'if the mirror has the old one: tagferry reload after a change of its file, a restart after one of its variables',
    ],
  });
}

function silent(address: URL, { message }: RegistryError): Finding {
  return warn('not-reached', {
    saw: message,
    means: 'the mirror is not running, or cannot be reached from here; from Harbor it may',
    next: [`start it: tagferry serve; then on Harbor's machine: curl -i ${address.href} has to answer 405`],
  });
}
