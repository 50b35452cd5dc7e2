import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { Bytes } from '../copy/repository.ts';
import { unanswered } from '../copy/unanswered.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { backoff } from './backoff.ts';
import type { Answer, Call } from './call.ts';
import type { Sender } from './transport.ts';
import { shown } from './url.ts';

/*
 * Reading a blob. What is cut goes on by `Range` from where it stopped, within one slot: waiting for another one would
 * keep the destination's slot meanwhile, and copies both ways could wait for each other for ever.
 *
 * A registry that stalls is given up after `idleTimeout` each time; so a peer that brings nothing holds the slot for
 * (1 + `most`) × `idleTimeout` and the pauses between, 6 minutes by default.
 */

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

/** The bytes after the first `from`; whoever does not read to the end aborts the call's signal. */
export async function download(options: DownloadOptions, from: number): Promise<Bytes> {
  const { transport, call } = options;
  const release = await transport.limiter.acquire('read', call.signal, options.descriptor.size - from);
  call.signal.addEventListener('abort', release, { once: true });
  const end = (): void => {
    call.signal.removeEventListener('abort', release);
    release();
  };
  const reading = new Download(options, from);
  try {
    await reading.open();
  } catch (error) {
    end();
    throw error;
  }
  return reading.chunks(end);
}

class Download {
  readonly #options: DownloadOptions;
  #position: number;
  /** Where the cuts began to be counted. */
  #mark: number;
  #cuts = 0;
  #answer: Answer | undefined;

  constructor(options: DownloadOptions, from: number) {
    this.#options = options;
    this.#position = from;
    this.#mark = from;
  }

  get #complete(): boolean {
    return this.#position >= this.#options.descriptor.size;
  }

  /** Asks for what is missing. Never for a range from the end on: Harbor's 416 has a broken length. */
  async open(once = false): Promise<void> {
    const from = this.#position;
    if (from > 0 && this.#complete) return;
    const { transport, call, descriptor } = this.#options;
    const ranged = from > 0 && { headers: { ...call.headers, range: `bytes=${from}-` }, expect: [200, 206] };
    const answer = await transport.stream({ ...call, ...ranged, ...(once ? { once } : {}) });
    try {
      refuseOtherPart(descriptor, answer, from);
    } catch (error) {
      answer.body.destroy();
      throw error;
    }
    this.#answer = answer;
  }

  async *chunks(end: () => void): AsyncGenerator<Uint8Array> {
    try {
      do yield* this.#received();
      while (await this.#isToGoOn());
    } finally {
      end();
    }
  }

  /** Until the end of the answer, or where it was cut. */
  async *#received(): AsyncGenerator<Uint8Array> {
    const answer = this.#answer;
    if (answer === undefined) return;
    // Where `Range` was ignored everything comes again.
    let behind = answer.status === 200 ? this.#position : 0;
    const { transport, call } = this.#options;
    try {
      for await (const chunk of answer.body) {
        if (!(chunk instanceof Uint8Array)) throw new TypeError('expected bytes');
        await transport.limiter.bytes(chunk.length, call.signal);
        const fresh = chunk.subarray(behind);
        behind = Math.max(0, behind - chunk.length);
        this.#position += fresh.length;
        if (fresh.length > 0) yield fresh;
      }
      this.#answer = undefined;
    } catch (error) {
      await this.#pause(unanswered(`GET ${shown(answer.url)}`, error));
    }
  }

  /** Asks for the rest, if the answer was cut before the end. */
  async #isToGoOn(): Promise<boolean> {
    if (this.#answer === undefined || this.#complete) return false;
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
    if (this.#complete) return;
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
function refuseOtherPart(descriptor: Descriptor, answer: Answer, from: number): void {
  if (answer.status !== 206) return refuseOtherLength(descriptor, answer);
  const { digest, size } = descriptor;
  const range = answer.headers.get('content-range') ?? '';
  const [, start, end, whole] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range) ?? [];
  const right =
    Number(start) === from && Number(end) === size - 1 && (whole === '*' || Number(whole) === size);
  if (right) return;
  const got = range === '' ? 'none' : range.slice(0, 80);
  const message = `blob ${digest}: expected Content-Range bytes ${from}-${size - 1}/${size} from ${shown(answer.url)}, got ${got}`;
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
