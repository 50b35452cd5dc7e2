import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { shared } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { successOf } from './answer.ts';
import { isKeyRefused, triesOf } from './error.ts';
import type { Action } from './error.ts';
import { masked } from './identity.ts';
import type { Identity, IdentitySource } from './identity.ts';
import type { Pace } from './pace.ts';
import { queryOf, signedHeaders } from './signature.ts';
import { Wire } from './wire.ts';
import type { Sent, WireOptions } from './wire.ts';

/** Which instance is spoken of, and where its OpenAPI is. */
export interface Address {
  /** `https://cr.REGION.aliyuncs.com`, or what stands in for it. */
  url: URL;
  /** `cri-…` */
  instanceId: string;
}

export interface OpenApiOptions extends WireOptions {
  /** Asked once, by the first call; after a failure again. */
  address: () => Promise<Address>;
  /** Asked for each request. */
  identity: IdentitySource;
  /** One for all clients of the process. */
  pace: Pace;
  clock: Clock;
}

/** The version of ACR Enterprise Edition; the personal edition has another one. */
const version = '2018-12-01';

interface Question {
  action: Action;
  parameters: Readonly<Record<string, string>>;
  url: URL;
}

/** The OpenAPI of one ACR EE instance: signing, rate, retries. https://www.alibabacloud.com/help/en/acr/developer-reference/ */
export class OpenApi {
  readonly #options: OpenApiOptions;
  readonly #wire: Wire;
  #address: Promise<Address> | undefined;

  constructor(options: OpenApiOptions) {
    this.#options = options;
    this.#wire = new Wire(options);
  }

  /**
   * The answer to a call that may be made twice (`triesOf`), checked by the schema. `InstanceId` is added to the parameters.
   * Throws `RegistryError`, whose `code` is the OpenAPI's own; the message shows neither the key nor the query.
   */
  async call<T>(
    action: Action,
    parameters: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const address = await this.#where(signal);
    const question = {
      action,
      // The one call that is not about an instance.
      parameters: action === 'ListInstance' ? parameters : { ...parameters, InstanceId: address.instanceId },
      url: address.url,
    };
    for (let tried = 1; ; tried++) {
      try {
        return await this.#once(question, schema, signal);
      } catch (error) {
        if (!(error instanceof RegistryError) || tried >= this.#tries(error)) throw error;
        await this.#wait(error, tried, signal);
      }
    }
  }

  /** `cri-…`: of which instance it speaks. Throws `RegistryError` where that cannot be found. */
  async instanceId(signal?: AbortSignal): Promise<string> {
    return (await this.#where(signal)).instanceId;
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#wire.close();
  }

  #where(signal: AbortSignal | undefined): Promise<Address> {
    return shared((this.#address ??= this.#find()), signal);
  }

  #find(): Promise<Address> {
    const finding = this.#options.address();
    finding.catch(() => (this.#address = undefined));
    return finding;
  }

  async #once<T>(question: Question, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T> {
    const { identity: source, pace } = this.#options;
    await pace.turn(signal);
    const identity = await shared(source.get(), signal);
    const { action, parameters, url } = question;
    const sent = this.#signed(question, identity);
    const { status, text } = await this.#wire.ask(action, sent, signal);
    try {
      const mask = (words: string): string => masked(words, identity);
      return successOf({ action, parameters, url: url.origin, status, text, mask }, schema);
    } catch (error) {
      if (isKeyRefused(error)) source.forget?.(identity);
      throw error;
    }
  }

  /** A key that ended before its time is worth another try with the next one. */
  #tries(error: RegistryError): number {
    const { identity } = this.#options;
    return isKeyRefused(error) && identity.forget !== undefined ? 2 : triesOf(error.fault);
  }

  /** Anew for each try: a nonce is good once. */
  #signed({ action, parameters, url }: Question, identity: Identity): Sent {
    const operation = { host: url.host, action, version, parameters };
    const moment = { time: this.#options.clock.now(), nonce: randomUUID() };
    const headers = signedHeaders(operation, identity, moment);
    return { method: 'POST', url: new URL(`/?${queryOf(parameters)}`, url), headers };
  }

  /** Throttling is for everybody, and counted over a second or more; other failures are this call's own. */
  async #wait({ fault }: RegistryError, tried: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, pace } = this.#options;
    const full = (fault === 'rate-limited' ? 2_000 : 200) * 2 ** (tried - 1);
    const wait = full / 2 + (full / 2) * clock.random();
    if (fault === 'rate-limited') pace.pause(wait);
    else await clock.sleep(wait, signal);
  }
}
