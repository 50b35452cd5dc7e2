import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, beforeEach, test } from 'node:test';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { selfSigned } from '../support/certificate.ts';
import { harborTokens } from '../support/harbor-tokens.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { type TokenServer, startTokenServer } from '../support/token-server.ts';
import { wholeFile } from '../support/whole-file.ts';
import { type SyncEnd, sync } from './stand.ts';
import { type Watched, watch } from './watched.ts';

/*
 * Credentials of image-syncer's files, by the rows of the compatibility table. The source is a real registry that
 * wants tokens; its token service knows who asked for them. The destination is open.
 */
const owner = { name: 'owner', password: 'all-of-it' };
const wide = { name: 'wide', password: 'for-wide' };
const narrow = { name: 'narrow', password: 'for-narrow' };
const literal = { name: 'literal', password: '${PW}' };
const oauth = { name: '$oauthtoken', password: 'of-ngc' };
const dollar = { name: 'pa$$er', password: 'a$b${c' };

const every = ['pull', 'push'];
const users = [
  { ...owner, projects: { wide: every, narrow: every, narrower: every, open: every, closed: every } },
  { ...wide, projects: { wide: ['pull'], narrower: ['pull'] } },
  { ...narrow, projects: { narrow: ['pull'] } },
  ...[literal, oauth, dollar].map((user) => ({ ...user, projects: { closed: ['pull'] } })),
];

let tokens: TokenServer;
let source: Watched;
let destination: Watched;
/** The destination under HTTPS, by a certificate that nobody knows. */
let secure: Watched;
const file = wholeFile();
const image = ociImage('credentials', { layers: [500] });

before(async () => {
  tokens = await startTokenServer(file, harborTokens(users, ['open']));
  const [registry, open] = await Promise.all([
    startDockerRegistry(file, { token: tokens.trust }),
    startDockerRegistry(file),
  ]);
  source = await watch(file, registry.url);
  destination = await watch(file, open.url);
  secure = await watch(file, open.url, await selfSigned());
  for (const project of ['wide', 'narrow', 'narrower', 'open', 'closed'])
    await push(source.direct, `${project}/app`, 'v1', image, owner);
});

beforeEach(() => {
  tokens.requests.length = 0;
  source.requests.length = 0;
});

interface Login {
  username?: string | undefined;
  password?: string | undefined;
  insecure?: boolean;
}

function login({ name, password }: typeof owner): Login {
  return { username: name, password, insecure: true };
}

/** Copies `PROJECT/app:v1` of the source for each of the projects, into a folder of the destination. */
async function copied(
  t: Ending,
  folder: string,
  projects: readonly string[],
  given: { auth?: Record<string, Login>; config?: Record<string, Login>; env?: Record<string, string> },
): Promise<SyncEnd> {
  const rules = projects.map((project) => [
    `${source.host}/${project}/app:v1`,
    `${destination.host}/${folder}/${project}`,
  ]);
  const images = Object.fromEntries(rules);
  const open = { [destination.host]: { insecure: true } };
  const files = given.config
    ? { config: { auth: { ...open, ...given.config }, images } }
    : { auth: { ...open, ...given.auth }, images };
  asking.length = 0;
  const before = tokens.questions.length;
  const end = await sync(t, { files, flags: ['--retries=0'], ...(given.env && { env: given.env }) });
  for (const { name = 'nobody', scopes } of tokens.questions.slice(before))
    asking.push(...scopes.map((scope) => `${name} for ${scope.name}`));
  return end;
}

/** Who asked for what, the last time. */
const asking: string[] = [];

async function assertThere(folder: string, ...projects: string[]): Promise<void> {
  for (const project of projects)
    assert.equal(
      await digestOfTag(destination.direct, `${folder}/${project}`, 'v1'),
      image.descriptor.digest,
    );
}

function warnings({ log }: SyncEnd): string[] {
  return log.filter((line) => line.includes('level=warning'));
}

test('row 32: of the keys HOST and HOST/PROJECT the longer one counts, and it ends with the whole project', async (t) => {
  const auth = { [source.host]: login(wide), [`${source.host}/narrow/`]: login(narrow) };
  // Whatever comes first in the file.
  for (const [folder, keys] of Object.entries({ a: auth, b: reversed(auth) })) {
    const { code } = await copied(t, `row32/${folder}`, ['wide', 'narrow', 'narrower'], { auth: keys });
    assert.equal(code, 0);
    assert.deepEqual(asking.toSorted(), [
      'narrow for narrow/app',
      'wide for narrower/app',
      'wide for wide/app',
    ]);
    await assertThere(`row32/${folder}`, 'wide', 'narrow', 'narrower');
  }
});

function reversed<T>(mapping: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(mapping).toReversed());
}

test('row 34: a key that is the whole repository is the one that fits best', async (t) => {
  const auth = { [source.host]: login(wide), [`${source.host}/narrow/app`]: login(narrow) };
  const { code, report } = await copied(t, 'row34', ['narrow'], { auth });
  assert.deepEqual([code, report.counts.copied, asking], [0, 1, ['narrow for narrow/app']]);
  await assertThere('row34', 'narrow');
});

const withoutBoth: Record<string, Login> = {
  'its key has neither': {},
  'there is a user name without a password': { username: owner.name, insecure: true },
  'there is a password without a user name': { password: owner.password, insecure: true },
};
for (const [index, [what, given]] of Object.entries(withoutBoth).entries())
  test(`row 35: where ${what}, it is asked anonymously with a warning, and no login of this machine is used`, async (t) => {
    await logIn(t);
    const folder = `row35/${index}`;
    const auth = { [source.host]: { insecure: true, ...given } };
    const end = await copied(t, folder, ['open', 'closed'], { auth });
    assert.equal(end.code, 1);
    assert.deepEqual(
      end.report.tags.map(({ outcome, reason }) => [outcome, reason]),
      [
        ['copied', undefined],
        ['failed', 'source-denied'],
      ],
    );
    assert.deepEqual(asking.toSorted(), ['nobody for closed/app', 'nobody for open/app']);
    await assertThere(folder, 'open');
    if (index > 0) assert.match(warnings(end)[0] ?? '', /without a (password|username): .*anonymously/);
  });

test('row 35: a registry without a key is asked anonymously by verified HTTPS, and named in a warning', async (t) => {
  const images = { [`${secure.host}/row35/none:v1`]: `${destination.host}/row35/none` };
  const end = await sync(t, {
    files: { auth: { [destination.host]: { insecure: true } }, images },
    flags: ['--retries=0'],
  });
  assert.equal(end.code, 1);
  assert.ok(warnings(end)[0]?.includes(`no key for ${secure.host}/row35/none: it is asked anonymously`));
});

/** As image-syncer's library looks for logins: a valid one of the source in every place. */
async function logIn(t: Ending): Promise<void> {
  const folder = await temporaryFolder(t);
  const auth = Buffer.from(`${owner.name}:${owner.password}`).toString('base64');
  const logins = JSON.stringify({ auths: { [source.host]: { auth } } });
  for (const path of [
    '.docker/config.json',
    'containers/auth.json',
    '.config/containers/auth.json',
    'config.json',
  ]) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), logins);
  }
  const variables = {
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    DOCKER_CONFIG: folder,
    REGISTRY_AUTH_FILE: join(folder, 'config.json'),
  };
  for (const [name, value] of Object.entries(variables)) {
    const old = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (old === undefined) delete process.env[name];
      else process.env[name] = old;
    });
  }
}

test('row 36: variables in --auth are replaced, in --config they are the password itself', async (t) => {
  const env = { NAME: wide.name, PW: wide.password };
  for (const [index, [username, password]] of [
    ['$NAME', '$PW'],
    ['${NAME}', '${PW}'],
    [wide.name, 'for-${NAME}'],
  ].entries()) {
    const auth = { [source.host]: { username, password, insecure: true } };
    const end = await copied(t, `row36/${index}`, ['wide'], { auth, env });
    assert.deepEqual([end.code, asking], [0, ['wide for wide/app']]);
    assert.deepEqual(warnings(end), []);
  }
  const end = await copied(t, 'row36/config', ['closed'], { config: { [source.host]: login(literal) }, env });
  assert.deepEqual([end.code, asking], [0, ['literal for closed/app']]);
  await assertThere('row36/config', 'closed');
});

test('row 38: a variable that is not set stays as it is written, with a warning', async (t) => {
  const end = await copied(t, 'row38/unset', ['closed'], { auth: { [source.host]: login(oauth) } });
  assert.deepEqual([end.code, asking], [0, ['$oauthtoken for closed/app']]);
  assert.match(warnings(end)[0] ?? '', /username refers to an environment variable that is not set/);
  const other = await copied(t, 'row38/dollars', ['closed'], { auth: { [source.host]: login(dollar) } });
  assert.deepEqual([other.code, asking], [0, ['pa$$er for closed/app']]);
  assert.deepEqual(warnings(other), []);
});

/** From one of the ways to the destination to another. */
async function between(
  t: Ending,
  name: string,
  [from, to]: readonly [Watched, Watched],
  auth: Record<string, Login>,
): Promise<SyncEnd> {
  await push(destination.direct, `${name}/from`, 'v1', image);
  const images = { [`${from.host}/${name}/from:v1`]: `${to.host}/${name}/to` };
  return sync(t, { files: { auth, images }, flags: ['--retries=0'] });
}

test('row 39: insecure takes a certificate that nobody knows, and plain HTTP where HTTPS fails, at both ends', async (t) => {
  const ways = [
    [secure, destination],
    [destination, secure],
  ] as const;
  const auth = { [secure.host]: { insecure: true }, [destination.host]: { insecure: true } };
  for (const [index, ends] of ways.entries()) {
    const { code } = await between(t, `row39/${index}`, ends, auth);
    assert.equal(code, 0);
    assert.equal(await digestOfTag(destination.direct, `row39/${index}/to`, 'v1'), image.descriptor.digest);
  }
});

test('row 39: the key of an insecure registry has its port, and the log says so', async (t) => {
  const { hostname } = new URL(destination.url);
  const end = await between(t, 'row39/port', [destination, destination], { [hostname]: { insecure: true } });
  assert.equal(end.code, 1);
  assert.ok(
    warnings(end).some((line) =>
      line.includes(`${hostname} is another one, for the port belongs to the key`),
    ),
    end.log.join('\n'),
  );
});

test('row 40: without insecure, a registry of plain HTTP is a failure, and nothing is asked of it', async (t) => {
  await push(destination.direct, 'row40/from', 'v1', image);
  destination.requests.length = 0;
  const images = { [`${destination.host}/row40/from:v1`]: `${secure.host}/row40/to` };
  const auth = {
    [destination.host]: { ...login(owner), insecure: false },
    [secure.host]: { insecure: true },
  };
  const { code, report } = await sync(t, { files: { auth, images }, flags: ['--retries=0'] });
  const [tag] = report.tags;
  assert.deepEqual([code, tag?.outcome, tag?.reason], [1, 'failed', 'tls']);
  assert.match(
    tag?.message ?? '',
    /expected TLS, got something else, probably plain HTTP; .* insecure: true/,
  );
  assert.deepEqual(destination.requests, []);
});

test('row 40: nor is a certificate taken that nobody knows, and the message says what can be done', async (t) => {
  const images = { [`${destination.host}/row40/from:v1`]: `${secure.host}/row40/to` };
  secure.requests.length = 0;
  const { name: username, password } = owner;
  const auth = { [destination.host]: { insecure: true }, [secure.host]: { username, password } };
  const { code, report } = await sync(t, { files: { auth, images }, flags: ['--retries=0'] });
  const [tag] = report.tags;
  assert.deepEqual([code, tag?.outcome, tag?.reason], [1, 'failed', 'tls']);
  assert.match(tag?.message ?? '', /self-signed certificate; to trust it, .* SSL_CERT_FILE.* insecure: true/);
  assert.deepEqual(secure.requests, []);
});

test('row 39: an insecure registry that cannot be reached either way is unreachable, with both reasons', async (t) => {
  const gone = '127.0.0.1:1';
  const images = { [`${destination.host}/row39/0/from:v1`]: `${gone}/row39/to` };
  const auth = { [destination.host]: { insecure: true }, [gone]: { insecure: true } };
  const { code, report } = await sync(t, { files: { auth, images }, flags: ['--retries=0'] });
  const [tag] = report.tags;
  assert.deepEqual([code, tag?.outcome, tag?.reason], [1, 'failed', 'unreachable']);
  assert.match(
    tag?.message ?? '',
    /^reach 127\.0\.0\.1:1 at the destination: GET https:.* ECONNREFUSED .*; nor by plain HTTP: .* ECONNREFUSED/,
  );
});
