import { lookup } from 'node:dns/promises';
import { BlockList, connect, isIP } from 'node:net';
import { once } from 'node:events';
import { shared } from '../abort.ts';
import { within } from '../clock.ts';
import type { Clock } from '../clock.ts';

const inside = new BlockList();
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  // Alibaba Cloud's own services within a VPC.
  ['100.64.0.0', 10],
] as const)
  inside.addSubnet(network, bits, 'ipv4');

/** Milliseconds that a look may take, the name and the connection together. */
const patience = 2_000;

/** Whether an address leads nowhere outside a private network (RFC 1918) or Alibaba Cloud's own (100.64.0.0/10). */
export function isPrivateAddress(address: string): boolean {
  return isIP(address) === 4 && inside.check(address);
}

/** What a look at a host needs of the machine's network. */
export interface Network {
  /** All addresses of a name; rejects when there are none. */
  addresses(host: string): Promise<readonly string[]>;
  /** Resolves as soon as a connection is made, and ends it. */
  connect(address: string, port: number, signal: AbortSignal): Promise<void>;
}

export const machineNetwork: Network = {
  addresses: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  connect: async (address, port, signal) => {
    const socket = connect({ host: address, port });
    try {
      await once(socket, 'connect', { signal });
    } finally {
      socket.destroy();
    }
  },
};

/** Whether a name leads into a VPC from here, and how that was seen. */
export interface Reachability {
  reachable: boolean;
  /** Goes on after "because": `demo-registry-vpc… is 10.0.0.5 and answers`. */
  why: string;
}

/** A host of a VPC can be used when its name leads to private addresses and one of them takes connections. Never throws. */
export async function lookIntoVpc(
  host: string,
  port: number,
  clock: Clock,
  network: Network = machineNetwork,
): Promise<Reachability> {
  const late = new Unreachable(`nothing within ${patience} ms`);
  try {
    const why = await within(clock, patience, late, (signal) => look(host, port, network, signal));
    return { reachable: true, why };
  } catch (error) {
    return { reachable: false, why: messageOf(error) };
  }
}

async function look(host: string, port: number, network: Network, signal: AbortSignal): Promise<string> {
  const addresses = await step(network.addresses(host), `${host} is not found here`, signal);
  const [address = ''] = addresses;
  if (!addresses.every(isPrivateAddress))
    throw new Unreachable(`${host} is ${addresses.join(', ')} here, which is not within a VPC`);
  const problem = `${host} is ${address} here, which takes no connection at port ${port}`;
  await step(network.connect(address, port, signal), problem, signal);
  return `${host} is ${address} here, which takes connections`;
}

/** Why a host cannot be used. */
class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

async function step<T>(work: Promise<T>, problem: string, signal: AbortSignal): Promise<T> {
  try {
    return await shared(work, signal);
  } catch (cause) {
    throw new Unreachable(`${problem}: ${messageOf(cause)}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
