import type { OutgoingHttpHeaders } from 'node:http';
import { type Received, type Sent, UnexpectedAnswer, send } from './http.ts';

export interface Credential {
  name: string;
  password: string;
}

/** A plain registry client for preparing and comparing: sees to the credential, leaves the rest to the caller. */
export class Client {
  readonly url: string;
  readonly #credential: Credential | undefined;
  /** By challenge: an `Authorization` that answers it. */
  readonly #tokens = new Map<string, string>();
  #authorization: string | undefined;

  constructor(url: string, credential?: Credential) {
    this.url = url;
    this.#credential = credential;
  }

  /** `path` begins with `/v2/`, or is a `Location`. */
  async send(path: string, sent: Sent = {}): Promise<Received> {
    const url = new URL(path, this.url);
    const answer = await send(url, { ...sent, headers: this.#headers(sent) });
    const challenge = answer.headers['www-authenticate'];
    if (answer.status !== 401 || !challenge) return answer;
    this.#authorization = await this.#answerTo(challenge);
    return send(url, { ...sent, headers: this.#headers(sent) });
  }

  /** Like `send`, for when only one status will do. */
  async expect(status: number, path: string, sent: Sent = {}): Promise<Received> {
    const answer = await this.send(path, sent);
    if (answer.status === status) return answer;
    throw new UnexpectedAnswer(`${sent.method ?? 'GET'} ${path}`, status, answer);
  }

  #headers(sent: Sent): OutgoingHttpHeaders {
    return { ...(this.#authorization && { authorization: this.#authorization }), ...sent.headers };
  }

  async #answerTo(challenge: string): Promise<string> {
    if (/^Basic /i.test(challenge)) return basic(this.#credential ?? { name: '', password: '' });
    const known = this.#tokens.get(challenge);
    // Only a challenge without `error` leaves open that the token for it still works.
    if (known !== undefined && !challenge.includes('error=')) return known;
    const authorization = `Bearer ${await fetchToken(challenge, this.#credential)}`;
    this.#tokens.set(challenge, authorization);
    return authorization;
  }
}

export function basic({ name, password }: Credential): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** Asks the realm of a Bearer challenge for what the challenge wants. */
export async function fetchToken(challenge: string, credential: Credential | undefined): Promise<string> {
  const value = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
  const url = new URL(value('realm'));
  url.searchParams.set('service', value('service'));
  for (const scope of value('scope').split(' ').filter(Boolean)) url.searchParams.append('scope', scope);
  const answer = await send(url, { headers: credential ? { authorization: basic(credential) } : {} });
  if (answer.status !== 200) throw new UnexpectedAnswer(`token of ${url.origin}`, 200, answer);
  const document: unknown = JSON.parse(answer.body.toString());
  const token: unknown = Object(document).token;
  return typeof token === 'string' ? token : '';
}
