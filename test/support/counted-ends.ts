import { type Access, AccessLog } from './access-log.ts';
import { type AcrAccounts, acrTokens } from './acr-tokens.ts';
import type { Credential } from './client.ts';
import { startDockerRegistry } from './docker-registry.ts';
import { harborTokens } from './harbor-tokens.ts';
import type { Ending } from './temporary.ts';
import { type TokenPolicy, type TokenServer, startTokenServer } from './token-server.ts';

/** A real registry with tokens, whose requests are counted where they arrive. */
export interface CountedEnd {
  readonly url: string;
  readonly host: string;
  readonly credential: Credential;
  /** What was asked since the last call. */
  asked(): Promise<Asked>;
}

export interface Asked {
  /** Of the registry. */
  requests: Access[];
  /** Of the token server: the scopes of each question. */
  tokens: string[];
}

export interface CountedOptions {
  /** PEM texts. */
  tls?: { key: string; cert: string };
  /** Where the token server at an address is to be reached; without it, there. */
  realm?(url: string): Promise<string>;
}

/** Whose repositories they are at both ends: a Harbor project and an ACR namespace of the same name. */
export const namespace = 'mirror';

/** A Harbor-shaped source and an ACR-shaped destination; both tell their tokens as those do. */
export async function startCountedEnds(t: Ending, options: CountedOptions = {}) {
  const reader = { name: 'robot$mirror+reader', password: 'robot-secret' };
  const writer = { name: 'pusher@1000000000000001', password: 'fixed-password' };
  const harbor = harborTokens([{ ...reader, projects: { [namespace]: ['pull', 'push'] } }]);
  const accounts: AcrAccounts = {
    users: [{ ...writer, grants: [{ repositories: /./, actions: ['pull', 'push', 'create'] }] }],
    namespaces: new Map([[namespace, { autoCreate: true, public: false }]]),
    repositories: new Set(),
  };
  const [source, destination] = await Promise.all([
    startEnd(t, harbor, reader, options),
    startEnd(t, acrTokens(accounts), writer, options),
  ]);
  return { source, destination };
}

async function startEnd(
  t: Ending,
  policy: TokenPolicy,
  credential: Credential,
  { tls, realm }: CountedOptions,
): Promise<CountedEnd> {
  const tokens = await startTokenServer(t, policy, tls);
  const log = new AccessLog();
  const token = { ...tokens.trust, realm: (await realm?.(tokens.trust.realm)) ?? tokens.trust.realm };
  const { url } = await startDockerRegistry(t, { token, onAccess: log.add, ...(tls && { tls }) });
  let told = 0;
  const asked = async (): Promise<Asked> => {
    const requests = await log.take(url);
    const scopes = scopesOf(tokens).slice(told);
    told += scopes.length;
    return { requests, tokens: scopes };
  };
  return { url, host: new URL(url).host, credential, asked };
}

function scopesOf({ questions }: TokenServer): string[] {
  return questions.map(({ scopes }) =>
    scopes.map(({ name, actions }) => `${name}:${actions.join(',')}`).join(' '),
  );
}
