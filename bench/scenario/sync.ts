import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { digestOf } from '../../src/oci/digest.ts';
import { parallel } from '../../src/task/parallel.ts';
import { askedAgain, repeated, sentAgain, withoutPings } from '../../test/support/access-log.ts';
import { certificate } from '../../test/support/certificate.ts';
import { Client } from '../../test/support/client.ts';
import { type Asked, type CountedEnd, namespace, startCountedEnds } from '../../test/support/counted-ends.ts';
import { type Member, family, pushFamily, rebuilt } from '../../test/support/family.ts';
import type { Figure, Row, Scenario } from '../scenario.ts';
import { type Line, startLine } from '../support/line.ts';
import { shown } from '../support/number.ts';
import { authority } from '../support/registries.ts';
import { type Reached, copyBySkopeo } from '../support/skopeo.ts';
import type { Stand } from '../support/stand.ts';
import { type Synced, runSync as syncProcess } from '../support/sync.ts';

/*
 * `tagferry sync` of many tags from a Harbor-shaped registry to an ACR-shaped one, over TLS and with tokens: all new, nothing
 * new, and with a state file all new and then a few changed; on loopback, and with a round trip of 40 ms to everything.
 * Beside it `skopeo copy` of a part of the tags, as many at a time as sync has requests in flight by default. Every
 * request is counted by the registry's own access log. What sync promises of them is checked here.
 */

const KiB = 1024;
const size = {
  repositories: 10,
  tags: 30,
  layers: { all: [4096 * KiB, 1024 * KiB], repository: 256 * KiB, tag: 16 * KiB },
};
const tags = size.repositories * size.tags;
const changed = 10;
const bySkopeo = 40;
const atOnce = 5;
const far = 40;

export const sync: Scenario = {
  name: 'sync',
  about: `${size.repositories * size.tags} tags in ${size.repositories} repositories by tagferry sync, on loopback and ${far} ms away`,
  needs: ['docker-registry', 'openssl', 'skopeo'],
  async run(stand, say) {
    const place = await startPlace(stand);
    await pushFamily(place.source.url, place.members, place.source.credential);
    say('pushed');
    const rows: Row[] = [];
    const faults: string[] = [];
    const tell = (measured: Measured): void => {
      say(lineOf(measured.row));
      rows.push(measured.row);
      faults.push(...measured.faults.map((fault) => `${measured.row.what}: ${fault}`));
    };
    for (const roundTrip of [0, far]) await measure(await distanceOf(stand, place, roundTrip), tell);
    if (faults.length > 0) throw new PromiseBroken(faults.join('\n'));
    return rows;
  },
};

/** `sync` asked for more than it promises, or what it copied is not what the source has. */
class PromiseBroken extends Error {
  override readonly name = 'PromiseBroken';
}

interface Place {
  source: CountedEnd;
  destination: CountedEnd;
  /** The ways to their token servers. */
  realms: Line[];
  caFile: string;
  /** What the source holds now. */
  members: Member[];
}

async function startPlace(stand: Stand): Promise<Place> {
  const { key, cert } = await certificate();
  const realms: Line[] = [];
  const realm = async (url: string): Promise<string> => {
    const line = await startLine(stand, url, 0);
    realms.push(line);
    return line.url;
  };
  const ends = await startCountedEnds(stand, { tls: { key, cert }, realm });
  const members = family(size, (index) => `${namespace}/application-${index}`);
  return { ...ends, realms, caFile: await authority(stand), members };
}

/** The place as it is seen from somewhere. */
interface Distance {
  stand: Stand;
  place: Place;
  name: string;
  source: Reached;
  destination: Reached;
}

async function distanceOf(stand: Stand, place: Place, roundTrip: number): Promise<Distance> {
  for (const line of place.realms) line.roundTrip = roundTrip;
  const seen = async ({ url, credential }: CountedEnd): Promise<Reached> =>
    roundTrip === 0 ? { url, credential } : { url: (await startLine(stand, url, roundTrip)).url, credential };
  const [source, destination] = [await seen(place.source), await seen(place.destination)];
  return { stand, place, name: roundTrip === 0 ? 'loopback' : `${roundTrip}ms`, source, destination };
}

interface Measured {
  row: Row;
  /** Promises that were broken. */
  faults: readonly string[];
}

async function measure(at: Distance, tell: (measured: Measured) => void): Promise<void> {
  const state = `--state=${join(at.stand.folder, `${at.name}.db`)}`;
  let peer = await runSkopeo(at, 'all new');
  tell(peer);
  tell(await runSync(at, 'all new', { into: 'plain', copied: tags, peer }));
  peer = await runSkopeo(at, 'unchanged');
  tell(peer);
  tell(await runSync(at, 'unchanged', { into: 'plain', copied: 0, peer }));
  tell(await runSync(at, 'all new, --state', { into: 'state', copied: tags, flags: [state] }));
  await change(at.place);
  tell(await runSync(at, `${changed} changed, --state`, { into: 'state', copied: changed, flags: [state] }));
}

async function change(place: Place): Promise<void> {
  const again = place.members.slice(0, changed).map((member) => rebuilt(member, size));
  await pushFamily(place.source.url, again, place.source.credential);
  place.members = [...again, ...place.members.slice(changed)];
}

/** Both ends while one command ran. */
interface Counted {
  source: Asked;
  destination: Asked;
}

async function counted<T>({ source, destination }: Place, work: () => Promise<T>): Promise<[T, Counted]> {
  await Promise.all([source.asked(), destination.asked()]);
  const result = await work();
  return [result, { source: await source.asked(), destination: await destination.asked() }];
}

interface Peer extends Measured {
  rate: number;
}

async function runSkopeo(at: Distance, what: string): Promise<Peer> {
  const pairs = at.place.members.slice(0, bySkopeo).map(({ repository, tag }) => {
    const into = destinationOf(repository, `${at.name}-skopeo`);
    return [`${repository}:${tag}`, `${into}:${tag}`] as const;
  });
  const copying = () => copyBySkopeo(at.source, at.destination, pairs, atOnce);
  const [seconds, both] = await counted(at.place, copying);
  const rate = bySkopeo / seconds;
  const figures = [{ name: 'rate', value: rate, unit: 'tags/s' }, ...requestsOf(both, bySkopeo)];
  return { rate, faults: [], row: { what: `${at.name}: skopeo copy, ${what}`, figures } };
}

interface RunOptions {
  /** Which repositories of the destination. */
  into: string;
  /** Tags that it has to copy; the others are unchanged. */
  copied: number;
  flags?: readonly string[];
  peer?: Peer;
}

async function runSync(at: Distance, what: string, options: RunOptions): Promise<Measured> {
  const { into, copied, flags = [], peer } = options;
  const { place, stand, source, destination } = at;
  const moved = (repository: string): string => destinationOf(repository, `${at.name}-${into}`);
  const repositories = new Map(place.members.map(({ repository }) => [repository, moved(repository)]));
  const running = () =>
    syncProcess(stand, { source, destination, caFile: place.caFile, repositories, flags });
  const [run, both] = await counted(place, running);
  const rate = tags / run.seconds;
  const figures = [
    { name: 'rate', value: rate, unit: 'tags/s' },
    { name: 'all', value: run.seconds, unit: 's' },
    { name: 'processor', value: run.processor, unit: 's' },
    ...requestsOf(both, tags),
    { name: 'sent', value: sentBytes(place, both) / KiB ** 2, unit: 'MiB' },
  ];
  const ratio = peer && { ratio: { to: 'the rate of skopeo copy', value: rate / peer.rate } };
  const row = { what: `${at.name}: sync, ${what}`, figures, memory: run.memory, ...ratio };
  const wrong = await different(place, moved);
  return { row, faults: [...countFaults(run, copied), ...wrong, ...requestFaults(both, copied)] };
}

function destinationOf(repository: string, prefix: string): string {
  return repository.replace('/', `/${prefix}-`);
}

function requestsOf({ source, destination }: Counted, of: number): Figure[] {
  const all = [...source.requests, ...destination.requests];
  const rest = withoutPings(all).length;
  const tokens = source.tokens.length + destination.tokens.length;
  return [
    { name: 'requests', value: rest, unit: '' },
    { name: 'each', value: rest / of, unit: '' },
    { name: 'tokens', value: tokens, unit: '' },
    { name: 'pings', value: all.length - rest, unit: '' },
    { name: 'blobs asked for again', value: askedAgain(destination.requests).length, unit: '' },
  ];
}

/** Bytes of the blobs that the destination took. */
function sentBytes({ members }: Place, { destination }: Counted): number {
  const blobs = members.flatMap(({ image }) => image.blobs.map(({ descriptor }) => descriptor));
  const sizes = new Map<string, number>(blobs.map(({ digest, size: bytes }) => [digest, bytes]));
  return destination.requests
    .filter(({ kind, status }) => kind === 'upload PUT' && status === 201)
    .reduce((sum, { reference }) => sum + (sizes.get(reference) ?? Number.NaN), 0);
}

function countFaults({ counts }: Synced, copied: number): string[] {
  const wanted = { copied, unchanged: tags - copied, skipped: 0, failed: 0, rulesFailed: 0 };
  return isDeepStrictEqual(counts, wanted) ? [] : [`it said ${JSON.stringify(counts)}`];
}

function requestFaults({ source, destination }: Counted, copied: number): string[] {
  const { requests } = destination;
  const all = withoutPings([...source.requests, ...requests]);
  const faults = [
    ...askedAgain(requests).map((blob) => `asked for ${blob} more than once`),
    ...sentAgain(requests).map((blob) => `sent ${blob} more than once`),
    ...[...repeated(source.tokens), ...repeated(destination.tokens)].map(
      (scopes) => `asked for more than one token for ${scopes}`,
    ),
    ...all.filter(({ status }) => status === 401).map(({ kind }) => `${kind} was refused`),
  ];
  const mounted = requests.filter(({ kind, status }) => kind === 'mount POST' && status === 201).length;
  const mounts = copied === tags ? size.layers.all.length * (size.repositories - 1) : 0;
  if (mounted !== mounts) faults.push(`mounted ${mounted} blobs instead of ${mounts}`);
  const questions = all.filter(({ kind }) => kind !== 'list GET').length;
  if (copied === 0 && questions > 2 * tags) faults.push(`asked ${questions} questions for ${tags} tags`);
  return faults;
}

/** Tags that are not at the destination as they are at the source. */
async function different(
  { members, destination }: Place,
  moved: (repository: string) => string,
): Promise<string[]> {
  const { url, credential } = destination;
  const clients = new Map(members.map(({ repository }) => [repository, new Client(url, credential)]));
  const faults: string[] = [];
  await parallel(members, 8, async ({ repository, tag, image: { descriptor } }) => {
    const path = `/v2/${moved(repository)}/manifests/${tag}`;
    const headers = { accept: descriptor.mediaType };
    const answer = await clients.get(repository)?.send(path, { headers });
    if (answer === undefined || digestOf(answer.body) !== descriptor.digest) faults.push(`${path} differs`);
  });
  return faults;
}

function lineOf({ what, figures }: Row): string {
  return `${what}: ${figures.map(({ name, value, unit }) => `${name} ${shown(value)} ${unit}`.trimEnd()).join(', ')}`;
}
