import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { Authorizer, basicHeader } from './auth.ts';
import type { Held, Ping } from './auth.ts';
import { backoff } from './backoff.ts';
import { caps, parseErrors, readCapped, readWhole } from './body.ts';
import { isStreamed } from './call.ts';
import type { Answer, Call } from './call.ts';
import { unanswered } from '../copy/unanswered.ts';
import { refused, triesOf } from './error.ts';
import { Limiter, patience } from './limit.ts';
import type { Limits, Share } from './limit.ts';
import { maskOf } from './mask.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { Use } from './slots.ts';
import { RealmPolicy, TokenCache } from './token.ts';
import type { Credential, TokenHosts } from './token.ts';
import type { Urgency } from './urgency.ts';
import { follow, sameOrigin, shown } from './url.ts';
import { Wire } from './wire.ts';
import type { WireOptions } from './wire.ts';

export interface TransportOptions extends WireOptions {
  /** The configuration's name of the registry, for messages. */
  name: string;
  url: URL;
  /** Asked for each token, so that a password that was changed is used. */
  credential: () => Promise<Credential | undefined>;
  /** Called with a credential that the token server does not know. */
  onRefused?: ((credential: Credential) => void) | undefined;
  tokenHosts: TokenHosts;
  aliyun: boolean;
  limits: Limits;
  clock: Clock;
}

const maxRedirects = 5;

/** Milliseconds for an answer that is read whole: one that trickles in is never idle. */
const readPatience = 5 * 60_000;

/** What the steps of the protocol need: everything they send has the same urgency. */
export interface Sender extends Pick<Transport, 'send' | 'stream'> {
  readonly limiter: Share;
}

/** The requests of one registry: limits, authorization, redirects, retries. */
export class Transport {
  readonly #limiter: Limiter;
  readonly #options: TransportOptions;
  readonly #wire: Wire;
  readonly #authorizer: Authorizer;
  /** Failures after the last try: of a token, say, which the request that wanted it must not try again as well. */
  readonly #final = new WeakSet<RegistryError>();
  /** With which `Authorization` an answer was got: its words must not repeat it. */
  readonly #sent = new WeakMap<Answer, string>();

  constructor(options: TransportOptions) {
    this.#options = options;
    const { name, url, limits, clock } = options;
    this.#limiter = new Limiter(name, limits, clock);
    // Beside the slots: a write that goes first, and a token's request.
    this.#wire = new Wire(options, limits.concurrency + 2);
    const realms = new RealmPolicy(url, options.tokenHosts, options.aliyun);
    const credential = (): Promise<Credential | undefined> => this.#credential();
    const tokens = new TokenCache((from, held) => this.#token(from, held), credential, realms, clock);
    this.#authorizer = new Authorizer(() => this.#ping(), credential, tokens);
  }

  /** How many requests may be in flight now. */
  get width(): number {
    return this.#limiter.width;
  }

  at(urgency: Urgency): Sender {
    return {
      limiter: this.#limiter.at(urgency),
      send: (call, cap) => this.send({ ...call, urgency }, cap),
      stream: (call) => this.stream({ ...call, urgency }),
    };
  }

  /** Sends a call and reads its answer whole, at most `cap` bytes. */
  async send(call: Call, cap: number = caps.small): Promise<Omit<Answer, 'body'> & { bytes: Buffer }> {
    const use = useOf(call);
    return this.#retrying(call, async () => {
      const { body, ...head } = await this.#open(call, use);
      return { ...head, bytes: await this.#read(call, { ...head, body }, cap) };
    });
  }

  /** Sends a call whose answer is a stream, in a slot that the caller holds for it: `limiter.acquire('read')`. */
  async stream(call: Call): Promise<Answer> {
    return this.#retrying(call, () => this.#answer(call));
  }

  /** The `service` of the registry's challenge, asked for once. Throws `RegistryError`. */
  service(signal?: AbortSignal): Promise<string | undefined> {
    return this.#authorizer.service(signal);
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#wire.close();
  }

  async #retrying<T>(call: Call, once: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await once();
      } catch (error) {
        call.signal?.throwIfAborted();
        if (!(error instanceof RegistryError)) throw error;
        if (!this.#isWorthAnother(call, error, tried)) this.#final.add(error);
        if (this.#final.has(error)) throw error;
        await this.#pause(error, tried, call.signal);
      }
    }
  }

  #isWorthAnother(call: Call, { fault, retryAt }: RegistryError, tried: number): boolean {
    if (call.once || isStreamed(call) || tried >= triesOf(fault)) return false;
    // No byte is sent more than twice: what still fails then is for another attempt of the task.
    if (call.body !== undefined && tried >= 2) return false;
    return retryAt === undefined || retryAt - this.#options.clock.now() <= patience;
  }

  /** `Retry-After` stops everybody; without it only this request waits. */
  async #pause(error: RegistryError, tried: number, signal: AbortSignal | undefined): Promise<void> {
    if (error.retryAt !== undefined) return;
    const { clock } = this.#options;
    await clock.sleep(backoff(tried, clock.random()), signal);
  }

  async #open(call: Call, use: Use): Promise<Answer> {
    const release = await this.#limiter.acquire(use, call.signal, call.urgency, call.size);
    try {
      const answer = await this.#answer(call);
      if (answer.body.closed) release();
      else answer.body.once('close', release);
      return answer;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #answer(call: Call): Promise<Answer> {
    const answer = await this.#authorized(call);
    if (!call.expect.includes(answer.status)) throw await this.#refusal(call, answer);
    return answer;
  }

  async #authorized(call: Call): Promise<Answer> {
    const held = await this.#header(call);
    const answer = await this.#redirected(call, held);
    // What another host refuses is no reason to think about our credential.
    if (answer.status !== 401 || !this.#isOurs(answer.url)) return answer;
    const refusal = await this.#refusal(call, answer);
    if (call.auth === 'basic') throw refusal;
    const renewed = await this.#authorizer.renew(call.scopes, held, answer.challenges, call.signal);
    if (renewed === undefined) throw refusal;
    // The stream has begun to flow; whoever owns it may send it again, with the new token.
    if (isStreamed(call)) {
      throw new RegistryError('unreachable', refusal.message, { status: 401, cause: refusal });
    }
    const second = await this.#redirected(call, renewed);
    if (second.status === 401) this.#authorizer.forget(renewed);
    return second;
  }

  #isOurs(url: URL): boolean {
    return sameOrigin(url, this.#options.url);
  }

  async #header(call: Call): Promise<Held | undefined> {
    if (!this.#isOurs(call.url)) return undefined;
    if (call.auth === 'basic') return this.#authorizer.basic();
    return this.#authorizer.header(call.scopes, call.signal);
  }

  async #redirected(call: Call, held: Held | undefined): Promise<Answer> {
    let url = call.url;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const answer = await this.#exchange(call, url, this.#isOurs(url) ? held?.header : undefined);
      if (!isRedirect(answer.status) || isStreamed(call) || call.stay) return answer;
      await this.#little(call, answer);
      url = follow(url, answer.headers.get('location') ?? undefined, 'a redirect');
      if (call.auth === 'basic' && !this.#isOurs(url)) throw strayed(call.url, url);
    }
    throw new RegistryError(
      'protocol',
      `${shown(call.url)}: expected at most ${maxRedirects} redirects, got more`,
    );
  }

  async #exchange(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    await this.#limiter.turn(call.signal, call.urgency);
    const answer = await this.#watched(call, url, authorization);
    if (authorization !== undefined) this.#sent.set(answer, authorization);
    return answer;
  }

  /** What the registry itself answers, and how soon, says how many requests it bears. */
  async #watched(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    if (!this.#isOurs(url)) return this.#wire.exchange(call, url, authorization);
    const watch = this.#limiter.watch();
    try {
      const answer = await this.#wire.exchange(call, url, authorization);
      watch.answered(answer.status, questionOf(call), answer.headers.has('retry-after'));
      return answer;
    } catch (error) {
      const isMeant = error instanceof RegistryError && ['unreachable', 'timeout'].includes(error.fault);
      if (isMeant) watch.failed();
      throw error;
    }
  }

  async #read(call: Call, answer: Answer, cap: number): Promise<Buffer> {
    try {
      return await this.#patiently(call, answer, readWhole(answer.body, cap, shown(answer.url)));
    } catch (error) {
      call.signal?.throwIfAborted();
      throw unanswered(`${call.method} ${shown(answer.url)}`, error);
    }
  }

  /** As much as is worth reading of an answer whose end does not matter, so that the connection can be used again. */
  async #little(call: Call, answer: Answer): Promise<Buffer | undefined> {
    return this.#patiently(call, answer, readCapped(answer.body, caps.small)).catch(() => undefined);
  }

  /** Waits for a body to be read; after `readPatience` it is destroyed, which fails the reading. */
  async #patiently<T>(call: Call, { body, url }: Answer, reading: Promise<T>): Promise<T> {
    const timer = this.#options.clock.after(readPatience, () => {
      const message = `${call.method} ${shown(url)}: the answer had not ended after ${readPatience} ms`;
      body.destroy(new RegistryError('timeout', message));
    });
    return reading.finally(() => timer.cancel());
  }

  /** Reads what the registry says of its refusal, and passes its wish for silence on to everybody. */
  async #refusal(call: Call, answer: Answer): Promise<RegistryError> {
    const said = await this.#little(call, answer);
    const now = this.#options.clock.now();
    const retryAt = [429, 503].includes(answer.status)
      ? parseRetryAfter(answer.headers.get('retry-after') ?? undefined, now)
      : undefined;
    if (retryAt !== undefined) this.#limiter.pause(retryAt);
    const url = shown(answer.url);
    const words = parseErrors(said, maskOf(this.#sent.get(answer)));
    return refused({ method: call.method, url, status: answer.status, retryAt, ...words });
  }

  // The ping and tokens are asked for without a slot: the request that waits for them holds one already. They
  // have no signal, since others may wait for them as well, and go first for the same reason.

  async #ping(): ReturnType<Ping> {
    const url = new URL('/v2/', this.#options.url);
    const call: Call = { method: 'GET', url, scopes: [], expect: [] };
    return this.#retrying(call, async () => {
      const answer = await this.#redirected(call, undefined);
      if (answer.status >= 500 || answer.status === 429) throw await this.#refusal(call, answer);
      await this.#little(call, answer);
      return { status: answer.status, challenges: answer.challenges, url: shown(url) };
    });
  }

  async #token(url: URL, credential: Credential | undefined): Promise<Uint8Array> {
    const call: Call = { method: 'GET', url, scopes: [], expect: [200] };
    const authorization = credential && basicHeader(credential);
    return this.#retrying(call, async () => {
      const answer = await this.#exchange(call, url, authorization);
      if (answer.status === 200) return this.#read(call, answer, caps.small);
      if (answer.status === 401 && credential !== undefined) this.#options.onRefused?.(credential);
      const refusal = await this.#refusal(call, answer);
      // It is the token server that is not there, not what was to be copied.
      if (refusal.fault === 'not-found') {
        throw new RegistryError('protocol', refusal.message, { cause: refusal });
      }
      throw refusal;
    });
  }

  async #credential(): Promise<Credential | undefined> {
    try {
      return await this.#options.credential();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `registry ${this.#options.name}: its credential cannot be read: ${why}`;
      // Whoever gives it out may be away for a while, and has been asked often enough for now.
      const away = cause instanceof RegistryError && cause.fault !== 'not-found';
      const error = new RegistryError(away ? cause.fault : 'denied', message, { cause });
      this.#final.add(error);
      throw error;
    }
  }
}

/** Which kind of small question it is, if it is one: how long a list or a blob takes says more of their length. */
function questionOf({ method, url }: Call): string | undefined {
  const isSmall =
    method === 'HEAD' ||
    (method === 'GET' && url.pathname.includes('/manifests/')) ||
    (method === 'POST' && url.pathname.endsWith('/blobs/uploads/'));
  return isSmall ? method : undefined;
}

function useOf({ method }: Call): Use {
  return method === 'GET' || method === 'HEAD' ? 'ask' : 'write';
}

/** Whoever answers there speaks for nobody but itself: what needs our credential is not theirs to say. */
function strayed(from: URL, to: URL): RegistryError {
  return new RegistryError('protocol', `${shown(from)}: expected an answer, got a redirect to ${to.host}`);
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}
