import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Ending } from '../support/temporary.ts';

/** Bytes over a socket, for requests that no HTTP client would send. */
export class RawClient {
  readonly socket: Socket;
  /** Everything received. */
  text = '';
  #change = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.text += chunk;
      this.#changed();
    });
    socket.on('close', () => this.#changed());
    // A connection that is cut off while it writes is what some tests wait for.
    socket.on('error', () => undefined);
  }

  static async open(t: Ending, port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    t.after(() => void socket.destroy());
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  write(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves with everything received once that matches; rejects when the connection closes before. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.socket.closed) throw new Error(`closed without ${pattern}: ${this.text}`);
      await this.#change.promise;
    }
    return this.text;
  }

  /** Resolves with everything received once the server has closed the connection. */
  async closed(): Promise<string> {
    while (!this.socket.closed) await this.#change.promise;
    return this.text;
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
