import { error, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** Events of a project that Harbor has given up. */
export interface Lost {
  project: string;
  count: number;
  /** Of so many of the newest. */
  looked: number;
  /** When the newest of them began. */
  at: number;
  /** Harbor's own words; empty where its log is gone. */
  why: string;
  /** A later one has arrived. */
  isOver: boolean;
}

interface Cause {
  code: string;
  says: RegExp;
  means: string;
  next: readonly string[];
}

/** The first that fits wins. The words are those of Go's HTTP client, and of Harbor's jobservice, which sends. */
const causes: readonly Cause[] = [
  {
    code: 'lost-tls',
    says: /x509|tls:|certificate/i,
    means: "Harbor's jobservice does not trust the certificate of the mirror",
    next: [
      "give it the authority: the PEM file into Harbor's common/config/shared/trust-certificates (Helm: caBundleSecretName), then restart jobservice",
      'or, where nobody can be on the way: webhook.insecureSkipVerify: true, then tagferry webhook install',
    ],
  },
  {
    code: 'lost-proxy',
    says: /proxyconnect|Proxy Authentication|response code: 407/i,
    means: "Harbor's jobservice sends by a proxy, which does not let it through",
    next: ["add the mirror's host to no_proxy: harbor.yml `proxy.no_proxy`, Helm proxy.noProxy"],
  },
  {
    code: 'lost-name',
    says: /no such host|server misbehaving|lookup /i,
    means: 'Harbor does not find the name of the mirror',
    next: [
      "webhook.url has to be a name that Harbor's jobservice can look up; then tagferry webhook install",
    ],
  },
  {
    code: 'lost-refused',
    says: /connection refused|connection reset|no route to host|EOF/i,
    means: 'nobody listens there, or a firewall refuses',
    next: [
      'is the mirror running, and at the port of webhook.url? server.listen must not be 127.0.0.1 for a Harbor elsewhere',
      "from Harbor's machine: curl -i WEBHOOK_URL has to answer 405",
    ],
  },
  {
    code: 'lost-timeout',
    says: /deadline exceeded|Client\.Timeout|i\/o timeout/i,
    means: 'no answer within 3 s, which is all that Harbor waits',
    next: [
      "a firewall that drops packets between Harbor's jobservice and the mirror shows like this: curl -i WEBHOOK_URL from there",
      'is the disk of the mirror slow? It answers when an event is stored; `database` belongs on a local disk',
      'JOBSERVICE_WEBHOOK_JOB_HTTP_CLIENT_TIMEOUT (harbor.yml: notification.webhook_job_http_client_timeout) gives it longer',
    ],
  },
  {
    code: 'lost-unauthorized',
    says: /response code: (401|403)/,
    means: 'the mirror, or a proxy in front of it, refuses the Authorization header',
    next: [
      'tagferry webhook install writes the first of webhook.secrets into the policies',
      'if it is there already, the running mirror has another value: start it anew with the variables of this shell',
    ],
  },
  {
    code: 'lost-redirect',
    says: /response code: (3\d\d|405)|redirects/,
    means:
      'a redirect stands in front of the mirror: it makes a GET of the event, which the mirror answers with 405',
    next: ['webhook.url has to be the address behind it, https:// as a rule; then tagferry webhook install'],
  },
  {
    code: 'lost-path',
    says: /response code: 404/,
    means: 'something else stands at this address, or a proxy does not pass the path on',
    next: ['webhook.url needs the path prefix of the proxy, if it has one; then tagferry webhook install'],
  },
  {
    code: 'lost-server',
    says: /response code: 5\d\d/,
    means: 'the mirror could not store the event, or a proxy in front of it could not reach it',
    next: ['GET /readyz of the mirror, and its log: a full disk is answered with 503'],
  },
];

const unknown: Omit<Cause, 'says'> = {
  code: 'lost',
  means: 'Harbor has tried in vain, three times unless told otherwise',
  next: ['Harbor: Projects > the project > Webhooks > the policy: its executions have logs'],
};

const after =
  'what was lost is caught up by the sweep; raise notification.webhook_job_max_retry in harbor.yml to 8';

/** A finding for each cause; an error unless later events have arrived everywhere. `address` is where they are sent, if that is known. */
export function lostBy(lost: readonly Lost[], address = 'WEBHOOK_URL'): Finding[] {
  const byCause = Map.groupBy(lost, ({ why }) => causes.find(({ says }) => says.test(why)) ?? unknown);
  return [...byCause].map(([{ code, means, next }, its]) => {
    const isOver = its.every((one) => one.isOver);
    const rest = {
      saw: its.map(wordsOf).join('; '),
      means: isOver ? `${means}; later events have arrived` : means,
      next: [...next.map((step) => step.replace('WEBHOOK_URL', address)), after],
    };
    return isOver ? warn(code, rest) : error(code, rest);
  });
}

function wordsOf({ project, count, looked, at, why }: Lost): string {
  const said = why === '' ? 'Harbor has no log of it any more' : `Harbor says: ${why}`;
  return `${count} of the last ${looked} events of ${project} were given up, the newest of ${new Date(at).toISOString()}; ${said}`;
}
