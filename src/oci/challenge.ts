/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  scheme: string;
  /** Names in lower case. Of a name given twice the first value counts. Has no prototype. */
  parameters: Record<string, string>;
}

/** Characters read of all headers together; what is beyond is not looked at. */
const maxLength = 16_384;

/**
 * Reads the challenges of one or several headers, in order. Whatever is not a challenge is passed over:
 * a hostile header gives fewer challenges, never an error, and each character is looked at a bounded number
 * of times. A header's end ends an open quoted string.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const headers = typeof header === 'string' ? [header] : (header ?? []);
  let left = maxLength;
  return headers.flatMap((text) => {
    const part = text.slice(0, left);
    left -= part.length;
    return new Parser(part).challenges();
  });
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const token68 = /[A-Za-z0-9\-._~+/]/;
const space = /[ \t]/;
/** Wider than a token: realms are URLs, and some registries do not quote them. */
const bareValue = /[^ \t,"]/;

/*
 * A word begins a challenge, or is a parameter of the one before it when "=" and a value follow:
 *
 *   between ──word──▶ word ──"=" value──▶ parameter of the open challenge ──▶ between
 *                       └──else──▶ scheme ──space, token68, (comma or end)──▶ between
 *
 * "between" passes over commas, spaces and garbage.
 */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  challenges(): Challenge[] {
    const found: Challenge[] = [];
    while (this.#at < this.#text.length) {
      const word = this.#run(token).toLowerCase();
      if (word === '') this.#at++;
      else if (!this.#parameter(word, found.at(-1))) found.push(this.#challenge(word));
    }
    return found;
  }

  #challenge(scheme: string): Challenge {
    const start = this.#at;
    this.#run(space);
    if (this.#at > start && !this.#token68()) this.#at = start;
    const parameters: Record<string, string> = {};
    Object.setPrototypeOf(parameters, null);
    return { scheme, parameters };
  }

  /** Passes over `name = value`; false, and nothing passed over, when no `=` follows the name. */
  #parameter(name: string, challenge: Challenge | undefined): boolean {
    const start = this.#at;
    this.#run(space);
    if (this.#text[this.#at] !== '=') {
      this.#at = start;
      return false;
    }
    this.#at++;
    this.#run(space);
    const value = this.#text[this.#at] === '"' ? this.#quoted() : this.#run(bareValue);
    if (challenge) challenge.parameters[name] ??= value;
    return true;
  }

  /** Credentials in one word, e.g. `Negotiate YII=`: no registry's challenge needs them. */
  #token68(): boolean {
    const word = this.#run(token68);
    while (this.#text[this.#at] === '=') this.#at++;
    this.#run(space);
    return word !== '' && (this.#at === this.#text.length || this.#text[this.#at] === ',');
  }

  #quoted(): string {
    let value = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      if (this.#text[this.#at] === '"') break;
      if (this.#text[this.#at] === '\\') this.#at++;
      value += this.#text[this.#at] ?? '';
    }
    this.#at++;
    return value;
  }

  #run(characters: RegExp): string {
    const start = this.#at;
    while (characters.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text.slice(start, this.#at);
  }
}
