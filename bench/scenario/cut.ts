import { setImmediate } from 'node:timers/promises';
import type { Misbehaviour, RequestRecord } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { startCallServer } from '../../test/support/call-server.ts';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';
import { Faults } from '../../test/support/fault.ts';
import { forward } from '../../test/support/forward.ts';
import { type Image, ociImage } from '../../test/support/image.ts';
import { push } from '../../test/support/push.ts';
import type { Row, Scenario } from '../scenario.ts';
import { completed, deliver } from '../support/deliver.ts';
import { startMirror } from '../support/mirror.ts';
import type { Stand } from '../support/stand.ts';

/*
 * A blob of 512 MiB whose destination breaks the connection once, when 60 % of it have come, and how much is sent in all. Two
 * kinds of destinations let an upload go on: a registry behind a proxy that takes requests whole, nginx's default, which
 * loses the request that is cut; and one that keeps what it has got of it.
 */

const MiB = 2 ** 20;
const size = 512 * MiB;
const cutAt = 0.6 * size;
const limit = 520;
const bodies = /^(PATCH|PUT) .*\/blobs\/uploads\//;

/** More was sent than may be. */
class TooMuchSent extends Error {
  override readonly name = 'TooMuchSent';
}

interface Cutting {
  url: string;
  requests: readonly RequestRecord[];
}

export const cut: Scenario = {
  name: 'cut',
  about: 'a blob of 512 MiB whose upload is cut at 60 %: bytes sent in all',
  needs: ['docker-registry'],
  async run(stand, say) {
    const source = await startDockerRegistry(stand);
    const image = ociImage('bench', { layers: [size] });
    await push(source.url, 'bench/application', 'v1', image);
    const rows: Row[] = [];
    for (const [what, start] of [
      ['behind a proxy that takes requests whole', startWhole],
      ['a registry that keeps what it got', startKeeping],
    ] as const) {
      rows.push(await measure(stand, source.url, image, what, await start(stand)));
      say(`${what}: ${rows.at(-1)?.figures[1]?.value.toFixed(1)} MiB`);
    }
    return rows;
  },
};

async function measure(
  stand: Stand,
  source: string,
  { descriptor }: Image,
  what: string,
  { url, requests }: Cutting,
): Promise<Row> {
  const mirror = await startMirror(stand, { source: { url: source }, destination: { url } });
  const begin = Date.now();
  const id = await deliver(mirror, 'bench/application', 'v1', descriptor.digest);
  const seconds = ((await completed(mirror, id, 300_000)) - begin) / 1000;
  const sent = received(requests) / MiB;
  if (sent > limit) throw new TooMuchSent(`${what}: expected at most ${limit} MiB, got ${sent.toFixed(1)}`);
  return {
    what,
    figures: [
      { name: 'all', value: seconds, unit: 's' },
      { name: 'sent', value: sent, unit: 'MiB' },
    ],
    ratio: { to: `the limit of ${limit} MiB`, value: sent / limit },
    memory: mirror.child.peakMemory(),
  };
}

function received(requests: readonly RequestRecord[]): number {
  return requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
}

/** The request that is cut never gets to the registry. */
async function startWhole(stand: Stand): Promise<Cutting> {
  const registry = await startDockerRegistry(stand);
  const proxy = await startCallServer(stand, (call) => forward(registry.url, call));
  let isCut = false;
  proxy.faults.always(bodies, async (call) => {
    const whole: Uint8Array[] = [];
    for await (const chunk of call.body) {
      whole.push(chunk);
      if (isCut || received(proxy.requests) < cutAt) continue;
      isCut = true;
      return 'reset';
    }
    return forward(registry.url, { ...call, body: asIs(whole) });
  });
  return proxy;
}

async function* asIs(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** What has come of the request that is cut is there. */
async function startKeeping(stand: Stand): Promise<Cutting> {
  const faults = new Faults();
  const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  stand.after(() => registry.close());
  const state = { isCut: false };
  const cutting: Misbehaviour = async (call, next) => {
    const request = { isOver: false };
    const taking = next();
    const over = taking.catch(() => undefined).finally(() => (request.isOver = true));
    while (!request.isOver && (state.isCut || received(registry.requests) < cutAt)) await setImmediate();
    if (request.isOver) return taking;
    state.isCut = true;
    call.reset();
    await over;
    return 'reset';
  };
  faults.always(bodies, cutting);
  return registry;
}
