import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Member } from '../../test/support/family.ts';
import { peersHere } from '../peer/all.ts';
import { type Job, type Peer, type Ran, movedTo, pairsOf, runPeer } from '../peer/peer.ts';
import type { Figure, Row } from '../scenario.ts';
import { median, shown } from './number.ts';
import { type Counted, type Place, type View, requestsOf } from './place.ts';
import type { Stand } from './stand.ts';
import { runSync } from './sync.ts';
import { verify } from './verify.ts';

/*
 * Ours and every other tool that is there copy the same by turns, some rounds of it; what is at the destination is compared
 * after each run, and the medians are told.
 */

export interface Contest {
  stand: Stand;
  place: Place;
  view: View;
  members: readonly Member[];
  rounds: number;
  atOnce: number;
  /** Where tags are new, every run has destination repositories of its own. */
  tags: 'new' | 'unchanged';
  /** Without Harbor's API there is nothing between anybody and the source. */
  api?: false;
  /** Beside the tools: what moves the same without being one of them. */
  more?: readonly Contestant[];
  say: (line: string) => void;
}

export interface Contestant {
  name: string;
  ours: boolean;
  /** How many of the tags it copies; without it, all. */
  part?: number;
  /** It keeps what it has seen at a registry: of new tags only its first round is like everybody's. */
  remembers?: boolean;
  run(job: Job): Promise<Ran>;
}

interface Round extends Ran {
  counted: Counted;
}

/** Of many tags, what a tool copies that is started for each of them. */
const part = 40;

export async function contest(options: Contest): Promise<Row[]> {
  const contestants = [...ours(options), ...peersHere().map(peerOf), ...(options.more ?? [])];
  const runs = new Map(contestants.map((one) => [one, new Array<Round>()]));
  for (let round = 1; round <= options.rounds; round++)
    for (const [one, done] of rotated([...runs], round - 1)) {
      if (one.remembers && options.tags === 'new' && round > 1) continue;
      const ran = await runOne(options, one, round);
      done.push(ran);
      options.say(
        `${round}/${options.rounds} ${one.name}: ${shown(ran.seconds)} s, ${requestsOf(ran.counted)} requests`,
      );
    }
  return rowsOf(runs, options.members.length);
}

/** Who comes after whom changes, for a run leaves the disk something to write. */
function rotated<T>(all: readonly T[], by: number): T[] {
  const first = by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

function ours(options: Contest): Contestant[] {
  const { stand, view, members, tags } = options;
  const state = `--state=${join(stand.folder, `state-${Math.random().toString(36).slice(2)}.db`)}`;
  const by = (name: string, from: keyof View, flags: readonly string[] = []): Contestant => ({
    name,
    ours: true,
    async run(job) {
      const ran = await runSync(stand, { ...job, source: view[from] }, flags);
      const none = { copied: 0, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 };
      const wanted = { ...none, [tags === 'new' ? 'copied' : 'unchanged']: members.length };
      if (!isDeepStrictEqual(ran.counts, wanted)) throw new Unexpected(JSON.stringify(ran.counts));
      return ran;
    },
  });
  const plain = by('sync, a source without API', 'source');
  if (options.api === false) return [plain];
  const both = [by('sync', 'harbor'), plain];
  return tags === 'new' ? both : [...both, by('sync --state', 'harbor', [state])];
}

/** It did not say that it has done what it was to do. */
class Unexpected extends Error {
  override readonly name = 'Unexpected';
}

function peerOf(peer: Peer): Contestant {
  const run = (job: Job): Promise<Ran> => runPeer(peer, job);
  return {
    name: peer.name,
    ours: false,
    run,
    remembers: peer.remembers ?? false,
    ...(peer.perTag && { part }),
  };
}

async function runOne(options: Contest, one: Contestant, round: number): Promise<Round> {
  const { stand, place, view, atOnce, tags } = options;
  const members = options.members.slice(0, one.part);
  const prefix = `${one.name.toLowerCase().replaceAll(/\W+/g, '-')}-${round}`;
  const moved = tags === 'new' ? movedTo(prefix) : (repository: string): string => repository;
  const pairs = pairsOf(members, moved);
  const { source, destination } = view;
  const job = { source, destination, caFile: place.caFile, pairs, atOnce, folder: stand.folder };
  // What it has to remember of unchanged tags, it has seen once.
  if (tags === 'unchanged' && round === 1 && one.ours) await one.run(job);
  const [ran, counted] = await place.counted(() => one.run(job));
  await verify(place.destination, members, moved);
  return { ...ran, counted };
}

function rowsOf(runs: ReadonlyMap<Contestant, readonly Round[]>, tags: number): Row[] {
  const timeOf = (one: Contestant): number =>
    median((runs.get(one) ?? []).map(({ seconds }) => seconds)) / Math.min(one.part ?? tags, tags);
  const others = [...runs.keys()].filter(({ ours: own }) => !own);
  const best = others.toSorted((one, other) => timeOf(one) - timeOf(other))[0];
  return [...runs].map(([one, rounds]) => ({
    what: one.name,
    figures: figuresOf(rounds, Math.min(one.part ?? tags, tags)),
    ...(one.ours && best && { ratio: { to: `the time of ${best.name}`, value: timeOf(one) / timeOf(best) } }),
    memory: Math.max(...rounds.map(({ memory }) => memory)),
  }));
}

function figuresOf(rounds: readonly Round[], tags: number): Figure[] {
  const of = (figure: (round: Round) => number): number => median(rounds.map(figure));
  return [
    { name: 'time', value: of(({ seconds }) => seconds), unit: 's' },
    { name: 'best', value: Math.min(...rounds.map(({ seconds }) => seconds)), unit: 's' },
    { name: 'tags', value: tags, unit: '' },
    { name: 'processor', value: of(({ processor }) => processor), unit: 's' },
    { name: 'requests', value: of(({ counted }) => requestsOf(counted)), unit: '' },
    { name: 'API calls', value: of(({ counted }) => counted.api), unit: '' },
    {
      name: 'tokens',
      value: of(({ counted: { source, destination } }) => source.tokens.length + destination.tokens.length),
      unit: '',
    },
  ];
}
