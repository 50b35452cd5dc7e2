import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { kindsOf, repeated, sentAgain, withoutPings } from '../../test/support/access-log.ts';
import { namespace } from '../../test/support/counted-ends.ts';
import { type FamilySize, type Member, family } from '../../test/support/family.ts';
import { movedTo, pairsOf } from '../peer/peer.ts';
import type { Row, Scenario } from '../scenario.ts';
import { type Counted, type Place, type View, requestsOf, startPlace, viewOf } from '../support/place.ts';
import type { Stand } from '../support/stand.ts';
import { type Synced, runSync } from '../support/sync.ts';
import { verify } from '../support/verify.ts';

/*
 * What `tagferry sync` promises to ask of both ends, counted by them, kind by kind, for a few tags: the scenario fails
 * when it asks for more. No time is looked at, so it is CI's part of the bench.
 */

const KiB = 1024;
const size: FamilySize = {
  repositories: 4,
  tags: 6,
  layers: { all: [64 * KiB, 16 * KiB], repository: 8 * KiB, tag: 4 * KiB },
};
const { repositories } = size;
const tags = repositories * size.tags;
const shared = size.layers.all.length;
/** Those that all have, one of each repository, and of each tag its layer and its config. */
const blobs = shared + repositories + 2 * tags;
/** Requests to each registry at once. */
const atOnce = 5;
/** Tags under way: those that are written at the same time as a repository's first are read back as well. */
const width = 2 * atOnce - 1;

type Kinds = Readonly<Record<string, number>>;

interface Budget {
  what: string;
  from: 'harbor' | 'plain';
  /** Runs with the same name share destination repositories and, if it is one, the state file. */
  into: string;
  remembers: boolean;
  copied: number;
  /** The most of each kind that may be asked; of what is not here, nothing. */
  api: number;
  source: Kinds;
  destination: Kinds;
}

/** New blob: `GET`, `POST`, `PUT`; known elsewhere at the destination: `POST`; known in the repository: nothing. */
const newTags = {
  copied: tags,
  source: { 'manifest GET': tags, 'blob GET': blobs },
  destination: {
    'list GET': repositories,
    'manifest HEAD': repositories * (1 + Math.min(width, size.tags)),
    'mount POST': blobs + shared * (repositories - 1),
    'upload POST': 0,
    'upload PUT': blobs,
    'manifest PUT': tags,
  },
} as const;

const lists = { 'list GET': repositories };

/** Harbor's lists, and whether the project is a proxy cache. */
const api = repositories + 1;

const harbor = { from: 'harbor', into: 'harbor', remembers: false, api } as const;
const state = { ...harbor, into: 'state', remembers: true } as const;
const plain = { from: 'plain', into: 'plain', remembers: false, api: 0 } as const;
const heads = { 'manifest HEAD': tags };
const unchanged = { copied: 0, source: {}, destination: heads } as const;

const promises: readonly Budget[] = [
  { ...harbor, ...newTags, what: 'new, from a Harbor' },
  { ...harbor, ...unchanged, what: 'unchanged, from a Harbor' },
  { ...state, ...newTags, what: 'new, --state' },
  { ...state, ...unchanged, what: 'unchanged, --state', destination: lists },
  {
    ...plain,
    ...newTags,
    what: 'new, a source without API',
    source: { ...newTags.source, ...lists },
  },
  { ...plain, ...unchanged, what: 'unchanged, a source without API', source: { ...lists, ...heads } },
];

export const budgets: Scenario = {
  name: 'budgets',
  about: `what ${tags} tags in ${repositories} repositories may ask of both ends; fails when it is more`,
  needs: ['docker-registry', 'openssl'],
  async run(stand, say) {
    const place = await startPlace(stand);
    const members = family(size, (index) => `${namespace}/application-${index}`);
    await place.push(members);
    const view = await viewOf(stand, place, 0);
    const rows: Row[] = [];
    const faults: string[] = [];
    for (const budget of promises) {
      const { what } = budget;
      const [counts, counted] = await spend(budget, members, { stand, place, view });
      faults.push(...faultsOf(budget, counts, counted).map((fault) => `${what}: ${fault}`));
      rows.push(rowOf(what, counted));
      say(`${what}: ${JSON.stringify(asked(counted))}`);
    }
    if (faults.length > 0) throw new PromiseBroken(faults.join('\n'));
    return rows;
  },
};

/** A run, what it said and what it asked for. */
async function spend(
  { from, into, remembers }: Budget,
  members: readonly Member[],
  { stand, place, view }: { stand: Stand; place: Place; view: View },
): Promise<[Synced['counts'], Counted]> {
  const moved = movedTo(into);
  const source = from === 'harbor' ? view.harbor : view.source;
  const pairs = pairsOf(members, moved);
  const job = { ...view, source, caFile: place.caFile, pairs, atOnce, folder: stand.folder };
  const flags = remembers ? [`--state=${join(stand.folder, `${into}.db`)}`] : [];
  const [{ counts }, counted] = await place.counted(() => runSync(stand, job, flags));
  await verify(place.destination, members, moved);
  return [counts, counted];
}

/** `sync` asked for more than it promises, or did not do what it was to do. */
class PromiseBroken extends Error {
  override readonly name = 'PromiseBroken';
}

function asked({ source, destination, api }: Counted) {
  const [from, to] = [source, destination].map(({ requests }) => kindsOf(withoutPings(requests)));
  return { api, source: from, destination: to, tokens: [source.tokens.length, destination.tokens.length] };
}

function rowOf(what: string, counted: Counted): Row {
  const { source, destination, api } = counted;
  const requests = requestsOf(counted);
  return {
    what,
    figures: [
      { name: 'requests', value: requests, unit: '' },
      { name: 'each', value: requests / tags, unit: '' },
      { name: 'API calls', value: api, unit: '' },
      { name: 'tokens', value: source.tokens.length + destination.tokens.length, unit: '' },
    ],
  };
}

function faultsOf(budget: Budget, counts: Synced['counts'], { source, destination, api }: Counted): string[] {
  const { copied } = budget;
  const { requests } = destination;
  const wanted = { copied, unchanged: tags - copied, skipped: 0, failed: 0, rulesFailed: 0 };
  const refused = withoutPings([...source.requests, ...requests]).filter(({ status }) => status === 401);
  return [
    ...(isDeepStrictEqual(counts, wanted) ? [] : [`it said ${JSON.stringify(counts)}`]),
    ...over('the API', { calls: api }, { calls: budget.api }),
    ...over('the source', kindsOf(withoutPings(source.requests)), budget.source),
    ...over('the destination', kindsOf(withoutPings(requests)), budget.destination),
    ...sentAgain(requests).map((blob) => `sent ${blob} more than once`),
    ...[...repeated(source.tokens), ...repeated(destination.tokens)].map(
      (of) => `more than one token for ${of}`,
    ),
    ...refused.map(({ kind }) => `${kind} was refused`),
  ];
}

function over(whom: string, kinds: Kinds, most: Kinds): string[] {
  return Object.entries(kinds)
    .filter(([kind, count]) => count > (most[kind] ?? 0))
    .map(([kind, count]) => `asked ${whom} for ${count} × ${kind}, at most ${most[kind] ?? 0} were promised`);
}
