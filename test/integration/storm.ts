import assert from 'node:assert/strict';
import * as http from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../src/oci/digest.ts';
import { blobOf, layer, ociImageOf } from '../support/image.ts';
import { push } from '../support/push.ts';
import { pushed, secret } from './mirror.ts';
import type { Phoenix } from './phoenix.ts';
import { shuffled } from './random.ts';

/** A tag that moves. */
export interface Tag {
  repository: string;
  tag: string;
  /** All that it named so far, the newest last. */
  digests: Digest[];
}

/** One delivery; before it, perhaps, the tag moves. */
export interface Step {
  id: string;
  tag: Tag;
  moves: boolean;
}

/**
 * Deliveries in random order, equally many for each tag. A tag begins and ends with a move, and one in five
 * moves in between as well: its newest digest is announced by its last delivery alone.
 */
export function planOf(tags: readonly Tag[], deliveries: number, random: () => number): Step[] {
  const each = deliveries / tags.length;
  const between = () => (random() < 0.2 ? [1 + Math.floor(random() * (each - 2))] : []);
  const moving = new Map(tags.map((tag) => [tag, new Set([0, ...between(), each - 1])]));
  const seen = new Map<Tag, number>();
  const order = shuffled(
    tags.flatMap((tag) => Array.from({ length: each }, () => tag)),
    random,
  );
  return order.map((tag, step) => {
    const index = seen.get(tag) ?? 0;
    seen.set(tag, index + 1);
    return { id: `delivery-${step}`, tag, moves: moving.get(tag)?.has(index) ?? false };
  });
}

/** Every version of every tag has this layer, and a config of its own. */
const base = layer('base', 2_000);

/** Harbor and its webhooks: each delivery is sent again until it is answered. */
export class Storm {
  /** Of the deliveries that were answered with 202. */
  readonly answered: string[] = [];
  /** Named by the answers. */
  readonly tasks = new Set<number>();
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #harbor: string;
  readonly #phoenix: Phoenix;

  constructor(harbor: string, phoenix: Phoenix) {
    this.#harbor = harbor;
    this.#phoenix = phoenix;
  }

  /** Sends all; those of one tag one after the other, as many tags at a time as there are senders. */
  async send(steps: readonly Step[], tags: readonly Tag[], senders: number): Promise<void> {
    for (const repository of new Set(tags.map((tag) => tag.repository)))
      await push(this.#harbor, repository, undefined, ociImageOf(base, [base]));
    const places = new Map(tags.map((tag, index) => [tag, index % senders]));
    const queues = Array.from({ length: senders }, (_, sender) =>
      steps.filter(({ tag }) => places.get(tag) === sender),
    );
    await Promise.all(
      queues.map(async (queue) => {
        for (const step of queue) await this.#step(step);
      }),
    );
    this.#agent.destroy();
  }

  async #step({ id, tag, moves }: Step): Promise<void> {
    if (moves) await this.#move(tag);
    const body = pushed(tag.repository, tag.tag, tag.digests.at(-1) ?? '', id);
    let answer: { status: number; body: string } | undefined;
    while (answer === undefined) answer = await this.#deliver((await this.#phoenix.mirror).url, body);
    assert.equal(answer.status, 202, answer.body);
    this.answered.push(id);
    for (const task of JSON.parse(answer.body).tasks) this.tasks.add(task);
  }

  async #move({ repository, tag, digests }: Tag): Promise<void> {
    const about = { architecture: 'amd64', os: 'linux', author: `${repository}:${tag} ${digests.length}` };
    const config = blobOf(JSON.stringify(about), 'application/vnd.oci.image.config.v1+json');
    const image = ociImageOf(config, [base]);
    digests.push(image.descriptor.digest);
    await push(this.#harbor, repository, tag, { ...image, blobs: [config] });
  }

  /** One try: `undefined` when the connection ended before the answer did. */
  async #deliver(url: string, body: string): Promise<{ status: number; body: string } | undefined> {
    const length = Buffer.byteLength(body);
    const headers = { 'content-type': 'application/json', authorization: secret, 'content-length': length };
    const answered = Promise.withResolvers<http.IncomingMessage>();
    http
      .request(`${url}/webhooks/harbor`, { method: 'POST', headers, agent: this.#agent }, answered.resolve)
      .on('error', answered.reject)
      .end(body);
    try {
      const answer = await answered.promise;
      return { status: answer.statusCode ?? 0, body: (await buffer(answer)).toString() };
    } catch {
      return undefined;
    }
  }
}
