import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { acrInstance } from '../support/acr-instance.ts';
import { accessKey, instanceShelf, registryShelf, startAcrOpenApi } from '../support/acr-openapi.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { temporary } from '../support/acr-tokens.ts';
import { startCallServer } from '../support/call-server.ts';
import { forward } from '../support/forward.ts';
import { HarborRest, allPermissions } from '../support/harbor-rest.ts';
import { send } from '../support/http.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Harbor, developer, startHarbor } from './harbor.ts';
import { secret, serve, token } from './mirror.ts';
import { run } from './process.ts';

/*
 * docs/quickstart.md, step by step: from an empty instance and a Harbor with an image to the first mirrored tag, with the
 * configuration that stands there. After each step the doctor's word on it changes, and before it, it says what is left.
 */

const page = readFileSync(new URL('../../docs/quickstart.md', import.meta.url), 'utf8');

/** The configuration of the page, with where both ends really are. */
function configuration(edits: readonly (readonly [string, string])[]): string {
  const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  return edits.reduce((text, [old, instead]) => {
    assert.ok(text.includes(old), `the page has ${old}`);
    return text.replace(old, () => instead);
  }, yaml);
}

/** Harbor's API and its registry under one address. */
async function startWholeHarbor(t: TestContext): Promise<{ harbor: Harbor; rest: HarborRest; url: string }> {
  const harbor = await startHarbor(t);
  const rest = new HarborRest();
  const { url } = await startCallServer(t, (call) =>
    call.path.startsWith('/api/') ? rest.answer(call) : forward(harbor.url, call),
  );
  return { harbor, rest, url };
}

/** An instance that lets nobody in, with nothing in it. */
async function startEmptyAcr(t: TestContext) {
  const acr: AcrStandIn = await startAcr(t);
  acr.edge.whitelist = 'reset';
  const user = acr.accounts.users.find(({ name }) => name === temporary.name);
  assert.ok(user);
  Object.assign(user, { grants: [{ repositories: /^library\//, actions: ['pull', 'push', 'create'] }] });
  const instance = acrInstance({ accounts: acr.accounts, immutable: acr.edge.immutable });
  instance.internet.Enable = false;
  const shelf = instanceShelf(
    instance,
    registryShelf(acr.url, { name: temporary.name, password: temporary.password }),
  );
  const openApi = await startAcrOpenApi(t, { instance, shelf });
  return { acr, instance, openApi };
}

test('ten steps, each of which the doctor checks, lead to the first mirrored tag', async (t) => {
  const { harbor, rest, url } = await startWholeHarbor(t);
  const { acr, instance, openApi } = await startEmptyAcr(t);
  const first = await push(harbor.url, 'library/app', 'v1', ociImage('first'), developer);
  rest.content.push('library/app', 'v1', first, { silent: true });

  // 2. Write down both ends
  const file = join(await temporaryFolder(t), 'tagferry.yaml');
  const write = (mirror: string) => {
    const hosts = (realm: string) => `\n    tokenHosts: ['${new URL(realm).host}']`;
    const text = configuration([
      ['https://HARBOR.EXAMPLE.COM', url + hosts(harbor.realm)],
      ['https://INSTANCE-registry.REGION.cr.aliyuncs.com', acr.url + hosts(acr.tokens.trust.realm)],
      ['accessKeyId:', `openapiUrl: ${openApi.url}\n      accessKeyId:`],
      ['robot$tagferry', 'robot$mirror'],
      ['http://MIRROR.EXAMPLE.COM:8080', mirror],
    ]);
    const own = { server: { listen: '127.0.0.1:0' }, database: `${file}.db`, sweep: { schedule: 'off' } };
    const members = Object.entries(own).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    return writeFile(file, text + members.join(''));
  };
  await write('http://127.0.0.1:1');
  const env: Record<string, string> = {
    HARBOR_PASSWORD: 'later',
    ALIYUN_ACCESS_KEY_ID: 'later',
    ALIYUN_ACCESS_KEY_SECRET: 'later',
    HARBOR_WEBHOOK_SECRET: secret,
    TAGFERRY_ADMIN_TOKEN: token,
  };
  const tagferry = (...args: string[]) => run(t, [...args, '--config', file], { env });
  /** What the doctor says of these checks. */
  const doctor = async (...wanted: string[]): Promise<Record<string, string>> => {
    const { stdout } = await tagferry('doctor', '--json');
    const all: { subject: string; check: string; status: string }[] = JSON.parse(stdout).checks;
    // Some checks are made at Harbor, too.
    const checks = all.filter(({ subject, check }) => subject !== 'harbor' || check.startsWith('harbor-'));
    return Object.fromEntries(
      wanted.map((id) => {
        const its = checks.filter(({ check }) => check === id).map(({ status }) => status);
        return [id, its.find((status) => status !== 'ok') ?? its[0] ?? 'none'];
      }),
    );
  };
  const allOk = (...ids: string[]) => Object.fromEntries(ids.map((id) => [id, 'ok']));
  assert.equal((await tagferry('doctor')).code, 1);
  assert.deepEqual(await doctor('whitelist', 'edition'), { whitelist: 'error', edition: 'skipped' });

  // 3. Let this machine in
  acr.edge.whitelist = 'open';
  instance.internet.Enable = true;
  const entrance = ['whitelist', 'edition', 'region', 'hosts'];
  assert.deepEqual(await doctor(...entrance, 'instance', 'credential'), {
    ...allOk(...entrance),
    instance: 'error',
    credential: 'skipped',
  });

  // 4. A user for the mirror
  env['ALIYUN_ACCESS_KEY_ID'] = accessKey.accessKeyId;
  env['ALIYUN_ACCESS_KEY_SECRET'] = accessKey.accessKeySecret;
  const user = ['credential', 'instance', 'public-access'];
  assert.deepEqual(await doctor(...user, 'namespace'), { ...allOk(...user), namespace: 'error' });

  // 5. A namespace
  acr.accounts.namespaces.set('library', { autoCreate: true, public: false });
  const room = ['namespace', 'auto-create', 'quota', 'immutability'];
  assert.deepEqual(await doctor(...room, 'harbor-pull'), { ...allOk(...room), 'harbor-pull': 'skipped' });

  // 6. A robot in Harbor
  env['HARBOR_PASSWORD'] = 'Harbor12345';
  const robot = { name: 'robot$mirror', password: 'Harbor12345', projects: { library: allPermissions } };
  rest.accounts.push(robot);
  assert.deepEqual(await doctor('harbor-pull', 'push-permission', 'names', 'harbor-webhook'), {
    ...allOk('harbor-pull', 'push-permission', 'names'),
    'harbor-webhook': 'error',
  });

  // 7. See what it would do
  const plan = await tagferry('plan');
  assert.deepEqual([plan.code, plan.stderr], [0, ''], plan.stdout);
  assert.match(plan.stdout, /would copy\s.*library\/app:v1/);
  assert.deepEqual(await doctor('names', 'harbor-webhook-url'), {
    ...allOk('names'),
    'harbor-webhook-url': 'warn',
  });

  // 8. Start the mirror
  const mirror = await serve(t, file, { env });
  const arrived = (tag: string, digest: string) =>
    eventually(`library/app:${tag} at the destination`, async () => {
      return (await digestOfTag(acr.url, 'library/app', tag, temporary)) === digest;
    });
  await write(mirror.url);
  await arrived('v1', first);
  assert.deepEqual(await doctor('harbor-webhook-url', 'harbor-webhook'), {
    ...allOk('harbor-webhook-url'),
    'harbor-webhook': 'error',
  });

  // 9. Let Harbor tell it
  const dry = await tagferry('webhook', 'install', '--dry-run');
  assert.match(dry.stdout, /would create/);
  assert.equal(rest.content.policies.length, 0);
  const install = await tagferry('webhook', 'install');
  assert.deepEqual([install.code, install.stderr], [0, '']);
  const told = ['harbor-webhook', 'harbor-notifications', 'harbor-version'];
  assert.deepEqual(await doctor(...told), allOk(...told));

  // 10. Push a tag
  const second = await push(harbor.url, 'library/app', 'v2', ociImage('second'), developer);
  rest.content.push('library/app', 'v2', second);
  await deliver(rest);
  await arrived('v2', second);
  await mirror.api('GET', '/tasks');
  const explained = await run(t, ['explain', 'library/app:v2', '--server', mirror.url], { env });
  assert.equal(explained.code, 0);
  assert.match(explained.stdout, /^ {2}copied/m);
  assert.ok(explained.stdout.includes(second));
  assert.deepEqual(await doctor('harbor-deliveries'), allOk('harbor-deliveries'));
  const last = await tagferry('doctor');
  assert.deepEqual([last.code, / 0 error, /.test(last.stdout)], [0, true], last.stdout);
});

/** As Harbor's jobservice does. */
async function deliver(rest: HarborRest): Promise<void> {
  const { payload = '', policy } = rest.content.executions.at(-1) ?? {};
  const [target] = policy?.targets ?? [];
  const { status } = await send(String(target?.['address']), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: String(target?.['auth_header']) },
    body: Buffer.from(payload),
  });
  assert.equal(status, 202);
}
