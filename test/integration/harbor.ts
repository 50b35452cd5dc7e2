import { startDockerRegistry } from '../support/docker-registry.ts';
import { harborTokens } from '../support/harbor-tokens.ts';
import type { Ending } from '../support/temporary.ts';
import { type TokenServer, startTokenServer } from '../support/token-server.ts';
import { environment } from './mirror.ts';

/** A Harbor's data plane: a real registry behind Harbor's kind of token service. */
export interface Harbor {
  readonly url: string;
  readonly realm: string;
  readonly tokens: TokenServer;
}

/** Who pushes; the mirror is `robot$mirror`, and may only pull. */
export const developer = { name: 'developer', password: 'Developer1' };
const mirror = { name: 'robot$mirror', password: environment.HARBOR_PASSWORD };

export async function startHarbor(t: Ending): Promise<Harbor> {
  const users = [
    { ...developer, projects: { library: ['pull', 'push'], private: ['pull', 'push'] } },
    { ...mirror, projects: { library: ['pull'] } },
  ];
  const tokens = await startTokenServer(t, harborTokens(users));
  const { url } = await startDockerRegistry(t, { token: tokens.trust });
  return { url, realm: tokens.trust.realm, tokens };
}
