import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Network } from '../../src/aliyun/endpoint.ts';
import { type Clock, systemClock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import type { Report } from '../../src/doctor/doctor.ts';
import { createLog } from '../../src/log.ts';
import { examineConfig } from '../../src/main/doctor.ts';
import { logLines } from '../support/log-lines.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

/** What a configuration says of its registries and rules, by the contract's keys. */
export interface Described {
  registries: Record<string, Record<string, unknown>>;
  rules: Record<string, unknown>[];
  /** Further keys of the file. */
  more?: Record<string, unknown>;
  clock?: Clock;
  env?: Record<string, string>;
  network?: Network;
  writeProbe?: boolean;
}

/** Writes the configuration as a user would, and has everything in it checked. */
export async function diagnose(
  t: Ending,
  { registries, rules, more, clock = systemClock, env = {}, network, writeProbe = false }: Described,
): Promise<Report> {
  const file = join(await temporaryFolder(t), 'tagferry.yaml');
  const webhook = { secrets: ['Bearer of-the-webhook'] };
  await writeFile(file, JSON.stringify({ registries, rules, webhook, ...more }));
  const { stream } = logLines();
  const log = createLog({ level: 'warn', format: 'json', stream }, []);
  return examineConfig(loadConfig(file, env), { env, ...(network && { network }), writeProbe }, log, clock);
}

/** Names of their own, so that no test leaves the machine; connections are made to nobody. */
export function networkOf(names: Record<string, string[]>): Network {
  return {
    addresses: async (host) => names[host] ?? Promise.reject(new Error('ENOTFOUND')),
    connect: async () => Promise.reject(new Error('nobody is there')),
  };
}

/** What is not as it should be: `SUBJECT CHECK STATUS CODE`. That an identity is missing is no fault. */
export function told({ checks }: Report): string[] {
  return checks
    .filter(({ status, code }) => status !== 'ok' && code !== 'needs-aliyun')
    .map(({ subject, check, status, code }) => `${subject} ${check} ${status} ${code}`);
}

/** All that a user is told of one check. */
export function wordsOf({ checks }: Report, check: string): string {
  return checks
    .filter((one) => one.check === check)
    .flatMap(({ saw, means = '', next = [] }) => [saw, means, ...next])
    .join('\n');
}
