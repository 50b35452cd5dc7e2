import type { Clock } from '../../src/clock.ts';
import type { RequestRecord } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { bearer, robot } from '../registry/stand.ts';
import type { Credential } from '../support/client.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { Faults } from '../support/fault.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { harborTokens } from '../support/harbor-tokens.ts';
import type { Ending } from '../support/temporary.ts';
import { type TokenServer, startTokenServer } from '../support/token-server.ts';

/** One end of a copy: the mirror speaks to it through faults, the test looks at it past them. */
export interface End {
  /** What the mirror is given. */
  readonly url: string;
  /** The registry itself. */
  readonly direct: string;
  readonly faults: Faults;
  /** What came from the mirror, with its bytes. */
  readonly requests: RequestRecord[];
}

/** Who the mirror and the test are, at every registry here. */
export const credential: Credential = { name: robot.username, password: robot.password };

export type Kind = 'docker-registry' | 'embedded';

/** Registries of one kind. Each end is new; real registries are shared by the rows, which differ in repositories. */
export interface Ends {
  readonly kind: Kind;
  start(t: Ending, side: 'source' | 'destination', clock: Clock): Promise<End>;
}

/** Registries in this process, which misbehave by themselves. */
export const embedded: Ends = {
  kind: 'embedded',
  async start(t, _side, clock) {
    const faults = new Faults();
    const registry = await EmbeddedRegistry.start({ auth: bearer, clock, misbehave: faults.misbehave });
    t.after(() => registry.close());
    const { url, requests } = registry;
    return { url, direct: url, faults, requests };
  },
};

interface Real {
  tokens: TokenServer;
  registry: DockerRegistry;
}

/** A proxy before each of two real registries, their token service behind it as well. */
export async function startDocker(t: Ending): Promise<Ends> {
  const real: Record<'source' | 'destination', Real> = {
    source: await startReal(t),
    destination: await startReal(t),
  };
  return {
    kind: 'docker-registry',
    async start(own, side) {
      const { registry, tokens } = real[side];
      const { url, faults, requests } = await startFaultProxy(own, registry.url, tokens.trust.realm);
      return { url, direct: registry.url, faults, requests };
    },
  };
}

async function startReal(t: Ending): Promise<Real> {
  const everything = ['pull', 'push'];
  const projects = { library: everything, mirror: everything, free: everything };
  const tokens = await startTokenServer(t, harborTokens([{ ...credential, projects }]));
  return { tokens, registry: await startDockerRegistry(t, { token: tokens.trust }) };
}
