import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, beforeEach, describe, test } from 'node:test';
import type { RequestRecord } from '../../src/demo/registry/call.ts';
import { summaryOf } from '../../src/cli/sync-summary.ts';
import { run } from '../integration/process.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import type { CallServer } from '../support/call-server.ts';
import { certificate } from '../support/certificate.ts';
import {
  cosignSignature,
  cosignTag,
  dockerImage,
  helmChart,
  multiPlatform,
  ociImage,
} from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { type Ending, makeTemporary, removeTemporary } from '../support/temporary.ts';
import { wholeFile } from '../support/whole-file.ts';
import { startSecureHarbor } from './harbor.ts';
import { sync } from './stand.ts';

/*
 * Whoever followed Alibaba Cloud's procedure for image-syncer has these files and this command. Only the names of the
 * hosts are others here.
 */
const admin = { name: 'admin', password: 'Harbor12345' };
const user = { name: 'acr_pusher@1000000000000001', password: 'of-the-access-credential' };
/** May push to repositories that are there. */
const clerk = { name: 'clerk@1000000000000001', password: 'fixed-password' };

const command = ['sync', '--proc=10', '--config=./harbor-to-acr.json', '--retries=10', '--log=./log'];
const namespace = '--namespace=image-syncer';

const signed = multiPlatform('nginx 1.27');
const images = new Map([
  ...['1.25', '1.25.5', '1.26', '1.26-alpine', '1.26.3', '1.27-alpine'].map(
    (tag) => [tag, dockerImage(`nginx ${tag}`)] as const,
  ),
  ['1.27', signed],
  ['latest', signed],
  [cosignTag(signed.descriptor.digest), cosignSignature(signed)],
]);

let harbor: CallServer;
let acr: AcrStandIn;
let folder: string;
const hosts = { harbor: '', acr: '' };
const file = wholeFile();

before(async () => {
  folder = await makeTemporary();
  file.after(() => removeTemporary(folder));
  const { key, cert, ca } = await certificate();
  await writeFile(join(folder, 'authority.crt'), ca);
  [harbor, acr] = await Promise.all([
    startSecureHarbor(file, [{ ...admin, projects: { library: ['pull', 'push'] } }]),
    startAcr(file, { tls: { key, cert }, imagesOnly: true }),
  ]);
  hosts.harbor = new URL(harbor.url).host;
  hosts.acr = new URL(acr.url).host;
  acr.accounts.namespaces.set('image-syncer', { autoCreate: true, public: false });
  const repositories = /^image-syncer\//;
  acr.accounts.users.push(
    { ...user, grants: [{ repositories, actions: ['pull', 'push', 'create'] }] },
    { ...clerk, grants: [{ repositories, actions: ['pull', 'push'] }] },
  );
  for (const [tag, image] of images) await push(harbor.url, 'library/nginx', tag, image, admin);
});

beforeEach(() => {
  harbor.requests.length = 0;
  acr.requests.length = 0;
});

interface Changes {
  acr?: object;
  /** The key of the second credential. */
  instance?: string;
  registry?: string;
}

/** The procedure's sixth step and its last. */
async function follow(
  t: Ending,
  changes: Changes = {},
): Promise<{ code: number | null; said: string[]; complained: string; log: string[] }> {
  const config = {
    auth: {
      [hosts.harbor]: { username: admin.name, password: admin.password, insecure: true },
      [changes.instance ?? hosts.acr]: { username: user.name, password: user.password, ...changes.acr },
    },
    images: { [`${hosts.harbor}/library/nginx`]: '' },
  };
  await writeFile(join(folder, 'harbor-to-acr.json'), JSON.stringify(config, null, 4));
  await writeFile(join(folder, 'log'), '');
  const args = [...command, `--registry=${changes.registry ?? hosts.acr}`, namespace];
  const env = { SSL_CERT_FILE: join(folder, 'authority.crt') };
  const { code, stdout, stderr } = await run(t, args, { cwd: folder, env });
  const log = (await readFile(join(folder, 'log'), 'utf8')).trimEnd().split('\n');
  return { code, said: stdout.split('\n'), complained: stderr, log };
}

/** What a request may have written. */
function writing(requests: readonly RequestRecord[]): string[] {
  return requests
    .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
    .map(({ method, path }) => `${method} ${path}`);
}

describe('the procedure of Alibaba Cloud, its file and its command', () => {
  test('all tags are in ACR under their digests, and the log has image-syncer’s words', async (t) => {
    const { code, said, complained, log } = await follow(t);
    assert.deepEqual([code, complained], [0, '']);
    for (const [tag, { descriptor }] of images) {
      assert.equal(await digestOfTag(acr.url, 'image-syncer/nginx', tag, user), descriptor.digest);
    }
    assert.deepEqual(
      await contentsOf(acr.url, 'image-syncer/nginx', '1.27', user),
      await contentsOf(harbor.url, 'library/nginx', '1.27', admin),
    );
    assert.match(said.at(-1) ?? '', /^copied 9, unchanged 0, skipped 0, failed 0; /);
    for (const line of log)
      assert.match(line, /^time="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" level=(info|warning) msg=".+"$/);
    const rule = `${hosts.harbor}/library/nginx -> ${hosts.acr}/image-syncer/nginx`;
    assert.ok(log[0]?.includes(`Finish analyzing image rule for ${rule}: 9 tags. Now 1/1 tasks`), log[0]);
    const finished = log.filter((line) => line.includes('msg="Finish synchronizing manifest from '));
    assert.equal(finished.length, images.size);
    assert.match(finished.at(-1) ?? '', /Now 10\/10 tasks have been processed\.("|$)/);
    assert.match(log.at(-1) ?? '', /msg="Synchronization finished, 0 tasks failed, cost [\d.]+s\."$/);
    const lists = harbor.requests.filter(({ path }) => path === '/v2/library/nginx/tags/list');
    assert.equal(lists.filter(({ status }) => status === 200).length, 3);
  });

  test('a second run says that nothing was to do, and writes nothing', async (t) => {
    const { code, said, log } = await follow(t);
    assert.equal(code, 0);
    assert.match(said.at(-1) ?? '', /^copied 0, unchanged 9, .*nothing to do$/);
    assert.deepEqual(writing(acr.requests), []);
    assert.equal(log.filter((line) => line.includes(': unchanged. Now ')).length, images.size);
    assert.match(log.at(-1) ?? '', /Synchronization finished, 0 tasks failed/);
  });

  test('with a wrong password of ACR every tag is named, and no request is repeated', async (t) => {
    const { code, said, log } = await follow(t, { acr: { password: 'wrong' } });
    assert.equal(code, 1);
    assert.equal(said.at(-1), 'failed tasks exist');
    assert.match(said.at(-2) ?? '', /^copied 0, unchanged 0, skipped 0, failed 9; /);
    for (const tag of images.keys()) {
      const copy = `${hosts.harbor}/library/nginx:${tag} -> ${hosts.acr}/image-syncer/nginx:${tag}`;
      const line = said.find((other) => other.startsWith(`failed ${copy}  `)) ?? '';
      assert.match(line, /  destination-denied: .* answered 401 \(UNAUTHORIZED: authentication required\)$/);
      const task = copy.replace(' -> ', ' to ');
      assert.ok(
        log.some((other) => other.includes(`Failed to executed synchronizing manifest from ${task}: `)),
      );
    }
    assert.match(log.at(-1) ?? '', /Synchronization finished, 9 tasks failed/);
    assert.ok(![...said, ...log].some((line) => line.includes('wrong')));
  });

  test('with a wrong password of Harbor the rule is named', async (t) => {
    const rule = `${hosts.harbor}/library/nginx -> ${hosts.acr}/image-syncer/nginx`;
    const auth = { [hosts.harbor]: { username: admin.name, password: 'wrong', insecure: true } };
    const images = { [`${hosts.harbor}/library/nginx`]: '' };
    const flags = [`--registry=${hosts.acr}`, namespace, '--retries=10'];
    const { code, report, log } = await sync(t, { files: { config: { auth, images } }, flags });
    assert.equal(code, 1);
    const said = summaryOf(report, { columns: false });
    const why = `source-denied: list the tags of ${hosts.harbor}/library/nginx at the source: `;
    assert.ok(said[0]?.startsWith(`failed rule ${rule}  ${why}`), said[0]);
    assert.equal(said.at(-1), 'failed tasks exist');
    assert.ok(
      log.some((line) => line.includes(`Failed to executed analyzing image rule for ${rule}: ${why}`)),
    );
    assert.match(log.at(-1) ?? '', /Synchronization finished, 1 tasks failed/);
  });

  test('its registry of the personal edition, beside the credential of an instance, stops it before it copies', async (t) => {
    const instance = 'demo-registry.cn-shanghai.cr.aliyuncs.com';
    const registry = 'registry.cn-beijing.aliyuncs.com';
    const { code, said, complained, log } = await follow(t, { instance, registry });
    assert.equal(code, 2);
    assert.match(said.at(-1) ?? '', /^init sync client error: /);
    for (const name of [instance, registry]) assert.ok(complained.includes(name), complained);
    assert.match(complained, /give --registry=demo-registry\.cn-shanghai\.cr\.aliyuncs\.com if it is meant/);
    assert.deepEqual([harbor.requests.length, acr.requests.length, log], [0, 0, ['']]);
  });
});

describe('what ACR refuses is said in a way that can be understood', () => {
  interface Refused {
    source: string;
    to: string;
    as?: typeof user;
  }

  /** Copies that tag, and says what became of it: in the report, in the summary and in the log. */
  async function refusal(t: Ending, { source, to, as = user }: Refused) {
    const auth = {
      [hosts.harbor]: { username: admin.name, password: admin.password, insecure: true },
      [hosts.acr]: { username: as.name, password: as.password, insecure: true },
    };
    const images = { [`${hosts.harbor}/${source}`]: `${hosts.acr}/${to}` };
    const { code, report, log } = await sync(t, { files: { config: { auth, images } } });
    assert.equal(code, 1);
    const [tag] = report.tags;
    assert.ok(tag);
    assert.equal(tag.attempts, 1);
    const [line = '', ...rest] = summaryOf(report, { columns: false });
    assert.equal(line, `failed ${tag.source} -> ${tag.destination}  ${tag.reason}: ${tag.message}`);
    assert.equal(rest.at(-1), 'failed tasks exist');
    assert.ok(
      log.some((other) => other.includes(`Failed to executed synchronizing manifest from ${tag.source} to `)),
    );
    return tag;
  }

  test('a repository that is not there and may not be made', async (t) => {
    const tag = await refusal(t, { source: 'library/nginx:1.25', to: 'image-syncer/other', as: clerk });
    assert.equal(tag.reason, 'destination-denied');
    assert.match(
      tag.message ?? '',
      /at the destination: .* answered 401 \(requested access to the resource is denied: .* no such repository\)$/,
    );
  });

  test('a kind of artifact that this edition does not take', async (t) => {
    await push(harbor.url, 'library/chart', '0.1.0', helmChart('chart'), admin);
    const tag = await refusal(t, { source: 'library/chart:0.1.0', to: 'image-syncer/chart' });
    assert.equal(tag.reason, 'artifact-refused');
    assert.match(tag.message ?? '', /answered 403 \(DENIED: .*unknown manifest class/);
  });

  test('a tag that cannot be overwritten', async (t) => {
    const old = await push(acr.url, 'image-syncer/frozen', '1.25', ociImage('another'), user);
    acr.edge.immutable.add('image-syncer/frozen');
    const tag = await refusal(t, { source: 'library/nginx:1.25', to: 'image-syncer/frozen' });
    assert.equal(tag.reason, 'destination-immutable');
    assert.match(tag.message ?? '', /^write 1\.25 at the destination: .*cannot be overwritten/);
    assert.equal(await digestOfTag(acr.url, 'image-syncer/frozen', '1.25', user), old);
  });
});
