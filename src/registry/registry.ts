import { RegistryError } from '../copy/error.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import { isRepository } from '../oci/reference.ts';
import type { Call } from './call.ts';
import { listed } from './list.ts';
import { Repository } from './repository.ts';
import { Transport } from './transport.ts';
import type { TransportOptions } from './transport.ts';
import type { Urgency } from './urgency.ts';

export interface RegistryOptions extends TransportOptions {
  /** Where uploads to it are remembered over a restart. */
  sessions?: UploadSessions | undefined;
}

/** A registry: its repositories share one budget of requests, one pool of connections and one set of tokens. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #transport: Transport;
  readonly #habits = { refusesOwnMounts: false };

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#transport = new Transport(options);
  }

  /** How many requests may be in flight now: the configured number, or fewer where the registry does not bear so many. */
  get width(): number {
    return this.#transport.width;
  }

  /** `push`: a token for both is asked from the first request on, also to look. `urgency`: of all that is asked there. */
  repository(name: string, access: 'pull' | 'push', urgency: Urgency = 'push'): Repository {
    const { url: origin, clock, idleTimeout, sessions } = this.#options;
    const actions = access === 'push' ? (['pull', 'push'] as const) : (['pull'] as const);
    return new Repository({
      transport: this.#transport.at(urgency),
      origin,
      name,
      actions,
      clock,
      idleTimeout,
      sessions,
      habits: this.#habits,
    });
  }

  /**
   * Every repository, where the registry gives such a list: it is not in the specification, off on ACR, and
   * Harbor gives it to administrators and robots with `catalog:read` only. Throws `RegistryError` where it is refused.
   */
  async *repositories(signal?: AbortSignal): AsyncGenerator<string> {
    const url = new URL('/v2/_catalog', this.#options.url);
    const scopes = ['registry:catalog:*'];
    const call = { method: 'GET', url, scopes, expect: [200], signal } as const;
    try {
      yield* this.#names(call);
    } catch (error) {
      // Harbor takes no token for it, only the credential itself.
      if (!(error instanceof RegistryError) || error.fault !== 'denied') throw error;
      yield* this.#names({ ...call, auth: 'basic' });
    }
  }

  /**
   * A call of an API that the vendor has beside `/v2`, its answer read whole, at most `cap` bytes: within the same budget
   * of requests, with the urgency that it names. With `auth: 'basic'` it stays at the registry's own origin. Throws `RegistryError`.
   */
  send(call: Call, cap: number): ReturnType<Transport['send']> {
    return this.#transport.send(call, cap);
  }

  /** By what name the registry is known to its token server: `service` of its challenge, if it has one. Throws `RegistryError`. */
  service(signal?: AbortSignal): Promise<string | undefined> {
    return this.#transport.service(signal);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async *#names(call: Parameters<typeof listed>[1]): AsyncGenerator<string> {
    for await (const name of listed(this.#transport.at('look'), call, 'repositories')) {
      if (isRepository(name)) yield name;
    }
  }
}
