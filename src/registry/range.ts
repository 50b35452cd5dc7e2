import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { unanswered } from '../copy/unanswered.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { backoff } from './backoff.ts';
import type { Answer, Call } from './call.ts';
import { Gatherer } from './gather.ts';
import type { Sender } from './transport.ts';
import { pass } from './pass.ts';
import { shown } from './url.ts';

/* Reading a range of a blob, by one connection at a time. What is cut goes on by `Range` from where it stopped. */

/** Cuts in a row that bring less than `progress` bytes; then the reading ends. */
const most = 5;
const progress = 1024 * 1024;

export interface DownloadOptions {
  transport: Sender;
  clock: Clock;
  /** GET of the whole blob. */
  call: Call & { signal: AbortSignal };
  descriptor: Descriptor;
}

export class RangeReader {
  readonly #options: DownloadOptions;
  readonly #end: number;
  #position: number;
  /** Where the cuts began to be counted. */
  #mark: number;
  #cuts = 0;
  #answer: Answer | undefined;
  #waited = 0;
  #arrived = 0;

  /** The bytes from `from` on, up to `end`. */
  constructor(options: DownloadOptions, from: number, end: number = options.descriptor.size) {
    this.#options = options;
    this.#position = from;
    this.#mark = from;
    this.#end = end;
  }

  get complete(): boolean {
    return this.#position >= this.#end;
  }

  /** Whether the answer that has been opened is the range that was asked for, and not the blob from its beginning. */
  get isRange(): boolean {
    return this.#answer?.status === 206;
  }

  /** What one connection brings while it is waited for; to be looked at over `waited` milliseconds. */
  get pace(): { waited: number; bytesPerSecond: number } {
    return { waited: this.#waited, bytesPerSecond: (this.#arrived * 1000) / this.#waited };
  }

  /** Measures anew. */
  resetPace(): void {
    this.#waited = 0;
    this.#arrived = 0;
  }

  /** Asks for what is missing. Never for a range from the end on: Harbor's 416 has a broken length. */
  async open(once = false): Promise<void> {
    const from = this.#position;
    const end = this.#end;
    if (from > 0 && this.complete) return;
    const { transport, call, descriptor } = this.#options;
    const isPart = from > 0 || end < descriptor.size;
    const range = `bytes=${from}-${end < descriptor.size ? end - 1 : ''}`;
    const ranged = isPart && { headers: { ...call.headers, range }, expect: [200, 206] };
    const answer = await transport.stream({ ...call, ...ranged, ...(once ? { once } : {}) });
    try {
      refuseOtherPart(descriptor, answer, from, end);
    } catch (error) {
      answer.body.destroy();
      throw error;
    }
    this.#answer = answer;
  }

  /** Ends it before `chunks` was begun. */
  close(): void {
    this.#answer?.body.destroy();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    do yield* this.#received();
    while (await this.#isToGoOn());
  }

  /** Until the end of the answer, or where it was cut. */
  async *#received(): AsyncGenerator<Uint8Array> {
    const answer = this.#answer;
    if (answer === undefined) return;
    // Where `Range` was ignored everything comes again.
    let behind = answer.status === 200 ? this.#position : 0;
    const { transport, call } = this.#options;
    const body = new Gatherer(answer.body);
    try {
      for (let chunk = await this.#next(body); chunk !== undefined; chunk = await this.#next(body)) {
        await pass(transport.limiter, chunk.length, call.signal);
        const fresh = chunk.subarray(behind);
        behind = Math.max(0, behind - chunk.length);
        this.#position += fresh.length;
        if (fresh.length > 0) yield fresh;
      }
      this.#answer = undefined;
    } catch (error) {
      await this.#pause(unanswered(`GET ${shown(answer.url)}`, error));
    } finally {
      body.close();
    }
  }

  async #next(body: Gatherer): Promise<Uint8Array | undefined> {
    const { clock } = this.#options;
    const begin = clock.now();
    const chunk = await body.next();
    this.#waited += clock.now() - begin;
    this.#arrived += chunk?.length ?? 0;
    return chunk;
  }

  /** Asks for the rest, if the answer was cut before the end. */
  async #isToGoOn(): Promise<boolean> {
    if (this.#answer === undefined || this.complete) return false;
    for (;;) {
      try {
        await this.open(true);
        return true;
      } catch (error) {
        await this.#pause(error);
      }
    }
  }

  /** Before the rest is asked for; throws what cut the answer if that is no use. */
  async #pause(cut: unknown): Promise<void> {
    const { clock, call } = this.#options;
    call.signal.throwIfAborted();
    if (this.complete) return;
    if (this.#position - this.#mark >= progress) {
      this.#mark = this.#position;
      this.#cuts = 0;
    }
    if (!isCut(cut) || ++this.#cuts > most) throw cut;
    await clock.sleep(backoff(this.#cuts, clock.random()), call.signal);
  }
}

/** Whether the rest may come if it is asked for. How long a registry wants to be left alone, its limits see to. */
function isCut(error: unknown): boolean {
  return error instanceof RegistryError && ['unreachable', 'timeout', 'rate-limited'].includes(error.fault);
}

/** Where the answer says which part of how many bytes it is. */
function refuseOtherPart(descriptor: Descriptor, answer: Answer, from: number, to: number): void {
  if (answer.status !== 206) return refuseOtherLength(descriptor, answer);
  const { digest, size } = descriptor;
  const range = answer.headers.get('content-range') ?? '';
  const [, start, end, whole] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range) ?? [];
  const right = Number(start) === from && Number(end) === to - 1 && (whole === '*' || Number(whole) === size);
  if (right) return;
  const got = range === '' ? 'none' : range.slice(0, 80);
  const message = `blob ${digest}: expected Content-Range bytes ${from}-${to - 1}/${size} from ${shown(answer.url)}, got ${got}`;
  throw new RegistryError('corrupt', message);
}

/** Where the answer tells a length at all. */
export function refuseOtherLength(
  { digest, size }: Descriptor,
  { headers, url }: Omit<Answer, 'body'>,
): void {
  const length = headers.get('content-length');
  if (length === null || Number(length) === size) return;
  const message = `blob ${digest}: expected ${size} bytes, ${shown(url)} announces ${length}`;
  throw new RegistryError('corrupt', message);
}
