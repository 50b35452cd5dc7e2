import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import type { Report } from '../../src/doctor/doctor.ts';
import { robot } from '../registry/stand.ts';
import { startAcr } from '../support/acr-standin.ts';
import { nocreate, pusher } from '../support/acr-tokens.ts';
import { HarborContent } from '../support/harbor-rest-content.ts';
import { HarborRest } from '../support/harbor-rest.ts';
import { diagnose, told, wordsOf } from './stand.ts';

const digest = (n: number): string => `sha256:${n.toString(16).padStart(64, '0')}`;

interface Stand {
  content: HarborContent;
  rest: HarborRest;
  url: string;
  /** Calls that get no answer. */
  hangs: RegExp | undefined;
}

async function startHarbor(
  t: TestContext,
  permissions = ['repository:list', 'artifact:list'],
): Promise<Stand> {
  const rest = new HarborRest(new HarborContent(() => Date.now()));
  rest.accounts.push({ name: robot.username, password: robot.password, projects: { library: permissions } });
  const misbehave: Misbehaviour = (call, next) =>
    stand.hangs?.test(call.path) ? new Promise<never>(() => undefined) : rest.misbehave(call, next);
  const registry = await EmbeddedRegistry.start({ misbehave });
  t.after(() => registry.close());
  const stand: Stand = { content: rest.content, rest, url: registry.url, hangs: undefined };
  return stand;
}

type Registry = Record<string, unknown>;

/** What the checks of the configuration as a whole tell; nobody answers at the ACR unless one is given. */
async function examined(
  t: TestContext,
  harbor: Stand,
  { acr = {}, rule = {}, writeProbe = false }: { acr?: Registry; rule?: Registry; writeProbe?: boolean } = {},
): Promise<{ report: Report; told: string[]; words(check: string): string }> {
  const report = await diagnose(t, {
    registries: {
      harbor: { type: 'harbor', url: harbor.url, ...robot },
      acr: { type: 'acr-ee', url: 'http://127.0.0.1:1', ...acr },
    },
    rules: [
      {
        name: 'all',
        source: 'harbor',
        repositories: ['library/**'],
        destination: 'acr',
        repository: 'mirror/{flat}',
        ...rule,
      },
    ],
    writeProbe,
  });
  const checks = report.checks.filter(({ subject }) => subject === 'configuration');
  const here = { ...report, checks };
  return { report, told: told(here), words: (check) => wordsOf(here, check) };
}

test('names, artifacts and limits: where all is well, nothing is told', async (t) => {
  const harbor = await startHarbor(t);
  harbor.content.push('library/app', 'v1', digest(1));
  harbor.content.push('library/deep/tool', 'v1', digest(2));
  harbor.content.push('library/chart', '1.0.0', digest(3), {
    configType: 'application/vnd.cncf.helm.config.v1+json',
  });
  const { told, words } = await examined(t, harbor);
  assert.deepEqual(told, []);
  assert.match(words('names'), /^each of 3 source repositories has a name of its own$/m);
  assert.match(
    words('artifacts'),
    /^of 3 artifacts .* none carries attestations, and all are images or charts$/m,
  );
  assert.match(words('limits'), /10 uploads/);
});

/** Where nothing has a tag that a rule copies. */
const noArtifact = 'configuration artifacts skipped no-artifact';

test('names: two that meet are named both, with what to write into which rule', async (t) => {
  const harbor = await startHarbor(t);
  for (const name of ['a-b', 'a/b']) harbor.content.push(`library/${name}`, undefined, digest(1));
  const { told, words, report } = await examined(t, harbor);
  assert.deepEqual(told, ['configuration names error name-collision', noArtifact]);
  assert.equal(report.checks.find(({ check }) => check === 'names')?.number, 15);
  assert.match(
    words('names'),
    /^harbor\/library\/a-b \(rule all\) and harbor\/library\/a\/b \(rule all\) would both become acr\/mirror\/a-b$/m,
  );
  assert.match(words('names'), /a rule of its own: repositories: \["library\/a\/b"\], another `repository`/);
  assert.match(words('names'), /add "!library\/a\/b" to `repositories` of rule all/);
});

test('names: one that the destination cannot have', async (t) => {
  const harbor = await startHarbor(t);
  harbor.content.push('library/x', undefined, digest(1));
  const { told, words } = await examined(t, harbor);
  assert.deepEqual(told, ['configuration names error name-invalid', noArtifact]);
  assert.match(
    words('names'),
    /"mirror\/x", which acr cannot have: expected a repository of 2 to 120 characters, got 1$/m,
  );
  assert.match(words('names'), /change `repository` of rule all/);
});

test('names: 20 are told one by one, and how many more there are', async (t) => {
  const harbor = await startHarbor(t);
  for (let index = 0; index < 25; index++)
    harbor.content.push(`library/${'x'.repeat(130 + index)}`, undefined, digest(1));
  const { told, words } = await examined(t, harbor);
  assert.deepEqual([told.length, told.at(-2)], [22, 'configuration names error more']);
  assert.match(words('names'), /^5 more such names$/m);
});

test('names: what is not listed is said', async (t) => {
  const harbor = await startHarbor(t, ['artifact:list']);
  harbor.content.push('library/app', 'v1', digest(1));
  const { told, words } = await examined(t, harbor, {
    rule: { repositories: ['library/**', 'library/app'] },
  });
  assert.deepEqual(told, ['configuration names warn not-listed']);
  assert.match(words('names'), /^harbor\/library: .*403/m);
  assert.match(words('names'), /repository:list/);
});

test('artifacts: a source that lists none is not said to be right', async (t) => {
  const harbor = await startHarbor(t);
  const { told } = await examined(t, harbor);
  assert.deepEqual(told, [noArtifact]);
});

test('artifacts: of a source that does not answer nothing is called right', async (t) => {
  const harbor = { ...(await startHarbor(t)), url: 'http://127.0.0.1:1' };
  const { told } = await examined(t, harbor);
  assert.deepEqual(told, ['configuration names warn not-listed', 'configuration artifacts skipped no-list']);
});

test('artifacts: those of a repository that a rule spells out are looked at, too', async (t) => {
  const harbor = await startHarbor(t);
  harbor.content.push('library/cache', 'v1', digest(2), {
    configType: 'application/vnd.buildkit.cacheconfig.v0',
  });
  const { told } = await examined(t, harbor, { rule: { repositories: ['library/cache'] } });
  assert.deepEqual(told, ['configuration artifacts warn no-images']);
});

test('more projects than can be listed in time: what is known counts, and one finding says that it is not all', async (t) => {
  const harbor = await startHarbor(t);
  for (let index = 10; index < 60; index++) harbor.content.push(`p${index}/app`, 'v1', digest(index));
  const [account] = harbor.rest.accounts;
  const all = [...harbor.content.projects.keys()].map((name) => [name, ['repository:list', 'artifact:list']]);
  Object.assign(account ?? {}, { projects: Object.fromEntries(all) });
  harbor.hangs = /\/projects\/p3/;
  const { told, words } = await examined(t, harbor, {
    rule: { repositories: ['p*/**'], repository: 'mirror/{project}-{flat}' },
  });
  assert.deepEqual(told, ['configuration names warn not-listed']);
  assert.match(words('artifacts'), /^of the first 20 artifacts /m);
  assert.match(
    words('names'),
    /^(harbor\/p\d\d, ){4}harbor\/p\d\d and \d+ more projects: not listed in 3 s/m,
  );
});

test('artifacts: attestations are counted among what rules copy to an ACR', async (t) => {
  const harbor = await startHarbor(t);
  for (let index = 1; index <= 4; index++)
    harbor.content.push('library/app', `v${index}`, digest(index), {
      children: [digest(10 + index)],
      attestation: digest(20 + index),
    });
  harbor.content.push('library/app', 'plain', digest(5), { children: [digest(15)] });
  harbor.content.push('library/app', 'left-out', digest(6), {
    children: [digest(16)],
    attestation: digest(26),
  });
  const { told, words } = await examined(t, harbor, { rule: { tags: ['**', '!left-out'] } });
  assert.deepEqual(told, ['configuration artifacts warn attestations']);
  assert.match(
    words('artifacts'),
    /^of 5 artifacts that are copied from harbor to ACR, 4 \(harbor\/library\/app:v1, .*, …\) carry attestations$/m,
  );
  assert.match(words('artifacts'), /personal edition of ACR refuses them .* and of EE it is not known/);
  assert.match(words('artifacts'), /artifact-refused/);
  assert.match(words('artifacts'), /--write-probe/);
});

test('artifacts: that not all were looked at is said, also when the last project is a small one', async (t) => {
  const harbor = await startHarbor(t);
  for (const account of harbor.rest.accounts) account.projects['zoo'] = ['artifact:list', 'repository:list'];
  for (let index = 1; index <= 501; index++) harbor.content.push('library/app', `v${index}`, digest(index));
  harbor.content.push('zoo/app', 'v1', digest(1_000));
  const { report } = await examined(t, harbor, {
    rule: { repositories: ['library/**', 'zoo/**'], repository: '{project}/{flat}' },
  });
  const words = report.checks.filter(({ check }) => check === 'artifacts').map(({ saw }) => saw);
  assert.match(words.join(), /^of the first 501 artifacts /);
});

test('artifacts: what is neither an image nor a chart', async (t) => {
  const harbor = await startHarbor(t);
  harbor.content.push('library/app', 'v1', digest(1));
  harbor.content.push('library/cache', 'v1', digest(2), {
    configType: 'application/vnd.buildkit.cacheconfig.v0',
  });
  const { told, words } = await examined(t, harbor);
  assert.deepEqual(told, ['configuration artifacts warn no-images']);
  assert.match(words('artifacts'), /1 \(harbor\/library\/cache:v1\) are neither images nor charts/);
});

test('limits: more uploads at once, or requests a second, than ACR is known to bear', async (t) => {
  const harbor = await startHarbor(t);
  harbor.content.push('library/app', 'v1', digest(1));
  const uploads = await examined(t, harbor, { acr: { concurrency: 11 } });
  assert.deepEqual(uploads.told, ['configuration limits warn many-uploads']);
  assert.match(uploads.words('limits'), /^registries\.acr\.concurrency is 11$/m);
  const requests = await examined(t, harbor, { acr: { concurrency: 10, requestsPerSecond: 16 } });
  assert.deepEqual(requests.told, ['configuration limits warn many-requests']);
  assert.deepEqual((await examined(t, harbor, { acr: { requestsPerSecond: 15 } })).told, []);
});

for (const [imagesOnly, finding] of [
  [false, []],
  [true, ['acr artifacts warn empty-config-refused']],
] as const)
  test(`--write-probe: whether an ${imagesOnly ? 'images-only' : 'OCI'} registry takes the empty config, and nothing is written without`, async (t) => {
    const harbor = await startHarbor(t);
    harbor.content.push('library/app', 'v1', digest(1));
    const acr = await startAcr(t, { imagesOnly });
    const tokenHosts = [new URL(acr.tokens.trust.realm).host];
    const account = { url: acr.url, username: pusher.name, password: pusher.password, tokenHosts };
    const written = (): string[] =>
      acr.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method)).map(({ path }) => path);

    await examined(t, harbor, { acr: account });
    assert.deepEqual(written(), []);
    const { report } = await examined(t, harbor, { acr: account, writeProbe: true });
    const probes = report.checks.filter(({ subject, check }) => subject === 'acr' && check === 'artifacts');
    assert.equal(probes.length, 1);
    assert.deepEqual(told({ ...report, checks: probes }), [...finding]);
    assert.ok(written().length > 0);
    assert.ok(written().every((path) => path.startsWith('/v2/mirror/tagferry-write-probe/')));
    // No tag is made.
    assert.ok(
      written().every((path) => !path.includes('/manifests/') || path.includes('/manifests/sha256:')),
    );
    assert.match(
      wordsOf({ ...report, checks: probes }, 'artifacts'),
      imagesOnly ? /unknown manifest class/ : /can be deleted/,
    );
  });

test('--write-probe: where nothing may be pushed, it says so', async (t) => {
  const harbor = await startHarbor(t);
  harbor.content.push('library/app', 'v1', digest(1));
  const acr = await startAcr(t);
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const account = { url: acr.url, username: nocreate.name, password: nocreate.password, tokenHosts };
  const { report } = await examined(t, harbor, { acr: account, writeProbe: true });
  assert.ok(told(report).includes('acr artifacts error denied'), told(report).join('\n'));
});
