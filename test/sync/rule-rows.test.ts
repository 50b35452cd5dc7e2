import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { contentsOf, push } from '../support/push.ts';
import { multiPlatform } from '../support/image.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { lost, pushTags, said, tagsAt, tiny, warned } from './rows.ts';
import { startEnds, sync, type SyncEnd } from './stand.ts';

/* The rows of "Rules" that say what is copied, and under which name. Those about destinations are elsewhere. */

const { source, destination, auth } = await startEnds({ after });
const R = `${source.host}/p/x`;
const tags = await pushTags(source.url, 'p/x', ['v1', 'v2', 'v1.0-rc', 'w1']);
const [D, D2] = [tags.get('v1') ?? '', tags.get('v2') ?? ''];
await pushTags(source.url, 'p/one', ['v1']);
const all = Object.fromEntries([...tags].toSorted());
const notMatched = 'the number of tags of source and destination is not matched: ';

const to = (repository: string): string => `${destination.host}/n/${repository}`;
const there = (repository: string): ReturnType<typeof tagsAt> => tagsAt(destination.url, `n/${repository}`);

function run(t: TestContext, images: Record<string, unknown>): Promise<SyncEnd> {
  return sync(t, { files: { config: { auth, images } }, flags: ['--retries=0'] });
}

/** Runs rules that have a mistake, beside one that has none and is carried out. Returns what is wrong with them. */
async function mistakes(
  t: TestContext,
  images: Record<string, unknown>,
  repository: string,
): Promise<string[]> {
  const end = await run(t, { ...images, [`${R}:v2`]: to(`${repository}-good`) });
  assert.equal(end.code, 2, 'a wrong configuration');
  assert.deepEqual(await there(`${repository}-good`), { v2: D2 });
  assert.deepEqual(await there(repository), {});
  assert.deepEqual(end.report.counts, {
    copied: 1,
    unchanged: 0,
    skipped: 0,
    failed: 0,
    rulesFailed: Object.keys(images).length,
  });
  const failed = said(end).filter((line) =>
    line.startsWith('error: Failed to executed analyzing image rule for '),
  );
  assert.equal(failed.length, Object.keys(images).length);
  return lost(end);
}

test('row 1: a tag keeps its name or gets another, and its manifest the same bytes', async (t) => {
  await push(source.url, 'p/multi', 'v1', multiPlatform('row 1'));
  const end = await run(t, { [`${source.host}/p/multi:v1`]: [to('row1'), to('row1:x')] });
  assert.equal(end.code, 0);
  const wanted = await contentsOf(source.url, 'p/multi', 'v1');
  for (const tag of ['v1', 'x']) assert.deepEqual(await contentsOf(destination.url, 'n/row1', tag), wanted);
  assert.equal(Object.keys(await there('row1')).length, 2);
});

test('row 2: without a tag every tag is copied under its name, of all pages of the list', async (t) => {
  const registry = await EmbeddedRegistry.start({
    misbehave: (call, next) => {
      if (call.query.has('n')) call.query.set('n', '2');
      return next();
    },
  });
  t.after(() => registry.close());
  const { host } = new URL(registry.url);
  const paged = await pushTags(registry.url, 'p/x', ['a', 'b', 'c', 'd', 'e']);
  const images = { [R]: to('row2'), [`${host}/p/x`]: to('row2-paged') };
  const end = await sync(t, {
    files: { config: { auth: { ...auth, [host]: { insecure: true } }, images } },
  });
  assert.equal(end.code, 0);
  assert.deepEqual(await there('row2'), all);
  assert.deepEqual(await there('row2-paged'), Object.fromEntries(paged));
  assert.equal(registry.requests.filter(({ path }) => path.endsWith('/tags/list')).length, 3);
});

test('row 3: all tags under one name fails unless it is one tag', async (t) => {
  const end = await run(t, { [R]: to('row3:x'), [`${source.host}/p/one`]: to('row3-one:x') });
  assert.equal(end.code, 2);
  assert.match(
    lost(end).join(),
    new RegExp(`^${notMatched}all tags of the source are 4, and 1 at the destination`),
  );
  assert.deepEqual(await there('row3'), {});
  assert.deepEqual(await there('row3-one'), { x: D });
});

test('row 4: the tags of a list keep their names, or are paired with others from left to right', async (t) => {
  const end = await run(t, { [`${R}:v1,v2`]: [to('row4'), to('row4-named:x1,x2')] });
  assert.equal(end.code, 0);
  assert.deepEqual(await there('row4'), { v1: D, v2: D2 });
  assert.deepEqual(await there('row4-named'), { x1: D, x2: D2 });
});

test('row 5: two tags for one name fail their rule, and the other rules go on', async (t) => {
  const [mistake = ''] = await mistakes(t, { [`${R}:v1,v2`]: to('row5:x1') }, 'row5');
  assert.ok(mistake.startsWith(`${notMatched}2 at the source, and 1 at the destination`), mistake);
});

test('row 6: a digest is copied without a tag, or gets the one that is named', async (t) => {
  const end = await run(t, { [`${R}@${D}`]: [to('row6'), to('row6-named:x')] });
  assert.equal(end.code, 0);
  assert.deepEqual(await there('row6'), {});
  const wanted = await contentsOf(source.url, 'p/x', D);
  assert.deepEqual(await contentsOf(destination.url, 'n/row6', D), wanted);
  assert.deepEqual(await there('row6-named'), { x: D });
  assert.deepEqual(
    end.report.tags.map((tag) => tag.destination),
    [`${to('row6')}@${D}`, to('row6-named:x')],
  );
});

test('row 7: a digest for another digest fails its rule', async (t) => {
  const [mistake = ''] = await mistakes(t, { [`${R}@${D}`]: to(`row7@${D2}`) }, 'row7');
  assert.match(mistake, /^the digest of source and destination must match: /);
});

test('row 9: a tag beside a digest is dropped, with a warning', async (t) => {
  const end = await run(t, { [`${R}:v1@${D}`]: to('row9') });
  assert.equal(end.code, 0);
  assert.deepEqual(await there('row9'), {});
  assert.equal((await contentsOf(destination.url, 'n/row9', D)).length, 3);
  assert.deepEqual(warned(end), [
    `the tag v1 of ${R}:v1@${D} means nothing beside a digest: it is copied by digest, and the tag is not made`,
  ]);
});

test('row 9: a tag for a digest is refused before anything is sent', async (t) => {
  const [mistake = ''] = await mistakes(t, { [`${R}:v1`]: to(`row9-refused@${D2}`) }, 'row9-refused');
  assert.match(mistake, /^a tag cannot be copied to a digest, which its content may not have: /);
});

test('row 10: a regular expression selects tags, unanchored; one that selects none is a success with a warning', async (t) => {
  const end = await run(t, {
    [`${R}:/^v/`]: to('row10'),
    [`${R}:/v1/`]: to('row10-within'),
    [`${R}:/(?i)^W1$/`]: to('row10-case:x'),
    [`${R}:/^none/`]: to('row10-none'),
  });
  assert.equal(end.code, 0);
  assert.deepEqual(Object.keys(await there('row10')), ['v1', 'v1.0-rc', 'v2']);
  assert.deepEqual(Object.keys(await there('row10-within')), ['v1', 'v1.0-rc']);
  assert.deepEqual(await there('row10-case'), { x: tags.get('w1') });
  assert.deepEqual(warned(end), [`${R}:/^none/ -> ${to('row10-none')}: the rule selects no tag`]);
});

test('row 12: an expression that is none, or does not end, fails its rule', async (t) => {
  const images = { [`${R}:/(/`]: to('row12'), [`${R}:/v1`]: to('row12'), [`${R}:/(?=v)/`]: to('row12') };
  const [invalid = '', open = '', ahead = ''] = await mistakes(t, images, 'row12');
  assert.match(invalid, /^invalid tag regex of .*: pattern "\(": .*missing closing \)/);
  assert.equal(open, `invalid tag regex url format ${R}:/v1, regex must start and end with "/"`);
  assert.match(ahead, /^invalid tag regex of /, 'RE2 has no lookahead');
});

test('row 14: blanks in a list mean nothing, and an empty element is a mistake of the configuration', async (t) => {
  const end = await run(t, { [`${R}:v1, v2`]: to('row14') });
  assert.equal(end.code, 0);
  assert.deepEqual(await there('row14'), { v1: D, v2: D2 });
  const found = await mistakes(
    t,
    { [`${R}:v1,`]: to('row14-empty'), [`${R}:,v1`]: to('row14-empty') },
    'row14-empty',
  );
  assert.deepEqual(found, [
    `failed to parese canonical url ${R}:v1,: a tag of the list is empty; take its comma away`,
    `failed to parse first tag with url ${R}:,v1: no tag stands behind the last ":"`,
  ]);
});

test('row 15: a list without a first tag is a mistake of the configuration, and no rule is lost in silence', async (t) => {
  const found = await mistakes(t, { [`${R},v1`]: to('row15'), [`${R}@${D},${D2}`]: to('row15') }, 'row15');
  assert.equal(
    found[0],
    `failed to parse first tag with url ${R},v1: a list begins with REPOSITORY:TAG, and the first tag is missing`,
  );
  assert.match(
    found[1] ?? '',
    /^failed to parse first tag with url .*: a list begins with REPOSITORY:TAG; digests may follow/,
  );
});

test('row 16: a scheme, capitals and a slash at the end fail their rules with what to do about it', async (t) => {
  const images = {
    [`https://${R}:v1`]: to('row16'),
    [`${source.host}/P/x:v1`]: to('row16'),
    [`${R}/`]: to('row16'),
    [`${R}:`]: to('row16'),
    [`${R} :v1`]: to('row16'),
  };
  const unparsable = 'failed to parse first tag with url ';
  assert.deepEqual(await mistakes(t, images, 'row16'), [
    `invalid tag regex url format https://${R}:v1, regex must start and end with "/"; if it is none, leave out "https://"`,
    `${unparsable}${source.host}/P/x:v1: the name of a repository has no capital letters`,
    `${unparsable}${R}/: it ends in "/"; take that away`,
    `${unparsable}${R}:: no tag stands behind the last ":"`,
    `${unparsable}${R} :v1: there is a space in it; take it away`,
  ]);
});

/*
 * Docker Hub: a proxy through which `registry-1.docker.io` is a registry of this process, by plain HTTP, as it lets no TLS
 * through. That needs `insecure`, and the registry wants the password: both only a credential says that was found.
 */
async function startHub(t: TestContext) {
  const user = {
    name: 'u',
    password: 'p',
    grants: [{ repositories: /.*/, actions: ['pull', 'push'] as const }],
  };
  const registry = await EmbeddedRegistry.start({ auth: { kind: 'basic', users: [user] } });
  t.after(() => registry.close());
  const proxy = await startConnectProxy(t, new URL(registry.url).host);
  const env = { HTTP_PROXY: proxy.host, HTTPS_PROXY: proxy.host };
  const credential = { username: user.name, password: user.password, insecure: true };
  const pushed = (repository: string, tag: string) => push(registry.url, repository, tag, tiny(tag), user);
  return { proxy, env, credential, pushed };
}

test("row 17: a name of one part is Docker Hub's of library/, one of two is there as it stands", async (t) => {
  const { proxy, env, credential, pushed } = await startHub(t);
  const nginx = await pushed('library/nginx', '1');
  const redis = await pushed('bitnami/redis', '7');
  const images = { 'nginx:1': to('row17'), 'bitnami/redis:7': to('row17') };
  const end = await sync(t, {
    files: { config: { auth: { ...auth, 'docker.io': credential }, images } },
    env,
  });
  assert.equal(end.code, 0);
  assert.deepEqual(await there('row17'), { 1: nginx, 7: redis });
  assert.deepEqual(
    end.report.tags.map((tag) => tag.source),
    ['docker.io/library/nginx:1', 'docker.io/bitnami/redis:7'],
  );
  const hosts = new Set(proxy.requests.map((request) => /(?<=CONNECT |:\/\/)[^/]*/.exec(request)?.[0]));
  assert.deepEqual([...hosts], ['registry-1.docker.io:443', 'registry-1.docker.io']);
  assert.ok(proxy.requests.includes('GET http://registry-1.docker.io/v2/library/nginx/manifests/1'));
  assert.deepEqual(warned(end), [
    'nginx:1 names no registry, so that it is docker.io/library/nginx of Docker Hub: write that if it is meant',
    'bitnami/redis:7 names no registry, so that it is docker.io/bitnami/redis of Docker Hub: write that if it is meant',
  ]);
});

test('row 18: a credential of docker.io is found for short names without a tag as well, and by their full paths', async (t) => {
  const { env, credential, pushed } = await startHub(t);
  const digest = await pushed('bitnami/redis', '7');
  const nginx = await pushed('library/nginx', '1');
  const images = { 'bitnami/redis': to('row18'), nginx: to('row18-official') };
  for (const keys of [['docker.io'], ['docker.io/bitnami/', 'docker.io/library/nginx']]) {
    const found = Object.fromEntries(keys.map((key) => [key, credential]));
    const end = await sync(t, { files: { config: { auth: { ...auth, ...found }, images } }, env });
    assert.equal(end.code, 0, said(end).join('\n'));
    assert.equal(end.report.tags.length, 2);
  }
  assert.deepEqual(await there('row18'), { 7: digest });
  assert.deepEqual(await there('row18-official'), { 1: nginx });
});

test('row 20: a destination that is listed twice is one', async (t) => {
  const end = await run(t, { [`${R}:v1`]: [to('row20'), to('row20-other'), to('row20')] });
  assert.equal(end.code, 0);
  assert.equal(end.report.counts.copied, 2);
  const analysed = said(end).filter((line) => line.startsWith('info: Finish analyzing image rule for '));
  assert.equal(analysed.length, 2);
  for (const repository of ['row20', 'row20-other']) assert.deepEqual(await there(repository), { v1: D });
});
