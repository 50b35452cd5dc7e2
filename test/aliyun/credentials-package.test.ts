import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

const module = new URL('../../src/aliyun/credentials-package.ts', import.meta.url);
const clock = new URL('../../src/clock.ts', import.meta.url);

/** Asks for the identity twice, and prints what comes: the key, or the error's fault and message. */
const script = `
  import { packageIdentity } from ${JSON.stringify(module.href)};
  import { systemClock } from ${JSON.stringify(clock.href)};
  const identity = packageIdentity(systemClock);
  const told = ({ fault, message }) => ({ fault, message });
  await Promise.all([identity.get(), identity.get()]).then(
    async () => console.log(JSON.stringify(await identity.get())),
    (error) => console.log(JSON.stringify(told(error))),
  );
`;

/** What is printed where a package of Alibaba's name holds that code; `undefined`: there is none. */
async function outcome(t: Ending, code: string | undefined, run = script): Promise<Record<string, unknown>> {
  const folder = await temporaryFolder(t);
  const own = join(folder, '@alicloud', 'credentials');
  if (code !== undefined) {
    await mkdir(own, { recursive: true });
    await writeFile(join(own, 'package.json'), '{"name":"@alicloud/credentials","main":"index.js"}');
    await writeFile(join(own, 'index.js'), code);
  }
  const args = ['--input-type=module', '-e', run];
  const env = { ...process.env, NODE_PATH: folder };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}

/** As the package is compiled. */
function packageWith(body: string): string {
  return `
    Object.defineProperty(exports, '__esModule', { value: true });
    let asked = 0;
    exports.default = class {
      constructor(config = null) { this.config = config; }
      async getCredential() { asked++; ${body} }
    };
  `;
}

test('what its default chain finds, asked for once', async (t) => {
  const body = `return { type: 'default', accessKeyId: 'A' + asked, accessKeySecret: 'B', securityToken: 'C', config: this.config };`;
  assert.deepEqual(await outcome(t, packageWith(body)), {
    accessKeyId: 'A1',
    accessKeySecret: 'B',
    securityToken: 'C',
  });
});

test('a key that is for good has no security token', async (t) => {
  const body = `return { accessKeyId: 'A', accessKeySecret: 'B', securityToken: '' };`;
  assert.deepEqual(await outcome(t, packageWith(body)), { accessKeyId: 'A', accessKeySecret: 'B' });
});

test('it is not installed', async (t) => {
  assert.deepEqual(await outcome(t, undefined), {
    fault: 'denied',
    message:
      '@alicloud/credentials cannot be loaded (aliyun.credentialsPackage); install it where Tagferry is: npm i @alicloud/credentials',
  });
});

test('it finds nothing, and what it repeats of answers is not shown', async (t) => {
  const { fault, message } = await outcome(
    t,
    packageWith(`throw new Error('no provider:\\n{"SecurityToken":"CAIS0123456789abcdefGHIJ+/=="}');`),
  );
  assert.equal(fault, 'denied');
  assert.equal(
    message,
    '@alicloud/credentials found no identity (aliyun.credentialsPackage): no provider: {"SecurityToken":"***"}; set what its default chain reads, such as ALIBABA_CLOUD_ACCESS_KEY_ID and …_SECRET',
  );
});

test('it gives no key', async (t) => {
  const { fault, message } = await outcome(t, packageWith(`return { accessKeySecret: 'not-to-be-shown' };`));
  assert.equal(fault, 'protocol');
  assert.match(String(message), /accessKeyId/);
  assert.doesNotMatch(String(message), /not-to-be-shown/);
});

test('it is another version, or another thing', async (t) => {
  for (const code of ['exports.default = class {};', 'module.exports = 1;', 'exports.default = 1;'])
    assert.deepEqual(await outcome(t, code), {
      fault: 'protocol',
      message: '@alicloud/credentials: expected version 2.4 or later, which has getCredential(), got another',
    });
});

test('it throws as it is made: that is an identity that was not found', async (t) => {
  const code = `exports.default = class { constructor() { throw new Error('bad profile in config.json'); } };`;
  const { fault, message } = await outcome(t, code);
  assert.equal(fault, 'denied');
  assert.match(
    String(message),
    /^@alicloud\/credentials found no identity \(aliyun\.credentialsPackage\): bad profile in config\.json; set what/,
  );
});

test('it never answers: it is waited for half a minute, and asked again the next time', async (t) => {
  const fake = new URL('../support/clock.ts', import.meta.url);
  const waiting = `
    import { setImmediate } from 'node:timers/promises';
    import { packageIdentity } from ${JSON.stringify(module.href)};
    import { FakeClock } from ${JSON.stringify(fake.href)};
    const clock = new FakeClock();
    const start = clock.now();
    const identity = packageIdentity(clock);
    let ended;
    const asked = identity.get().catch((error) => (ended = error));
    while (ended === undefined) {
      await setImmediate();
      if (clock.next !== undefined) clock.advance(clock.next - clock.now());
    }
    await asked;
    const again = await identity.get();
    const { fault, message } = ended;
    console.log(JSON.stringify({ fault, message, waited: clock.now() - start, again }));
  `;
  const body = `if (asked === 1) await new Promise(() => undefined); return { accessKeyId: 'A' + asked, accessKeySecret: 'B' };`;
  const { fault, message, waited, again } = await outcome(t, packageWith(body), waiting);
  assert.deepEqual([fault, again], ['timeout', { accessKeyId: 'A2', accessKeySecret: 'B' }]);
  assert.match(String(message), /gave no identity within 30 s \(aliyun\.credentialsPackage\)/);
  assert.ok(Number(waited) <= 30_000, String(waited));
});
