import type { Check } from '../check.ts';
import { clockFinding } from '../clock-skew.ts';
import { error, ok, skipped, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { known } from './evidence.ts';
import type { HarborEvidence } from './evidence.ts';

/* What Harbor tells of itself, a check for each thing of it that can be wrong. */

type Facts = Awaited<ReturnType<HarborEvidence['facts']>> & { version: string };

/** A check of what Harbor tells those whom it knows. */
function factCheck(
  id: string,
  judge: (facts: Facts, evidence: HarborEvidence) => Finding,
): Check<HarborEvidence> {
  return {
    id,
    async look(evidence) {
      await known(evidence);
      const { version, ...facts } = await evidence.facts();
      if (version === undefined)
        return [skipped('needs-account', 'Harbor tells this only those whom it knows')];
      return [judge({ ...facts, version }, evidence)];
    },
  };
}

export const notifications = factCheck('harbor-notifications', ({ notifications: on }, { config }) =>
  on
    ? ok('Harbor makes events')
    : error('notifications-off', {
        saw: 'notification_enable is false in the system configuration of Harbor',
        means: 'no webhook of any project is sent; changes are found by the sweep alone',
        next: [
          `curl -u ADMIN -X PUT -H 'Content-Type: application/json' -d '{"notification_enable":true}' ${config.url}/api/v2.0/configurations`,
        ],
      }),
);

export const readOnly = factCheck('harbor-read-only', ({ readOnly: on }) =>
  on
    ? warn('read-only', {
        saw: 'Harbor is in read-only mode',
        means: 'nobody can push, so there is nothing new to mirror; what is there can be pulled',
        next: ['Harbor: Administration > Configuration > System Settings > Repository Read Only'],
      })
    : ok('Harbor takes pushes'),
);

export const clock = factCheck('harbor-clock', ({ now: there, at: here }) => {
  if (there === 0) return skipped('no-time', 'Harbor does not tell its time');
  const means =
    'tokens may be taken for too old, the lag in the metrics is wrong, and late webhooks are counted as missed';
  return clockFinding({ here, there, whose: "Harbor's", means });
});

export const externalUrl = factCheck('harbor-external-url', ({ externalUrl: told }, { config }) => {
  if (!URL.canParse(told)) return skipped('no-url', 'Harbor does not tell its address');
  const [theirs, ours] = [new URL(told), new URL(config.url)];
  if (theirs.host !== ours.host) return otherHost(theirs, ours);
  if (theirs.protocol !== ours.protocol) return otherScheme(theirs, ours);
  return ok(`Harbor calls itself ${theirs.origin}, as it is called here`);
});

function otherHost(theirs: URL, ours: URL): Finding {
  return warn('other-host', {
    saw: `Harbor calls itself ${theirs.origin}, and is used here as ${ours.origin}`,
    means: `its events, its UI and its users name images by ${theirs.host}; fine as long as both names lead to the same Harbor`,
    next: [`if ${theirs.host} is wrong: harbor.yml hostname or external_url, Helm externalURL`],
  });
}

function otherScheme(theirs: URL, ours: URL): Finding {
  return warn('other-scheme', {
    saw: `Harbor calls itself ${theirs.origin}, and is used here as ${ours.origin}`,
    means: `it sends whoever wants a token to ${theirs.protocol}//, where a password must not go, or cannot`,
    next: [
      `tell Harbor the address by which it is reached: harbor.yml external_url, Helm externalURL: ${ours.origin}`,
    ],
  });
}

/** Releases from the one up to, and without, the other. */
type Range = readonly [from: readonly number[], before: readonly number[]];

/** https://github.com/goharbor/harbor/issues/20897 */
const silentRetags: readonly Range[] = [
  [
    [2, 11, 1],
    [2, 11, 3],
  ],
  [
    [2, 12, 0],
    [2, 12, 1],
  ],
];

const memory = [2, 8, 0];

/** Whether the release remembers deliveries; one whose number cannot be read is taken for a new one. */
export function remembers({ version }: { version: string | undefined }): boolean {
  const parts = partsOf(version ?? '');
  return parts === undefined || compare(parts, memory) >= 0;
}

function partsOf(version: string): number[] | undefined {
  return /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
}

export const version = factCheck('harbor-version', ({ version: text }) => {
  const parts = partsOf(text);
  if (parts === undefined) return ok(`Harbor ${text}`);
  if (silentRetags.some(([from, before]) => compare(parts, from) >= 0 && compare(parts, before) < 0)) {
    return warn('no-event-for-retags', {
      saw: `Harbor ${text}`,
      means:
        'this release sends no event when a tag is pushed to a digest that is there already; the sweep finds it later',
      next: ['update Harbor to 2.12.1 or later; until then sweep more often (sweep.schedule)'],
    });
  }
  if (compare(parts, memory) < 0) {
    return warn('no-executions', {
      saw: `Harbor ${text}`,
      means:
        'before 2.8 Harbor remembers no deliveries that can be read, and knows no CloudEvents: what no webhook told of, the sweep finds',
      next: ['update Harbor to 2.12.1 or later; keep webhook.format: Default until then'],
    });
  }
  if (compare(parts, [2, 11, 1]) < 0) {
    return warn('no-project-lists', {
      saw: `Harbor ${text}`,
      means: 'before 2.11.1 no project can be listed whole: a sweep asks for each repository',
      next: ['update Harbor to 2.12.1 or later if sweeps take long'],
    });
  }
  return ok(`Harbor ${text}`);
});

function compare(one: readonly number[], other: readonly number[]): number {
  const index = other.findIndex((part, place) => part !== one[place]);
  return index < 0 ? 0 : (one[index] ?? 0) - (other[index] ?? 0);
}
