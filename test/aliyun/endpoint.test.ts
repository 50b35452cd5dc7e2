import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { isPrivateAddress, machineNetwork, type Network, lookIntoVpc } from '../../src/aliyun/endpoint.ts';
import { systemClock } from '../../src/clock.ts';
import { FakeClock } from '../support/clock.ts';
import type { Ending } from '../support/temporary.ts';

const host = 'demo-registry-vpc.cn-test.cr.aliyuncs.com';

/** A network in which the name has these addresses, and a connection ends so. */
function network(addresses: readonly string[] | Error, connected: Promise<void> = Promise.resolve()) {
  const asked: string[] = [];
  const made: Network = {
    addresses: async (name) => {
      asked.push(name);
      if (addresses instanceof Error) throw addresses;
      return addresses;
    },
    connect: async (address, port) => {
      asked.push(`${address} ${port}`);
      return connected;
    },
  };
  return { made, asked };
}

test('private addresses: RFC 1918, and those of Alibaba Cloud within a VPC', () => {
  for (const address of [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '100.127.255.255',
  ])
    assert.ok(isPrivateAddress(address), address);
  for (const address of [
    '11.0.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '100.63.255.255',
    '8.8.8.8',
    '127.0.0.1',
    '::1',
    'x',
    '',
  ])
    assert.ok(!isPrivateAddress(address), address);
});

test('a name with private addresses that takes connections', async () => {
  const { made, asked } = network(['10.1.2.3', '100.64.0.1']);
  assert.deepEqual(await lookIntoVpc(host, 443, new FakeClock(), made), {
    reachable: true,
    why: `${host} is 10.1.2.3 here, which takes connections`,
  });
  assert.deepEqual(asked, [host, '10.1.2.3 443']);
});

test('a name that is not found, or leads elsewhere, is not connected to', async () => {
  const missing = network(new Error('getaddrinfo ENOTFOUND'));
  assert.deepEqual(await lookIntoVpc(host, 443, new FakeClock(), missing.made), {
    reachable: false,
    why: `${host} is not found here: getaddrinfo ENOTFOUND`,
  });
  for (const addresses of [['8.8.8.8'], ['10.0.0.1', '8.8.8.8']]) {
    const { made, asked } = network(addresses);
    assert.deepEqual(await lookIntoVpc(host, 443, new FakeClock(), made), {
      reachable: false,
      why: `${host} is ${addresses.join(', ')} here, which is not within a VPC`,
    });
    assert.deepEqual(asked, [host]);
  }
});

test('an address that refuses', async () => {
  const { made } = network(['10.0.0.1'], Promise.reject(new Error('connect ECONNREFUSED')));
  assert.deepEqual(await lookIntoVpc(host, 443, new FakeClock(), made), {
    reachable: false,
    why: `${host} is 10.0.0.1 here, which takes no connection at port 443: connect ECONNREFUSED`,
  });
});

test('a look takes two seconds at most, whatever hangs', async () => {
  const never = new Promise<never>(() => undefined);
  const hanging: [Network, string][] = [
    [{ addresses: () => never, connect: () => never }, `${host} is not found here`],
    [network(['10.0.0.1'], never).made, `${host} is 10.0.0.1 here, which takes no connection at port 443`],
  ];
  for (const [made, why] of hanging) {
    const clock = new FakeClock();
    const probing = lookIntoVpc(host, 443, clock, made);
    while (clock.next === undefined) await setImmediate();
    for (let turn = 0; turn < 10; turn++) await setImmediate();
    clock.advance(2_000);
    assert.deepEqual(await probing, { reachable: false, why: `${why}: nothing within 2000 ms` });
    assert.equal(clock.next, undefined);
  }
});

async function listening(t: Ending): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined).resume();
  }).listen(0, '127.0.0.1');
  t.after(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { port: address.port, connections: () => connections };
}

test("the machine's own network: names, connections, and none", async (t) => {
  assert.ok((await machineNetwork.addresses('localhost')).every((address) => /^(127\.|::1)/.test(address)));
  const { port, connections } = await listening(t);
  const { signal } = new AbortController();
  await machineNetwork.connect('127.0.0.1', port, signal);
  while (connections() === 0) await setImmediate();
  await assert.rejects(machineNetwork.connect('127.0.0.1', 1, signal), /ECONNREFUSED/);
  await assert.rejects(machineNetwork.connect('127.0.0.1', port, AbortSignal.abort()), {
    name: 'AbortError',
  });
  const elsewhere = await lookIntoVpc('localhost', port, systemClock);
  assert.equal(elsewhere.reachable, false);
});
