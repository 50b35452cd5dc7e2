import type { RequestRecord } from '../../src/demo/registry/call.ts';

/** Requests that may still be under way stay in the list. */
const recent = 500;

/** Bytes of blobs that came in at the destination, and what of it was needed. */
export class Sent {
  /** All that was sent, also what was cut off. */
  bytes = 0;
  requests = 0;
  /** Of these, the ones of the API beside `/v2`. */
  api = 0;
  readonly #arrived = new Set<string>();
  readonly #records: RequestRecord[];

  constructor(records: RequestRecord[]) {
    this.#records = records;
  }

  /** Counts what is over; at the end all of it. */
  count(left = recent): void {
    for (const record of this.#records.splice(0, Math.max(0, this.#records.length - left))) this.#add(record);
  }

  /** Bytes that were sent although they had been sent before, or did not arrive. */
  again(size: (digest: string) => number): number {
    const needed = [...this.#arrived].reduce((sum, name) => sum + size(name.split('@')[1] ?? ''), 0);
    return this.bytes - needed;
  }

  #add({ method, path, query, status, bytesIn }: RequestRecord): void {
    this.requests++;
    if (path.startsWith('/api/')) this.api++;
    const [, repository] = /^\/v2\/(.+)\/blobs\/uploads\//.exec(path) ?? [];
    if (repository === undefined) return;
    this.bytes += bytesIn;
    const digest = new URLSearchParams(query).get('digest');
    if (method === 'PUT' && status === 201 && digest !== null) this.#arrived.add(`${repository}@${digest}`);
  }
}
