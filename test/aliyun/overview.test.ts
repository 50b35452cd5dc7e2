import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overview } from '../../src/aliyun/overview.ts';
import { answer, editJson } from '../support/fault.ts';
import { failure, startStand, type Stand } from './stand.ts';

async function start(t: Parameters<typeof startStand>[0]): Promise<Stand & { overview: Overview }> {
  const stand = await startStand(t);
  return { ...stand, overview: new Overview(stand.client) };
}

test('the instances of the account, asked for without the id of one', async (t) => {
  const { overview, server } = await start(t);
  const row = {
    id: 'cri-standin00000001',
    name: 'demo',
    status: 'RUNNING',
    issue: '',
    region: 'cn-shanghai',
    specification: 'Enterprise_Basic',
  };
  assert.deepEqual(await overview.rows(), [row]);
  assert.deepEqual(server.calls[0]?.parameters, { PageNo: '1', PageSize: '100' });
});

test('more instances than one page has', async (t) => {
  const { overview, server } = await start(t);
  const rows = Array.from({ length: 250 }, (_, index) => ({ InstanceId: `cri-${index}` }));
  server.instance.instances = rows;
  const found = await overview.rows();
  assert.deepEqual(
    found.map(({ id }) => id),
    rows.map(({ InstanceId }) => InstanceId),
  );
  assert.equal(server.calls.length, 3);
  assert.equal(found[0]?.status, '');
});

test('a list of instances that does not end', async (t) => {
  const { overview, server } = await start(t);
  const Instances = Array.from({ length: 100 }, () => ({ InstanceId: 'cri-again' }));
  server.faults.always(
    /PageNo/,
    editJson((page) => ({ ...page, Instances, TotalCount: '100000' })),
  );
  const error = await failure(overview.rows(), 'protocol');
  assert.match(error.message, /does not end/);
});

test('the public endpoint with its whitelist, and switched off', async (t) => {
  const { overview, server } = await start(t);
  assert.deepEqual(await overview.publicEndpoint(), {
    enabled: true,
    status: 'RUNNING',
    aclEnabled: true,
    entries: ['127.0.0.1/32', '198.51.100.0/24'],
    domains: ['demo-registry.cn-shanghai.cr.aliyuncs.com'],
  });
  server.instance.internet.Enable = false;
  const off = await overview.publicEndpoint();
  assert.deepEqual([off.enabled, off.entries, off.domains], [false, [], []]);
});

test('the VPC endpoint', async (t) => {
  const { overview } = await start(t);
  assert.deepEqual(await overview.vpcEndpoint(), {
    enabled: true,
    domains: ['demo-registry-vpc.cn-shanghai.cr.aliyuncs.com'],
    linked: [{ vpcId: 'vpc-1', ip: '10.0.0.9', status: 'RUNNING', defaultAccess: true }],
  });
});

test('usage and quota, which are numbers written as texts', async (t) => {
  const { overview, server } = await start(t);
  Object.assign(server.instance.quota, { namespaces: 5, repositories: 1_000 });
  assert.deepEqual(await overview.usage(), {
    namespaces: { used: 3, quota: 5 },
    repositories: { used: 1, quota: 1_000 },
  });
  server.faults.once(
    /./,
    editJson((said) => ({
      ...said,
      NamespaceQuota: 7,
      NamespaceUsage: null,
      RepoQuota: '-1',
      RepoUsage: 'many',
    })),
  );
  assert.deepEqual(await overview.usage(), {
    namespaces: { used: undefined, quota: 7 },
    repositories: { used: undefined, quota: undefined },
  });
});

test('members that are missing, null or texts', async (t) => {
  const { overview, server } = await start(t);
  const answered = (members: object) => {
    const body = JSON.stringify({ IsSuccess: true, Code: 'success', ...members });
    server.faults.once(/./, answer(200, { 'content-type': 'application/json' }, body));
  };
  answered({ Enable: 'true', AclEntries: null, Domains: [{}] });
  assert.deepEqual(await overview.publicEndpoint(), {
    enabled: true,
    status: '',
    aclEnabled: true,
    entries: [],
    domains: [],
  });
  answered({ Enable: 'False', LinkedVpcs: [{}] });
  assert.deepEqual(await overview.vpcEndpoint(), {
    enabled: false,
    domains: [],
    linked: [{ vpcId: '', ip: '', status: '', defaultAccess: false }],
  });
  answered({ Instances: null });
  assert.deepEqual(await overview.rows(), []);
  for (const wrong of [{}, { Enable: 'perhaps' }, { Enable: true, AclEntries: {} }]) {
    answered(wrong);
    const error = await failure(overview.publicEndpoint(), 'protocol');
    assert.match(error.message, /GetInstanceEndpoint at .* answered something unexpected/);
  }
});

test('what may not be asked says what to grant, and on what', async (t) => {
  const { overview, server } = await start(t);
  const asks: [string, () => Promise<unknown>, string][] = [
    ['ListInstance', () => overview.rows(), '*'],
    ['GetInstanceEndpoint', () => overview.publicEndpoint(), 'acs:cr:*:*:instance/cri-standin00000001'],
    ['GetInstanceVpcEndpoint', () => overview.vpcEndpoint(), 'acs:cr:*:*:instance/cri-standin00000001'],
    ['GetInstanceUsage', () => overview.usage(), 'acs:cr:*:*:instance/cri-standin00000001'],
  ];
  for (const [action, ask, resource] of asks) {
    server.forbidden.add(action);
    const error = await failure(ask(), 'denied');
    assert.ok(error.message.includes(`grant cr:${action} on ${resource} to the owner`), error.message);
    assert.equal(error.code, 'NoPrivilege');
  }
});
