import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '../../clock.ts';
import { type Auth, BasicGate, type Gate } from './access.ts';
import { Blobs } from './blobs.ts';
import type { Answer, Call, Misbehaviour, RequestRecord } from './call.ts';
import { Contents } from './contents.ts';
import { refusalOf } from './error.ts';
import { callOf, send } from './exchange.ts';
import { Lists } from './lists.ts';
import { Manifests, type OnTag } from './manifests.ts';
import { type Route, match, routesOf } from './route.ts';
import { Folder } from './spool.ts';
import { BearerGate } from './token.ts';
import { Uploads } from './uploads.ts';

export interface RegistryOptions {
  /** The `service` in its challenges. */
  name?: string;
  host?: string;
  /** 0, the default, takes one that is free. */
  port?: number;
  tls?: { key: string; cert: string };
  /** Without it everyone may do everything. */
  auth?: Auth;
  /** Serves the referrers API; it does unless told. */
  referrers?: boolean;
  /** Called after each manifest that was put under a tag, before the answer. */
  onTag?: OnTag;
  misbehave?: Misbehaviour;
  /** Tells when tokens expire. */
  clock?: Pick<Clock, 'now'>;
}

/** Requests remembered, the newest. */
const maxRequests = 10_000;

/**
 * An OCI registry in this process: version 1.1 of the distribution specification, and where that is silent
 * what CNCF Distribution 2.8 does. Content goes when it is closed. For the demo and for tests, which make it
 * misbehave: every request, the token endpoint's too, passes through `misbehave` first.
 */
export class EmbeddedRegistry {
  /** The newest requests, the oldest first. */
  readonly requests: RequestRecord[] = [];
  readonly #options: RegistryOptions;
  readonly #folder = new Folder();
  readonly #routes: readonly Route[];
  readonly #gate: Gate | undefined;
  readonly #server: http.Server;
  readonly #tokenServer: http.Server | undefined;
  #closed: Promise<void> | undefined;

  static async start(options: RegistryOptions = {}): Promise<EmbeddedRegistry> {
    const registry = new EmbeddedRegistry(options);
    await registry.#listen();
    return registry;
  }

  private constructor(options: RegistryOptions) {
    this.#options = options;
    const { onTag = () => undefined, referrers = true } = options;
    const contents = new Contents();
    this.#routes = routesOf({
      manifests: new Manifests(contents, { onTag, referrers }),
      blobs: new Blobs(contents),
      uploads: new Uploads(contents, this.#folder),
      lists: new Lists(contents),
      referrers,
    });
    this.#server = this.#makeServer();
    this.#tokenServer = options.auth?.apart ? this.#makeServer() : undefined;
    this.#gate = this.#makeGate();
  }

  get url(): string {
    return this.#urlOf(this.#server);
  }

  /** Cuts what is under way and removes what was pushed. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    const servers = [this.#server, ...(this.#tokenServer ? [this.#tokenServer] : [])];
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    await Promise.all(servers.map((server) => once(server, 'close')));
    await this.#folder.remove();
  }

  async #listen(): Promise<void> {
    const { port = 0, host = '127.0.0.1' } = this.#options;
    this.#server.listen(port, host);
    this.#tokenServer?.listen(0, host);
    await Promise.all([
      once(this.#server, 'listening'),
      this.#tokenServer && once(this.#tokenServer, 'listening'),
    ]);
  }

  #makeServer(): http.Server {
    const { tls } = this.#options;
    const serve: http.RequestListener = (incoming, response) => void this.#serve(incoming, response);
    // A test may hold a connection for as long as it likes.
    const settings = { requestTimeout: 0, keepAliveTimeout: 60_000 };
    return tls ? https.createServer({ ...settings, ...tls }, serve) : http.createServer(settings, serve);
  }

  #makeGate(): Gate | undefined {
    const { auth, name = 'registry', clock = { now: Date.now } } = this.#options;
    if (!auth) return undefined;
    if (auth.kind === 'basic') return new BasicGate(auth);
    const realm = (call: Call) => `${this.#tokenServer ? this.#urlOf(this.#tokenServer) : call.origin}/token`;
    return new BearerGate(auth, { service: name, now: () => clock.now(), realm });
  }

  #urlOf(server: http.Server): string {
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    return `${this.#scheme}://${this.#options.host ?? '127.0.0.1'}:${port}`;
  }

  get #scheme(): string {
    return this.#options.tls ? 'https' : 'http';
  }

  async #serve(incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { call, record } = callOf(incoming, this.#scheme);
    this.requests.push(record);
    if (this.requests.length > maxRequests) this.requests.shift();
    const answer = await this.#misbehave(call).catch(refusalOf);
    if (answer === 'reset') return call.reset();
    // The client has gone in mid-answer, or the answer's body failed: either way this connection is over.
    await send(answer, response, record).catch(() => call.reset());
  }

  async #misbehave(call: Call): Promise<Answer | 'reset'> {
    const next = () => this.#answer(call);
    return this.#options.misbehave ? this.#options.misbehave(call, next) : next();
  }

  async #answer(call: Call): Promise<Answer> {
    try {
      if (call.path === '/token' && this.#gate instanceof BearerGate) return this.#gate.token(call);
      const { handle, needs } = match(this.#routes, call);
      this.#gate?.check(call, needs);
      return await handle();
    } catch (error) {
      return refusalOf(error);
    }
  }
}
