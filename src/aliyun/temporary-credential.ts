import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { OpenApi } from './openapi.ts';

/** What a registry's token server takes. The password has a colon; the user name never has. */
export interface Credential {
  username: string;
  password: string;
}

interface Fetched extends Credential {
  renewAt: number;
  expiresAt: number;
}

const schema = z.object({
  TempUsername: z.string().regex(/^[^:\p{Cc}]+$/u),
  AuthorizationToken: z.string().min(1),
  /** Milliseconds since 1970. */
  ExpireTime: z.number(),
});

/** The least time before the end at which a new one is fetched. */
const margin = 60_000;

/**
 * The temporary user of an ACR EE instance, good for an hour: fetched once however many wait, renewed before its end
 * by a tenth of its life, at least a minute. https://help.aliyun.com/document_detail/451390.htm
 */
export class TemporaryCredential {
  readonly #openApi: OpenApi;
  readonly #clock: Clock;
  #held: Fetched | undefined;
  #fetching: Promise<Fetched> | undefined;

  constructor(openApi: OpenApi, clock: Clock) {
    this.#openApi = openApi;
    this.#clock = clock;
  }

  /** Throws `RegistryError` when there is none that is still good. */
  async get(): Promise<Credential> {
    const held = this.#held;
    const { username, password } =
      held !== undefined && this.#clock.now() < held.renewAt ? held : await this.#renewed(held);
    return { username, password };
  }

  async #renewed(held: Fetched | undefined): Promise<Fetched> {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    try {
      return await this.#fetching;
    } catch (error) {
      // Renewing ahead is for this: while the old one is good, an outage of the OpenAPI stops no copy.
      const good = held !== undefined && this.#clock.now() < held.expiresAt;
      if (good && error instanceof RegistryError) return held;
      throw error;
    }
  }

  async #fetch(): Promise<Fetched> {
    const asked = this.#clock.now();
    const answer = await this.#openApi.call('GetAuthorizationToken', {}, schema);
    const { TempUsername: username, AuthorizationToken: password, ExpireTime: expiresAt } = answer;
    const ahead = Math.max(margin, (expiresAt - asked) / 10);
    this.#held = { username, password, expiresAt, renewAt: expiresAt - ahead };
    return this.#held;
  }
}
