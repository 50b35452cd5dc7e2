import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { acrInstance } from '../support/acr-instance.ts';
import {
  type AcrOpenApi,
  accessKey,
  instanceId,
  instanceShelf,
  startAcrOpenApi,
} from '../support/acr-openapi.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { pusher, reader, temporary } from '../support/acr-tokens.ts';
import { startCallServer } from '../support/call-server.ts';
import { type Described, diagnose, told, wordsOf } from './stand.ts';

/*
 * An instance whose OpenAPI may be asked. Each test breaks one thing, and compares all that is told of the registry: what
 * is not named there is as in the healthy case.
 */

interface Stand {
  acr: AcrStandIn;
  openApi: AcrOpenApi;
  described: Described & { registries: { acr: Record<string, unknown> } };
}

async function startStand(t: TestContext): Promise<Stand> {
  const acr = await startAcr(t);
  const instance = acrInstance({ accounts: acr.accounts, immutable: acr.edge.immutable });
  const openApi = await startAcrOpenApi(t, { instance, shelf: instanceShelf(instance) });
  const aliyun = { ...accessKey, instanceId, region: 'cn-shanghai', openapiUrl: openApi.url };
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const login = { username: pusher.name, password: pusher.password };
  const described = {
    registries: {
      source: { url: 'http://127.0.0.1:1', connectTimeout: '1s' },
      acr: { type: 'acr-ee', url: acr.url, ...login, aliyun, tokenHosts },
    },
    rules: [
      { name: 'all', source: 'source', repositories: ['mirror/app', 'mirror/web'], destination: 'acr' },
    ],
  };
  return { acr, openApi, described };
}

/** The same, writing to another namespace. */
function into(described: Stand['described'], namespace: string): Stand['described'] {
  return {
    ...described,
    rules: described.rules.map((rule) => ({ ...rule, repository: `${namespace}/{flat}` })),
  };
}

function preparing(described: Stand['described'], prepare: object): Stand['described'] {
  const { registries } = described;
  return { ...described, registries: { ...registries, acr: { ...registries.acr, prepare } } };
}

async function diagnosed(t: TestContext, described: Described) {
  const report = await diagnose(t, described);
  const checks = report.checks.filter(({ subject }) => subject === 'acr');
  return {
    told: told({ ...report, checks }).map((line) => line.replace(/^acr /, '')),
    words: (check: string) => wordsOf({ ...report, checks }, check),
  };
}

/** What depends on an answer of the registry itself. */
const unanswered = ['edition', 'region', 'hosts', 'credential', 'clock', 'push-permission'].map(
  (id) => `${id} skipped depends`,
);
/** What depends on the instance. */
const [publicAccess, namespace, autoCreate, quota, immutability] = [
  'public-access skipped depends',
  'namespace skipped depends',
  'auto-create skipped depends',
  'quota skipped depends',
  'immutability skipped depends',
] as const;

test('where all is well, nothing is told, and nothing is written', async (t) => {
  const { described, openApi } = await startStand(t);
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, []);
  assert.match(words('instance'), /cri-standin00000001 \(demo, Enterprise_Basic\) runs in cn-shanghai/);
  assert.match(words('quota'), /3 of 100 namespaces, \d of 1000 repositories/);
  assert.deepEqual(
    openApi.calls.filter(({ action }) => !/^(Get|List)/.test(action)),
    [],
  );
  const asked = openApi.calls.map(({ action, parameters }) => `${action} ${JSON.stringify(parameters)}`);
  assert.equal(new Set(asked).size, asked.length, 'every question is asked once');
});

test('without an Alibaba identity, what needs one is left out and says why', async (t) => {
  const { described } = await startStand(t);
  const { aliyun: _, ...acr } = described.registries.acr;
  const { checks } = await diagnose(t, { ...described, registries: { ...described.registries, acr } });
  const left = checks.filter(({ code }) => code === 'needs-aliyun');
  assert.deepEqual(
    left.map(({ check, number }) => `${number} ${check}`),
    ['2 instance', '5 public-access', '10 namespace', '11 auto-create', '13 quota', '14 immutability'],
  );
  assert.match(left[0]?.saw ?? '', /needs an identity of Alibaba Cloud.*`aliyun`/);
});

test('2 an instance that the account does not have there', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.instance.instances = [
    { InstanceId: 'cri-other', InstanceName: 'other', InstanceStatus: 'RUNNING', RegionId: 'cn-shanghai' },
  ];
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['instance error instance-missing']);
  assert.match(
    words('instance'),
    /no ACR EE instance cri-standin00000001 in cn-shanghai; .* cri-other \(other\)/,
  );
});

test('2 an id that no instance has: one check says so', async (t) => {
  const { described } = await startStand(t);
  const { acr } = described.registries;
  const aliyun = { ...Object(acr['aliyun']), instanceId: 'cri-unknown' };
  const wrong = { ...described, registries: { ...described.registries, acr: { ...acr, aliyun } } };
  const { told } = await diagnosed(t, wrong);
  assert.deepEqual(
    told.filter((line) => !/^(region|edition) /.test(line)).toSorted(),
    [
      'auto-create skipped depends',
      'immutability skipped depends',
      'instance error instance-missing',
      'namespace skipped depends',
      'public-access skipped depends',
      'quota skipped depends',
    ].toSorted(),
  );
});

test('2 an instance that does not run', async (t) => {
  const { described, openApi } = await startStand(t);
  Object.assign(openApi.instance.instances[0] ?? {}, { InstanceStatus: 'STOPPED', InstanceIssue: 'EXPIRED' });
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['instance error instance-not-running']);
  assert.match(words('instance'), /cri-standin00000001 \(demo\) is STOPPED: EXPIRED/);
  assert.match(words('instance'), /Container Registry console → cn-shanghai → Instances → demo → Overview/);
});

test('2 an instance with an issue', async (t) => {
  const { described, openApi } = await startStand(t);
  Object.assign(openApi.instance.instances[0] ?? {}, { InstanceIssue: 'OVERDUE' });
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['instance warn instance-issue']);
  assert.match(words('instance'), /OVERDUE/);
});

test('2 an id that is of no instance, by an identity that may not list them: told all the same', async (t) => {
  const { openApi, described } = await startStand(t);
  openApi.forbidden.add('ListInstance');
  const { acr } = described.registries;
  const aliyun = { ...accessKey, instanceId: 'cri-other', region: 'cn-shanghai', openapiUrl: openApi.url };
  const registries = { ...described.registries, acr: { ...acr, aliyun } };
  const { told, words } = await diagnosed(t, { ...described, registries });
  const its = told.filter((line) => line.startsWith('instance '));
  assert.deepEqual(its, ['instance error instance-unusable', 'instance warn no-privilege']);
  assert.match(words('instance'), /INSTANCE_NOT_EXIST/);
  assert.match(words('instance'), /aliyun\.instanceId and aliyun\.region can be left out/);
});

test('2 instances may not be listed: what to grant, and the other checks go on', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.forbidden.add('ListInstance');
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['instance warn no-privilege']);
  assert.match(words('instance'), /grant cr:ListInstance on \*/);
  assert.match(words('instance'), /it could not be seen whether the instance is the right one, runs/);
});

test('2 a wrong key: one check says so, and what needs the OpenAPI is left out', async (t) => {
  const { described } = await startStand(t);
  const { acr } = described.registries;
  const aliyun = { ...Object(acr['aliyun']), accessKeySecret: 'wrong-not-to-be-shown' };
  const wrong = { ...described, registries: { ...described.registries, acr: { ...acr, aliyun } } };
  const { told, words } = await diagnosed(t, wrong);
  const depending = [publicAccess, namespace, autoCreate, quota, immutability];
  assert.deepEqual(told, ['instance error identity-refused', ...depending]);
  assert.match(words('instance'), /AccessKey: registries\.acr\.aliyun\.accessKeyId has to be there/);
  assert.match(words('instance'), /SignatureDoesNotMatch/);
  assert.doesNotMatch(words('instance'), /not-to-be-shown/);
});

test('8 a temporary password that the registry does not take', async (t) => {
  const { described, acr } = await startStand(t);
  const { username: _user, password: _password, ...login } = described.registries.acr;
  const user = acr.accounts.users.find(({ name }) => name === temporary.name);
  Object.assign(user ?? {}, { expired: true });
  const { told, words } = await diagnosed(t, {
    ...described,
    registries: { ...described.registries, acr: login },
  });
  assert.deepEqual(told, ['credential error identity-refused', 'push-permission skipped depends']);
  assert.match(words('credential'), /has fetched a temporary password/);
  assert.doesNotMatch(words('credential'), /AccessKey/);
});

test('2 a wrong key that the credential comes by, too: it is one finding', async (t) => {
  const { described } = await startStand(t);
  const { username: _, password: __, ...acr } = described.registries.acr;
  const aliyun = { ...Object(acr['aliyun']), accessKeySecret: 'wrong-not-to-be-shown' };
  const wrong = {
    ...described,
    registries: { ...described.registries, acr: { ...acr, aliyun } },
  };
  const { told, words } = await diagnosed(t, wrong);
  assert.deepEqual(told, [
    'instance error identity-refused',
    publicAccess,
    'credential skipped depends',
    namespace,
    autoCreate,
    'push-permission skipped depends',
    quota,
    immutability,
  ]);
  assert.match(words('credential'), /see the check instance/);
});

test('5 public access is off', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  acr.edge.whitelist = 'reset';
  openApi.instance.internet.Enable = false;
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(
    told,
    ['public-access error public-access-off', 'whitelist skipped depends', ...unanswered].toSorted(byNumber),
  );
  const all = words('public-access');
  assert.match(all, /Instances → demo → Repository → Access Control → Internet: switch it on/);
  assert.match(
    all,
    /aliyun cr UpdateInstanceEndpointStatus --version 2018-12-01 --force --region cn-shanghai --InstanceId cri-standin00000001 --EndpointType internet --ModuleName Registry --Enable true/,
  );
  assert.match(all, /alicloud_cr_internet_endpoint/);
  assert.match(words('whitelist'), /see the check public-access/);
});

test('5 public access is not there yet', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  acr.edge.whitelist = 'reset';
  openApi.instance.internet.Status = 'CREATING';
  const { told } = await diagnosed(t, described);
  assert.deepEqual(
    told.filter((line) => !unanswered.includes(line)),
    ['public-access error public-access-not-running', 'whitelist skipped depends'],
  );
});

test('5 public access is off, and another way leads there: no fault', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.instance.internet.Enable = false;
  assert.deepEqual((await diagnosed(t, described)).told, []);
});

for (const silence of ['reset', 'hang'] as const) {
  test(`6 the whitelist has 127.0.0.1/32 only, and the connection is no good (${silence})`, async (t) => {
    const { described, acr, openApi } = await startStand(t);
    acr.edge.whitelist = silence;
    openApi.instance.internet.AclEntries = [{ Entry: '127.0.0.1/32', Comment: '' }];
    const { told, words } = await diagnosed(t, described);
    assert.deepEqual(told, ['whitelist error whitelist-loopback-only', ...unanswered].toSorted(byNumber));
    const all = words('whitelist');
    assert.match(all, /switching public access on puts 127\.0\.0\.1\/32 on the whitelist/);
    assert.match(
      all,
      /Instances → demo → Repository → Access Control → Internet: add that address with \/32/,
    );
    assert.match(all, /CreateInstanceEndpointAclPolicy .*--Entry <address>\/32/);
    assert.match(all, /alicloud_cr_endpoint_acl_policy/);
  });
}

test('6 this machine is on none of the entries', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  acr.edge.whitelist = 'reset';
  openApi.instance.internet.AclEntries.push({ Entry: '203.0.113.7/32', Comment: '' });
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['whitelist error not-on-whitelist', ...unanswered].toSorted(byNumber));
  assert.match(words('whitelist'), /has 127\.0\.0\.1\/32, 198\.51\.100\.0\/24, 203\.0\.113\.7\/32/);
});

const open: Record<string, (internet: AcrOpenApi['instance']['internet']) => void> = {
  'no entry': (internet) => (internet.AclEntries = []),
  '0.0.0.0/0': (internet) => internet.AclEntries.push({ Entry: '0.0.0.0/0', Comment: '' }),
  'no whitelist': (internet) => (internet.AclEnable = false),
};

for (const [what, change] of Object.entries(open)) {
  test(`6 ${what}: the whole Internet may come in`, async (t) => {
    const { described, openApi } = await startStand(t);
    change(openApi.instance.internet);
    const { told, words } = await diagnosed(t, described);
    assert.deepEqual(told, ['whitelist warn open-to-the-internet']);
    assert.match(words('whitelist'), /anybody on the Internet may come in/);
  });
}

test('6 open to everybody, and no connection: it is not the whitelist', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  acr.edge.whitelist = 'reset';
  openApi.instance.internet.AclEntries = [];
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(
    told.filter((line) => !unanswered.includes(line)),
    ['whitelist error no-connection', 'whitelist warn open-to-the-internet'],
  );
  assert.match(words('whitelist'), /it is not the whitelist/);
});

test('5 and 6: the endpoint may not be looked at', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  openApi.forbidden.add('GetInstanceEndpoint');
  const well = await diagnosed(t, described);
  assert.deepEqual(well.told, ['public-access warn no-privilege', 'whitelist warn no-privilege']);
  assert.match(
    well.words('public-access'),
    /grant cr:GetInstanceEndpoint on acs:cr:\*:\*:instance\/cri-standin00000001:/,
  );
  assert.match(well.words('whitelist'), /it could not be seen who else may come in/);
  acr.edge.whitelist = 'reset';
  const ill = await diagnosed(t, described);
  assert.deepEqual(
    ill.told.filter((line) => line.startsWith('whitelist')),
    ['whitelist error no-connection', 'whitelist warn no-privilege'],
  );
});

test('10 a namespace that is missing', async (t) => {
  const { described, acr } = await startStand(t);
  acr.accounts.namespaces.delete('mirror');
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, [
    'namespace error namespace-missing',
    autoCreate,
    'push-permission skipped depends',
    immutability,
  ]);
  const all = words('namespace');
  assert.match(
    all,
    /Repository → Namespace → Create Namespace: mirror, with "Automatically Create Repository" on/,
  );
  assert.match(all, /aliyun cr CreateNamespace .*--InstanceId cri-standin00000001 --NamespaceName mirror/);
  assert.match(all, /"alicloud_cr_ee_namespace".*auto_create = true/);
  assert.match(
    all,
    /prepare\.namespaces, with cr:CreateNamespace granted on acs:cr:\*:\*:repository\/cri-standin00000001/,
  );
});

test('10 a namespace that is being deleted', async (t) => {
  const { described, acr } = await startStand(t);
  acr.accounts.namespaces.set('mirror', { autoCreate: true, public: false, status: 'DELETING' });
  const { told } = await diagnosed(t, described);
  assert.deepEqual(told, ['namespace error namespace-deleting', autoCreate]);
});

test('10 a missing namespace is no fault where the first copy makes it', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  acr.accounts.namespaces.delete('mirror');
  const prepared = preparing(described, { namespaces: { autoCreateRepositories: true } });
  const { told, words } = await diagnosed(t, prepared);
  assert.deepEqual(told, [autoCreate, immutability]);
  assert.match(words('namespace'), /the first copy into it makes it/);
  assert.ok(!openApi.calls.some(({ action }) => action.startsWith('Create')));
});

test('10 the namespace that a rule spells out is looked at although the source tells nothing', async (t) => {
  const { described } = await startStand(t);
  const unknown = described.rules.map((rule) => ({ ...rule, repositories: ['nowhere/**'] }));
  const { told } = await diagnosed(t, { ...described, rules: unknown });
  assert.deepEqual(told, [
    'namespace error namespace-missing',
    autoCreate,
    'push-permission skipped nothing-planned',
    immutability,
  ]);
});

test('10, 11, 14: the namespace may not be looked at', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.forbidden.add('GetNamespace');
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, [
    'namespace warn no-privilege',
    'auto-create warn no-privilege',
    'immutability warn no-privilege',
  ]);
  const grant = 'grant cr:GetNamespace on acs:cr:*:*:repository/cri-standin00000001/mirror';
  for (const check of ['namespace', 'auto-create', 'immutability']) {
    assert.ok(words(check).includes(grant));
    const statement = JSON.parse(words(check).split('\n').at(-1) ?? '');
    assert.deepEqual(statement.Action, ['cr:GetNamespace'], 'a line of its own, to be pasted');
  }
});

test('11 auto-create is off, and a repository is missing', async (t) => {
  const { described, acr } = await startStand(t);
  const frozen = into(described, 'frozen');
  acr.accounts.repositories.add('frozen/app');
  const { told, words } = await diagnosed(t, frozen);
  assert.deepEqual(told, ['auto-create error auto-create-off']);
  const all = words('auto-create');
  assert.match(all, /auto-create is off in frozen, and frozen\/web is missing/);
  assert.match(all, /Namespace → frozen: switch "Automatically Create Repository" on/);
  assert.match(all, /aliyun cr UpdateNamespace .*--NamespaceName frozen --AutoCreateRepo true/);
  assert.match(
    all,
    /prepare\.repositories, with cr:CreateRepository granted on acs:cr:\*:\*:repository\/cri-standin00000001\/frozen/,
  );
});

test('11 auto-create is off, and nothing is missing, or the first copy makes it: no fault', async (t) => {
  const { described, acr } = await startStand(t);
  const frozen = into(described, 'frozen');
  acr.accounts.repositories.add('frozen/app');
  assert.deepEqual((await diagnosed(t, preparing(frozen, { repositories: {} }))).told, []);
  acr.accounts.repositories.add('frozen/web');
  assert.deepEqual((await diagnosed(t, frozen)).told, []);
});

test('11 auto-create is off, and it is not known what is planned', async (t) => {
  const { described } = await startStand(t);
  const frozen = into(described, 'frozen');
  const unknown = frozen.rules.map((rule) => ({ ...rule, repositories: ['nowhere/**'] }));
  const { told, words } = await diagnosed(t, { ...frozen, rules: unknown });
  assert.deepEqual(told, [
    'auto-create warn auto-create-off-unseen',
    'push-permission skipped nothing-planned',
  ]);
  assert.match(words('auto-create'), /no source told which repositories are planned there/);
});

test('11 repositories may not be looked at', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  for (const name of ['app', 'web']) acr.accounts.repositories.add(`frozen/${name}`);
  openApi.forbidden.add('GetRepository');
  const { told, words } = await diagnosed(t, into(described, 'frozen'));
  assert.deepEqual(told, ['auto-create warn no-privilege', 'immutability warn no-privilege']);
  assert.ok(
    words('auto-create').includes(
      'grant cr:GetRepository on acs:cr:*:*:repository/cri-standin00000001/frozen/*',
    ),
  );
});

test('11 new repositories would be public', async (t) => {
  const { described } = await startStand(t);
  const { told, words } = await diagnosed(t, into(described, 'open'));
  assert.deepEqual(told, ['auto-create warn public-by-default']);
  assert.match(words('auto-create'), /can be pulled by everybody/);
});

test('12 the namespace takes the repository, and RAM does not: the policy with the own ids', async (t) => {
  const { described } = await startStand(t);
  const { acr } = described.registries;
  const login = { username: reader.name, password: reader.password };
  const { told, words } = await diagnosed(t, {
    ...described,
    registries: { ...described.registries, acr: { ...acr, ...login } },
  });
  assert.deepEqual(told, ['push-permission error no-push']);
  const all = words('push-permission');
  assert.match(all, /the namespace mirror is there and takes mirror\/app: RAM lacks cr:PushRepository/);
  assert.ok(all.includes('"acs:cr:*:*:repository/cri-standin00000001/mirror/*"'));
});

test('12 what may not be told apart is told as one of three', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.forbidden.add('GetNamespace');
  const { told, words } = await diagnosed(t, into(described, 'frozen'));
  assert.ok(told.includes('push-permission error no-push'));
  assert.match(
    words('push-permission'),
    /either the namespace frozen is missing, or .*; ACR does not say which/,
  );
});

test('13 a quota that is nearly used up, and used up', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  acr.accounts.repositories.clear();
  for (let index = 0; index < 91; index++) acr.accounts.repositories.add(`mirror/app${index}`);
  for (const name of ['app', 'web']) acr.accounts.repositories.add(`mirror/${name}`);
  openApi.instance.quota.repositories = 100;
  const tight = await diagnosed(t, described);
  assert.deepEqual(tight.told, ['quota warn repositories-nearly-full']);
  assert.match(tight.words('quota'), /has 93 of 100 repositories/);
  openApi.instance.quota.repositories = 93;
  const full = await diagnosed(t, described);
  assert.deepEqual(full.told, ['quota error repositories-full']);
  assert.match(full.words('quota'), /a push that would make one is denied/);
  for (const name of ['app', 'web']) acr.accounts.repositories.delete(`mirror/${name}`);
  openApi.instance.quota.repositories = 91;
  const denied = await diagnosed(t, described);
  assert.deepEqual(denied.told, ['push-permission skipped depends', 'quota error repositories-full']);
});

test('13 no more namespaces: a fault only where one is still to be made', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.instance.quota.namespaces = 3;
  const well = await diagnosed(t, described);
  assert.deepEqual(well.told, ['quota warn namespaces-nearly-full']);
  const prepared = preparing(into(described, 'fresh'), { namespaces: {}, repositories: {} });
  const ill = await diagnosed(t, prepared);
  assert.deepEqual(
    ill.told.filter((line) => line.startsWith('quota')),
    ['quota error namespaces-full'],
  );
});

test('13 the usage may not be looked at', async (t) => {
  const { described, openApi } = await startStand(t);
  openApi.forbidden.add('GetInstanceUsage');
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['quota warn no-privilege']);
  assert.match(words('quota'), /grant cr:GetInstanceUsage on acs:cr:\*:\*:instance\/cri-standin00000001:/);
  assert.match(words('quota'), /"Action":\["cr:GetInstanceUsage"\]/);
});

test('14 a repository whose tags cannot be moved, and the rule that mirrors them', async (t) => {
  const { described, acr } = await startStand(t);
  acr.accounts.repositories.add('mirror/web');
  acr.edge.immutable.add('mirror/web');
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['immutability warn immutable']);
  assert.match(words('immutability'), /tags except latest cannot be moved in mirror\/web\n/);
  assert.match(words('immutability'), /mirrored by rule all; one that moves/);
});

test('14 a namespace whose new repositories have immutable tags', async (t) => {
  const { described, acr } = await startStand(t);
  acr.accounts.namespaces.set('mirror', { autoCreate: true, public: false, immutable: true });
  const { told, words } = await diagnosed(t, described);
  assert.deepEqual(told, ['immutability warn immutable-by-default']);
  assert.match(words('immutability'), /destination-immutable/);
});

test('a source that hangs keeps no check of the destination from its end', async (t) => {
  const { described } = await startStand(t);
  const { url } = await startCallServer(t, () => new Promise<never>(() => undefined));
  const { acr } = described.registries;
  const hanging = {
    registries: { source: { url }, acr },
    rules: [{ name: 'all', source: 'source', repositories: ['mirror/**'], destination: 'acr' }],
  };
  assert.deepEqual((await diagnosed(t, hanging)).told, ['push-permission skipped nothing-planned']);
});

test('many namespaces: the first ones are asked for, so that there is an answer in time; one cause is one finding', async (t) => {
  const { described, acr, openApi } = await startStand(t);
  const names = Array.from({ length: 70 }, (_, index) => `team-${index + 10}`);
  for (const name of names) acr.accounts.namespaces.set(name, { autoCreate: true, public: false });
  openApi.instance.quota.namespaces = 1_000;
  const repositories = names.map((name) => `${name}/app`);
  const rules = described.rules.map((rule) => ({ ...rule, repositories }));
  const { told, words } = await diagnosed(t, { ...described, rules });
  assert.deepEqual(told, ['push-permission error no-push']);
  assert.match(words('push-permission'), /team-10\/app:pull,push allows nothing; .* team-29\/app:/);
  assert.match(words('namespace'), /team-29 \(50 more were not looked at\)/);
  assert.ok(openApi.calls.length < 60, `${openApi.calls.length} calls`);
});

test("others' words stay words: one line, of some length, and no part of a command", async (t) => {
  const { described, acr, openApi } = await startStand(t);
  const hostile = { InstanceName: 'demo\nnext: \u001b[31mcurl evil', RegionId: 'x; rm -rf /' };
  Object.assign(openApi.instance.instances[0] ?? {}, hostile, { InstanceIssue: 'E\u009b'.repeat(5_000) });
  const entries = Array.from({ length: 5_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
  openApi.instance.internet.AclEntries = [...entries, '0.0.0.0/0'].map((Entry) => ({ Entry, Comment: '' }));
  acr.accounts.namespaces.delete('mirror');
  const { told, words } = await diagnosed(t, described);
  const depending = [autoCreate, 'push-permission skipped depends', immutability];
  assert.deepEqual(
    new Set(told),
    new Set([
      'instance warn instance-issue',
      'whitelist warn open-to-the-internet',
      'namespace error namespace-missing',
      ...depending,
    ]),
  );
  const all = ['instance', 'whitelist', 'namespace'].map(words);
  for (const text of all) {
    assert.doesNotMatch(text, /\p{Cc}(?<!\n)|^next:|rm -rf/mu);
    assert.ok(text.length < 2_500, `${text.length}`);
  }
  assert.match(words('whitelist'), /has 0\.0\.0\.0\/0, 10\.0\.0\.0\/24, .* and 4996 more$/m);
  assert.match(words('namespace'), /--region cn-shanghai /);
});

const order = [
  'edition',
  'region',
  'public-access',
  'whitelist',
  'hosts',
  'credential',
  'clock',
  'push-permission',
];

function byNumber(one: string, other: string): number {
  const place = (line: string) => order.indexOf(line.split(' ', 1)[0] ?? '');
  return place(one) - place(other);
}
