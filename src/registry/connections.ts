import type { Dispatcher } from 'undici';
import { Agents } from './agents.ts';

export interface ConnectionsOptions {
  /** PEM; instead of Node's own. Asked for with each request: when it is another one, new connections are made. */
  ca?: readonly string[] | (() => readonly string[]) | undefined;
  insecureSkipVerify: boolean;
  /** Milliseconds. */
  connectTimeout: number;
}

/** Pools of connections that follow the authorities: what was begun under earlier ones ends on its own connection. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #perOrigin: number;
  #agents: Agents;
  /** With authorities that do not count any more: they end what is under way. */
  readonly #leaving = new Set<Agents>();
  readonly #closing = new AbortController();

  constructor(options: ConnectionsOptions, perOrigin: number) {
    this.#options = options;
    this.#perOrigin = perOrigin;
    this.#agents = this.#newAgents(authoritiesOf(options));
  }

  by(proxy: URL | undefined): Dispatcher {
    const ca = authoritiesOf(this.#options);
    if (ca !== this.#agents.ca && !this.#closing.signal.aborted) this.#renew(ca);
    return this.#agents.by(proxy);
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([this.#agents, ...this.#leaving].map((agents) => agents.destroy()));
    // undici leaves a connection that is being made to its time-out, which keeps the process alive.
    this.#closing.abort();
  }

  #renew(ca: readonly string[] | undefined): void {
    const old = this.#agents;
    this.#leaving.add(old);
    void old.close().finally(() => this.#leaving.delete(old));
    this.#agents = this.#newAgents(ca);
  }

  #newAgents(ca: readonly string[] | undefined): Agents {
    const { insecureSkipVerify, connectTimeout } = this.#options;
    const { signal } = this.#closing;
    return new Agents({ ca, insecureSkipVerify, connectTimeout, connections: this.#perOrigin, signal });
  }
}

function authoritiesOf({ ca }: ConnectionsOptions): readonly string[] | undefined {
  return typeof ca === 'function' ? ca() : ca;
}
