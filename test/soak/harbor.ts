import { setTimeout } from 'node:timers/promises';
import { Client } from '../support/client.ts';
import type { StandExecution } from '../support/harbor-rest-content.ts';
import { HarborRest, listingPermissions } from '../support/harbor-rest.ts';
import { send } from '../support/http.ts';
import { type Image, indexOf, layer, ociImageOf, blobOf } from '../support/image.ts';
import { push } from '../support/push.ts';
import { environment, secret } from '../integration/mirror.ts';

/** Milliseconds before each further try of a delivery: three in all, as Harbor's jobs have them. */
const pauses = [300, 900];

const [repositories, tags] = [10, 12];
const sizes = [400, 3_000, 60_000, 700_000];

/** Where Harbor finds the mirror just now. */
export type Where = () => string | undefined;

/**
 * Pushes and retags at random, and tells of it as Harbor does: not always, and not for ever. Its API has all of it, for
 * whoever asks.
 */
export class Harbor {
  readonly rest = new HarborRest();
  readonly counts = {
    pushes: 0,
    retags: 0,
    "tags made in Harbor's UI": 0,
    delivered: 0,
    'webhooks lost on purpose': 0,
    'webhooks given up': 0,
  };
  /** `repository:tag` of all there is. */
  readonly names = new Set<string>();
  readonly #images = new Map<string, Image[]>();
  /** The last change of each tag: the registry and the API must see two of them in the same order. */
  readonly #changes = new Map<string, Promise<unknown>>();
  readonly #sizes = new Map<string, number>();
  readonly #url: string;
  readonly #where: Where;
  readonly #random: () => number;

  constructor(url: string, where: Where, random: () => number) {
    this.#url = url;
    this.#where = where;
    this.#random = random;
    const robot = { name: 'robot$mirror', password: environment.HARBOR_PASSWORD };
    this.rest.accounts.push({ ...robot, projects: { library: listingPermissions } });
    this.rest.content.policy('library', 'tagferry');
  }

  /** Works until there has been enough of it. */
  async work(enough: () => boolean): Promise<void> {
    const deliveries: Promise<void>[] = [];
    while (!enough()) {
      deliveries.push(this.#tell(await this.#change()));
      await setTimeout(this.#random() * 600);
    }
    await Promise.all(deliveries);
  }

  /** The size of a blob that was pushed. */
  size(digest: string): number {
    return this.#sizes.get(digest) ?? 0;
  }

  /** Gives the delivery that Harbor begins; none where it tells nobody. */
  async #change(): Promise<StandExecution | undefined> {
    const repository = `library/app${this.#below(repositories)}`;
    const tag = `v${this.#below(tags)}`;
    const known = this.#images.get(repository) ?? [];
    const old = this.#random() < 0.3 ? known[this.#below(known.length)] : undefined;
    const image = old ?? this.#image(repository);
    const inUi = old !== undefined && this.#random() < 0.3;
    const name = `${repository}:${tag}`;
    this.names.add(name);
    const change = (this.#changes.get(name) ?? Promise.resolve()).then(async () => {
      // A retag as a registry client makes it: the same manifest under another name.
      if (old) await this.#put(repository, tag, old);
      else await push(this.#url, repository, tag, image);
      this.#images.set(repository, [...(this.#images.get(repository) ?? []).slice(-20), image]);
      return inUi ? this.#madeInUi(repository, tag, image) : this.#pushed(repository, tag, image, old);
    });
    this.#changes.set(name, change);
    return change;
  }

  #madeInUi(repository: string, tag: string, { descriptor }: Image): undefined {
    this.rest.content.tag(repository, tag, descriptor.digest);
    this.counts["tags made in Harbor's UI"]++;
  }

  /** A core that crashes in time begins no delivery. */
  #pushed(repository: string, tag: string, image: Image, old: Image | undefined): StandExecution | undefined {
    this.counts[old ? 'retags' : 'pushes']++;
    const { content } = this.rest;
    const silent = this.#random() < 0.08;
    if (silent) this.counts['webhooks lost on purpose']++;
    const children = image.children.map(({ descriptor }) => descriptor.digest);
    content.push(repository, tag, image.descriptor.digest, { children, silent, status: 'Running' });
    return silent ? undefined : content.executions.at(-1);
  }

  /**
   * Distribution writes the link of a blob anew, in its place, with each push that has the blob. Whoever puts a manifest in that
   * moment is told that the blob is not there, and may put it again.
   */
  async #put(repository: string, tag: string, { descriptor, bytes }: Image): Promise<void> {
    const headers = { 'content-type': descriptor.mediaType };
    const path = `/v2/${repository}/manifests/${tag}`;
    const client = new Client(this.#url);
    const { status } = await client.send(path, { method: 'PUT', headers, body: bytes });
    if (status !== 201) await client.expect(201, path, { method: 'PUT', headers, body: bytes });
  }

  async #tell(execution: StandExecution | undefined): Promise<void> {
    if (execution === undefined) return;
    const isLost = this.#random() < 0.08;
    if (isLost) this.counts['webhooks lost on purpose']++;
    const arrived = !isLost && (await this.#tried(execution.payload));
    execution.status = arrived ? 'Success' : 'Error';
  }

  async #tried(body: string): Promise<boolean> {
    for (const pause of [...pauses, undefined]) {
      if ((await this.#deliver(body)) === 202) {
        this.counts.delivered++;
        return true;
      }
      if (pause !== undefined) await setTimeout(pause);
    }
    this.counts['webhooks given up']++;
    return false;
  }

  async #deliver(body: string): Promise<number> {
    const url = this.#where();
    if (url === undefined) return 0;
    const headers = { 'content-type': 'application/json', authorization: secret };
    const sent = { method: 'POST', headers, body: Buffer.from(body) };
    // It may be killed at any time: no answer is no delivery.
    return send(`${url}/webhooks/harbor`, sent).then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** One of few layers that many images share, one of its own, and sometimes two platforms. */
  #image(repository: string): Image {
    const one = () => {
      const shared = layer(`base ${this.#below(6)}`, 20_000);
      const own = layer(`own ${this.#random()}`, sizes[this.#below(sizes.length)] ?? 0);
      const about = { architecture: 'amd64', os: 'linux', author: `${repository} ${this.#random()}` };
      const config = blobOf(JSON.stringify(about), 'application/vnd.oci.image.config.v1+json');
      for (const { descriptor } of [shared, own, config]) this.#sizes.set(descriptor.digest, descriptor.size);
      return ociImageOf(config, [shared, own]);
    };
    return this.#random() < 0.2 ? indexOf([{ image: one() }, { image: one() }]) : one();
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }
}
