import { printable } from '../printable.ts';

/*
 * What a mirror wants of Harbor's webhook policies, compared with what is there; nothing here asks anybody.
 *
 * A policy is OURS when it has one target, and that is this mirror's address. Scheme, user and query do not count: what
 * is wrong with them is corrected. So one that somebody has made by hand is adopted and not doubled, a policy
 * with a further target is somebody else's, and two mirrors at one Harbor, being at two addresses, leave each other alone.
 */

/** A webhook policy of a project as Harbor has it. */
export interface WebhookPolicy {
  id: number;
  name: string;
  description: string;
  enabled: boolean;
  events: readonly string[];
  targets: readonly WebhookTarget[];
}

export interface WebhookTarget {
  /** `http`, or `slack`. */
  type: string;
  address: string;
  /** Sent as `Authorization`, as it is; empty: nothing is sent. */
  secret: string;
  skipVerify: boolean;
  format: string;
}

/** What a mirror wants of a policy of every project that it reads. */
export interface WantedWebhook {
  /** The whole of it, with `webhookPath` at its end. */
  address: URL;
  /** The first is what Harbor is to send; the others are let in as well. */
  secrets: readonly string[];
  skipVerify: boolean;
  format: 'Default' | 'CloudEvents';
}

/** The body that makes or replaces a policy, in Harbor's words. */
export interface PolicyBody {
  name: string;
  description: string;
  /** Without it Harbor makes a policy that is switched off. */
  enabled: true;
  event_types: readonly string[];
  targets: readonly [TargetBody];
}

interface TargetBody {
  type: 'http';
  address: string;
  auth_header?: string;
  skip_cert_verify: boolean;
  payload_format: string;
}

/** A member that is not as it should be, in Harbor's words; of a secret only where it is from. */
export interface Difference {
  member: 'enabled' | 'event_types' | 'address' | 'auth_header' | 'skip_cert_verify' | 'payload_format';
  got: string;
  wanted: string;
}

/** The policies of a project in a mirror's eyes. */
export interface Sorted {
  ours: WebhookPolicy | undefined;
  /** Ours, too: every event comes once more for each. */
  doubles: readonly WebhookPolicy[];
  /** Not ours, and they send here besides elsewhere. */
  shared: readonly WebhookPolicy[];
  /** They send to another mirror. */
  others: readonly WebhookPolicy[];
}

export type Step =
  | { do: 'create'; body: PolicyBody }
  | { do: 'correct'; policy: WebhookPolicy; differences: readonly Difference[]; body: PolicyBody }
  | { do: 'nothing'; policy: WebhookPolicy };

/** Where the mirror takes events; of an address only the end, since a proxy may have a prefix for it. */
export const webhookPath = '/webhooks/harbor';

/** What the mirror makes use of: a push, a deletion, and the end of a scan, which a held back image waits for. */
const wantedEvents = ['PUSH_ARTIFACT', 'DELETE_ARTIFACT', 'SCANNING_COMPLETED'] as const;

/** Where Harbor is to send events for a mirror that it reaches at `url`, which may have the path already. */
export function addressOf(url: string): URL {
  const address = new URL(url);
  const prefix = address.pathname.replace(/\/+$/, '');
  address.pathname = prefix.endsWith(webhookPath) ? prefix : prefix + webhookPath;
  return address;
}

/** Sorts the policies of a project; of several that are ours the one comes first that needs the least. */
export function sorted(policies: readonly WebhookPolicy[], wanted: WantedWebhook): Sorted {
  const isHere = ({ type, address }: WebhookTarget): boolean =>
    type === 'http' && placeOf(address) === placeOf(wanted.address.href);
  const isOurs = ({ targets }: WebhookPolicy): boolean => targets.length === 1 && targets.every(isHere);
  const wrong = (policy: WebhookPolicy): number => differencesOf(policy, wanted).length;
  const [ours, ...doubles] = policies
    .filter(isOurs)
    .toSorted((one, other) => wrong(one) - wrong(other) || one.id - other.id);
  const foreign = policies.filter((policy) => !isOurs(policy));
  return {
    ours,
    doubles,
    shared: foreign.filter(({ targets }) => targets.some(isHere)),
    others: foreign.filter((policy) => !policy.targets.some(isHere) && sendsToMirror(policy)),
  };
}

/** Whether it sends to some mirror, by the end of an address. */
export function sendsToMirror({ targets }: WebhookPolicy): boolean {
  return targets.some(isMirror);
}

/** What has to be done so that a project's events come. */
export function stepFor(policies: readonly WebhookPolicy[], wanted: WantedWebhook): Step {
  const { ours: policy } = sorted(policies, wanted);
  if (policy === undefined) return { do: 'create', body: newBody(policies, wanted) };
  const differences = differencesOf(policy, wanted);
  if (differences.length === 0) return { do: 'nothing', policy };
  // Its name and words stay: somebody may know it by them.
  return { do: 'correct', policy, differences, body: bodyOf(policy, wanted) };
}

/** A policy that is ours against what is wanted. */
export function differencesOf(policy: WebhookPolicy, wanted: WantedWebhook): Difference[] {
  const [target] = policy.targets;
  if (target === undefined) return [];
  const all: Difference[] = [
    { member: 'enabled', got: String(policy.enabled), wanted: 'true' },
    { member: 'event_types', got: listOf(policy.events), wanted: listOf(wantedEvents) },
    { member: 'address', got: shownAddress(target.address), wanted: wanted.address.href },
    { member: 'auth_header', got: secretName(target.secret, wanted), wanted: firstSecret(wanted) },
    { member: 'skip_cert_verify', got: String(target.skipVerify), wanted: String(wanted.skipVerify) },
    { member: 'payload_format', got: target.format, wanted: wanted.format },
  ];
  const isMoved = target.address !== wanted.address.href;
  return all
    .filter(({ member, got, wanted: should }) => (member === 'address' ? isMoved : got !== should))
    .map((difference) => ({ ...difference, got: printable(difference.got, 300) }));
}

/** A policy's name as it may be shown: whoever made it wrote what they liked. */
export function shownName({ name }: Pick<WebhookPolicy, 'name'>): string {
  return printable(name, 100);
}

/** An address as it may be shown: some keep a secret in its user or its query. */
export function shownAddress(address: string): string {
  if (!URL.canParse(address)) return 'no URL';
  const { protocol, host, pathname, search, username } = new URL(address);
  const hidden = search === '' && username === '' ? '' : ' with a user or a query';
  return printable(`${protocol}//${host}${pathname}${hidden}`, 300);
}

function bodyOf(
  { name, description }: Pick<WebhookPolicy, 'name' | 'description'>,
  wanted: WantedWebhook,
): PolicyBody {
  const { address, secrets, skipVerify, format } = wanted;
  const [secret] = secrets;
  const target: TargetBody = {
    type: 'http',
    address: address.href,
    ...(secret !== undefined && { auth_header: secret }),
    skip_cert_verify: skipVerify,
    payload_format: format,
  };
  return { name, description, enabled: true, event_types: wantedEvents, targets: [target] };
}

/** A name is there once in a project, and the first may be another mirror's. */
function newBody(policies: readonly WebhookPolicy[], wanted: WantedWebhook): PolicyBody {
  const taken = new Set(policies.map(({ name }) => name));
  let name = 'tagferry';
  for (let number = 2; taken.has(name); number++) name = `tagferry-${number}`;
  const description = `For the mirror at ${wanted.address.href}; made by \`tagferry webhook install\``;
  return bodyOf({ name, description }, wanted);
}

function isMirror({ type, address }: WebhookTarget): boolean {
  return type === 'http' && URL.canParse(address) && new URL(address).pathname.endsWith(webhookPath);
}

/** Host, port where it is not the scheme's own, and path: what makes an address that of one mirror. */
function placeOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { host, pathname } = new URL(address);
  return host + pathname.replace(/\/+$/, '');
}

/** Harbor keeps what it is given: an event that is listed twice is sent twice. */
function listOf(events: readonly string[]): string {
  return events.toSorted().join(', ') || 'none';
}

function secretName(secret: string, { secrets }: WantedWebhook): string {
  if (secret === '') return 'none';
  const place = secrets.indexOf(secret);
  return place < 0 ? 'another value' : `webhook.secrets[${place}]`;
}

function firstSecret({ secrets }: WantedWebhook): string {
  return secrets.length === 0 ? 'none' : 'webhook.secrets[0]';
}
