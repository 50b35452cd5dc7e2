import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Algorithm, type Digest, Digester } from '../../oci/digest.ts';

/** Bytes up to which content stays in memory. */
const memoryLimit = 1024 * 1024;

/** A temporary folder, made when first needed. */
export class Folder {
  #made: Promise<string> | undefined;

  path(): Promise<string> {
    return (this.#made ??= mkdtemp(join(tmpdir(), 'tagferry-registry-')));
  }

  async remove(): Promise<void> {
    if (this.#made) await rm(await this.#made, { recursive: true, force: true });
  }
}

/** Content that arrives in pieces: in memory while it is small, in a file once it is not. */
export class Spool {
  readonly #folder: Folder;
  readonly #digester = new Digester('sha256');
  #chunks: Uint8Array[] = [];
  #path: string | undefined;
  #file: FileHandle | undefined;
  #size = 0;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  get size(): number {
    return this.#size;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#digester.update(chunk);
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size > memoryLimit) await this.#flush();
  }

  /** No piece can be added afterwards. */
  async finish(algorithm: Algorithm): Promise<Digest> {
    await this.#file?.close();
    this.#file = undefined;
    if (algorithm === 'sha256') return this.#digester.digest();
    const digester = new Digester(algorithm);
    for await (const chunk of this.read()) digester.update(chunk);
    return digester.digest();
  }

  /** The bytes from `start` up to and including `end`. */
  async *read(start = 0, end = this.#size - 1): AsyncIterable<Uint8Array> {
    if (end < start) return;
    if (this.#path) yield* createReadStream(this.#path, { start, end, highWaterMark: 256 * 1024 });
    else yield Buffer.concat(this.#chunks).subarray(start, end + 1);
  }

  async discard(): Promise<void> {
    await this.#file?.close();
    if (this.#path) await rm(this.#path, { force: true });
    this.#chunks = [];
  }

  async #flush(): Promise<void> {
    this.#path ??= join(await this.#folder.path(), randomUUID());
    this.#file ??= await open(this.#path, 'wx');
    for (const chunk of this.#chunks.splice(0)) await this.#file.writeFile(chunk);
  }
}
