import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { askedAgain, kindsOf, repeated, sentAgain, withoutPings } from '../support/access-log.ts';
import { type Asked, type CountedEnd, namespace, startCountedEnds } from '../support/counted-ends.ts';
import { family, pushFamily, rebuilt } from '../support/family.ts';
import { digestOfTag } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { sync, type SyncEnd } from './stand.ts';

/*
 * What runs ask, between two registries with tokens: everything is new, nothing is (without a state file, and with one), a few
 * tags are.
 */

const size = { repositories: 5, tags: 6, layers: { all: [30_000, 5_000], repository: 4_000, tag: 2_000 } };
const tags = size.repositories * size.tags;
const few = 3;
/** Below the tags: layers that all have, and that and each repository's, and each tag's own and its config. */
const shared = size.layers.all.length;
const blobs = shared + size.repositories + 2 * tags;

const nameOf = (index: number): string => `${namespace}/application-${index}`;
const { source, destination } = await startCountedEnds({ after });
const state = join(await temporaryFolder({ after }), 'state.db');

const members = family(size, nameOf);
await pushFamily(source.url, members, source.credential);
const first = await counted();
const second = await counted([]);
const remembering = await counted();
const changed = members.slice(0, few).map((member) => rebuilt(member, size));
await pushFamily(source.url, changed, source.credential);
const third = await counted();
const all = [first, second, remembering, third];

interface Counted {
  end: SyncEnd;
  source: Asked;
  destination: Asked;
}

async function counted(flags = [`--state=${state}`]): Promise<Counted> {
  await Promise.all([source.asked(), destination.asked()]);
  const auth = { [source.host]: loginOf(source), [destination.host]: loginOf(destination) };
  const names = Array.from({ length: size.repositories }, (_, index) => nameOf(index));
  const images = names.map((name) => [`${source.host}/${name}`, `${destination.host}/${name}`]);
  const config = { auth, images: Object.fromEntries(images) };
  const end = await sync({ after }, { files: { config }, flags });
  return { end, source: await source.asked(), destination: await destination.asked() };
}

function loginOf({ credential: { name, password } }: CountedEnd) {
  return { username: name, password, insecure: true };
}

test('every tag is copied under its digest', async () => {
  const nothing = { copied: 0, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 };
  assert.deepEqual(first.end.report.counts, { ...nothing, copied: tags });
  assert.deepEqual(second.end.report.counts, { ...nothing, unchanged: tags });
  assert.deepEqual(remembering.end.report.counts, { ...nothing, unchanged: tags });
  assert.deepEqual(third.end.report.counts, { ...nothing, copied: few, unchanged: tags - few });
  const { url, credential } = destination;
  for (const { repository, tag, image } of [...changed, ...members.slice(few)])
    assert.equal(await digestOfTag(url, repository, tag, credential), image.descriptor.digest);
});

test('one token is asked for per set of scopes, however many requests wait for it', () => {
  for (const { tokens } of all.flatMap((run) => [run.source, run.destination])) {
    assert.ok(tokens.length >= size.repositories);
    assert.deepEqual(repeated(tokens), []);
  }
});

test('nothing but the first ping is sent without a token', () => {
  for (const { requests } of all.flatMap((run) => [run.source, run.destination])) {
    const refused = requests.filter(({ status }) => status === 401);
    assert.deepEqual([...new Set(refused.map(({ kind }) => kind))], ['ping GET']);
  }
});

test('of a new tag the source is asked what it is, and for all below it', () => {
  assert.deepEqual(kindsOf(withoutPings(first.source.requests)), {
    'list GET': size.repositories,
    'manifest GET': tags,
    'blob GET': blobs,
  });
});

test('of a new repository the destination is asked for a tag and the list; the first tag that is written is read back', () => {
  const looks = first.destination.requests.filter(({ kind }) => /list|HEAD/.test(kind));
  assert.deepEqual(kindsOf(looks), {
    'list GET': size.repositories,
    'manifest HEAD': 2 * size.repositories,
  });
});

test('a blob is asked for by the beginning of its upload, sent once, and mounted everywhere else', () => {
  const { requests } = first.destination;
  assert.deepEqual(askedAgain(requests), []);
  assert.deepEqual(sentAgain(requests), []);
  assert.deepEqual(kindsOf(withoutPings(requests)), {
    'manifest HEAD': 2 * size.repositories,
    'list GET': size.repositories,
    'mount POST': blobs + shared * (size.repositories - 1),
    'upload PUT': blobs,
    'manifest PUT': tags,
  });
  const mounts = requests.filter(({ kind }) => kind === 'mount POST');
  const made = mounts.filter(({ status }) => status === 201);
  assert.equal(made.length, shared * (size.repositories - 1));
});

test('an unchanged tag costs one question at each end, beside the lists', () => {
  const lists = { 'list GET': size.repositories };
  assert.deepEqual(kindsOf(withoutPings(second.source.requests)), { ...lists, 'manifest HEAD': tags });
  assert.deepEqual(kindsOf(withoutPings(second.destination.requests)), { 'manifest HEAD': tags });
});

test('with a state file an unchanged tag costs one question at the source, and a repository one list at each end', () => {
  const lists = { 'list GET': size.repositories };
  assert.deepEqual(kindsOf(withoutPings(remembering.source.requests)), { ...lists, 'manifest HEAD': tags });
  assert.deepEqual(kindsOf(withoutPings(remembering.destination.requests)), lists);
});

test('with a state file a changed tag brings what is its own, and asks for nothing else', () => {
  const own = 2 * few;
  assert.deepEqual(kindsOf(withoutPings(third.destination.requests)), {
    'list GET': size.repositories,
    'manifest HEAD': 2 * few,
    // What the tag named before may have said the same.
    'manifest GET': few,
    'mount POST': own,
    'upload PUT': own,
    'manifest PUT': few,
  });
});
