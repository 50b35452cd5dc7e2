import { reasonOf } from '../../src/abort.ts';
import { type Fault, RegistryError } from '../../src/copy/error.ts';
import type { Destination, Source } from '../../src/copy/repository.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { type Digest, digestOf, isDigest } from '../../src/oci/digest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import type { FakeClock } from '../support/clock.ts';

/** The process that waits for an answer: after its crash nobody does, but what it asked for is done all the same. */
export interface Caller {
  readonly dead: boolean;
}

/** An artifact without parts, so that a schedule is about nothing but its tag. */
export interface Artifact {
  descriptor: Descriptor;
  bytes: Uint8Array;
  /** Of its tag: each push has a greater one. */
  version: number;
}

export function artifactOf(name: string, version: number): Artifact {
  const document = { schemaVersion: 2, mediaType: ociIndex, manifests: [], annotations: { name, version } };
  const bytes = Buffer.from(JSON.stringify(document));
  return { descriptor: { mediaType: ociIndex, digest: digestOf(bytes), size: bytes.length }, bytes, version };
}

/** When a call has its effect and when its caller hears of it, in milliseconds from now; either may never be. */
interface Fate {
  effect?: number;
  answer?: number;
  failure?: { at: number; fault: Fault };
}

/** Milliseconds until a caller gives up, and until what it gave up is done at the latest: within the time of doubt. */
const patience = 60_000;
const latest = 20 * 60_000;

export interface RegistryOptions {
  clock: FakeClock;
  random(): number;
  /** Whether everything is answered from now on. */
  calm(): boolean;
  /** Whether failures may spend attempts. */
  spends: boolean;
  /** A tag has been looked up; whoever asked does not know it yet. */
  onResolved?(tag: string): void;
  /** A tag is written: before it is. `late`: whoever asked for it does not wait any more. */
  onWrite?(tag: string, before: Artifact | undefined, now: Artifact, late: boolean): void;
}

/** A registry in this process whose every call takes a while, may fail, and may do what it said it had not done. */
export class SlowRegistry {
  /** By `repository:tag`. */
  readonly tags = new Map<string, Artifact>();
  readonly #artifacts = new Map<Digest, Artifact>();
  readonly #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** At once, as whoever pushes sees it. */
  push(tag: string, artifact: Artifact): void {
    this.#artifacts.set(artifact.descriptor.digest, artifact);
    this.tags.set(tag, artifact);
  }

  repository(name: string, caller: Caller): Source & Destination {
    const find = (reference: string): Artifact | undefined =>
      isDigest(reference) ? this.#artifacts.get(reference) : this.tags.get(`${name}:${reference}`);
    const refuse = (): never => {
      throw new RangeError('an artifact without parts has no blobs');
    };
    return {
      resolve: (reference, signal) =>
        this.#call(caller, signal, this.#fate(), () => {
          const found = find(reference)?.descriptor;
          this.#options.onResolved?.(`${name}:${reference}`);
          return found;
        }),
      fetch: (reference, signal) =>
        this.#call(caller, signal, this.#fate(), () => {
          const found = find(reference);
          this.#options.onResolved?.(`${name}:${reference}`);
          return found && { descriptor: found.descriptor, bytes: found.bytes };
        }),
      manifest: (descriptor, signal) =>
        this.#call(caller, signal, this.#fate(), () => find(descriptor.digest)?.bytes ?? refuse()),
      putManifest: (reference, descriptor, bytes, signal) =>
        this.#call(caller, signal, this.#fate('late'), (late) =>
          this.#put(`${name}:${reference}`, descriptor, bytes, late),
        ),
      describe: refuse,
      blob: refuse,
      hasBlob: refuse,
      writeBlob: refuse,
    };
  }

  #put(tag: string, descriptor: Descriptor, bytes: Uint8Array, late: boolean): boolean {
    const { version } = JSON.parse(Buffer.from(bytes).toString()).annotations;
    const artifact = { descriptor, bytes, version };
    this.#options.onWrite?.(tag, this.tags.get(tag), artifact, late);
    this.push(tag, artifact);
    return true;
  }

  #fate(last: 'late' | 'never' = 'never'): Fate {
    const { random, calm, spends } = this.#options;
    const some = (): number => Math.ceil(random() * (random() < 0.7 ? 40 : 4_000));
    // Answers take longer than what they answer: much may happen before its caller knows.
    const [first, second, chance] = [some(), 3 * some(), calm() ? 1 : random()];
    const fault = spends && random() < 0.3 ? 'protocol' : 'unreachable';
    if (chance < 0.06) return { failure: { at: first, fault } };
    if (chance < 0.12) return { effect: first, failure: { at: first + second, fault } };
    if (chance < 0.22 && last === 'late')
      return { effect: Math.ceil(random() * latest), failure: { at: patience, fault: 'timeout' } };
    return { effect: first, answer: first + second };
  }

  #call<T>(
    caller: Caller,
    signal: AbortSignal | undefined,
    { effect, answer, failure }: Fate,
    act: (late: boolean) => T,
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(reasonOf(signal));
    const { clock } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let waits = true;
    const end = (settle: () => void): void => {
      if (waits && !caller.dead) settle();
      waits = false;
    };
    if (effect !== undefined)
      clock.after(effect, () => {
        const done = act(!waits || caller.dead);
        if (answer !== undefined) clock.after(answer - effect, () => end(() => resolve(done)));
      });
    if (failure !== undefined)
      clock.after(failure.at, () =>
        end(() => reject(new RegistryError(failure.fault, 'as the schedule wants it'))),
      );
    signal?.addEventListener('abort', () => end(() => reject(reasonOf(signal))), { once: true });
    return promise;
  }
}
