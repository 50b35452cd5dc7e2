import { X509Certificate, createSign, randomUUID } from 'node:crypto';
import type { Answer, Call } from '../../src/demo/registry/call.ts';
import { type ForeignScope, parseScopes } from '../../src/oci/scope.ts';
import { type CallServer, startCallServer, type Tls } from './call-server.ts';
import { type Signer, tokenSigner } from './certificate.ts';
import type { Ending } from './temporary.ts';

/** What a docker-registry has to know of the token service that it trusts. */
export interface Trust {
  realm: string;
  service: string;
  issuer: string;
  rootCertificate: string;
}

/** One question to the token service. */
export interface TokenRequest {
  readonly scopes: readonly ForeignScope[];
  /** From Basic, cut at the first colon: a password may have one. */
  readonly name: string | undefined;
  readonly password: string | undefined;
}

/** Makes a token, and says how many seconds the answer is to promise. */
export type Sign = (
  subject: string,
  access: readonly ForeignScope[],
) => { token: string; expires_in: number };

/** A kind of token service. */
export interface TokenPolicy {
  readonly path: string;
  readonly service: string;
  answer(request: TokenRequest, sign: Sign): Answer;
  /** To a `service` that is not ours, or a method other than GET. */
  refuse(call: Call): Answer | undefined;
}

export interface TokenServer extends CallServer {
  readonly trust: Trust;
  readonly questions: readonly TokenRequest[];
  /** Seconds; from 0 down, tokens have expired when they come, whatever the answer promises. */
  tokenLife: number;
  /** A token that has been good once. */
  expiredToken(): string;
}

/** Signs tokens that docker-registry takes, as the policy decides. */
export async function startTokenServer(t: Ending, policy: TokenPolicy, tls?: Tls): Promise<TokenServer> {
  const signer = await tokenSigner();
  const questions: TokenRequest[] = [];
  const token = (life: number, subject: string, access: readonly ForeignScope[]) =>
    jwt(signer, claims({ service: policy.service, life, subject, access }));
  const sign: Sign = (subject, access) => {
    const life = tokens.tokenLife;
    return { token: token(life, subject, access), expires_in: life > 0 ? life : 300 };
  };
  const server = await startCallServer(
    t,
    (call) => {
      if (call.path !== policy.path) return { status: 404, headers: {} };
      const refused = policy.refuse(call);
      if (refused) return refused;
      const question = read(call);
      questions.push(question);
      return policy.answer(question, sign);
    },
    tls,
  );
  const trust = {
    realm: server.url + policy.path,
    service: policy.service,
    issuer,
    rootCertificate: signer.cert,
  };
  const expiredToken = () => token(-3_600, '', []);
  const tokens: TokenServer = { ...server, trust, questions, tokenLife: 300, expiredToken };
  return tokens;
}

const issuer = 'token service of the tests';

/** CNCF Distribution takes a token for another minute after its end, so the end is set a minute early. */
const leeway = 60;

function claims(of: {
  service: string;
  life: number;
  subject: string;
  access: readonly ForeignScope[];
}): object {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    sub: of.subject,
    aud: of.service,
    iat: now,
    nbf: now - 7_200,
    exp: now + of.life - leeway,
    jti: randomUUID(),
    access: of.access,
  };
}

function jwt({ key, cert }: Signer, body: object): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const x5c = [new X509Certificate(cert).raw.toString('base64')];
  const signed = `${encode({ typ: 'JWT', alg: 'RS256', x5c })}.${encode(body)}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
}

function read(call: Call): TokenRequest {
  const scopes = call.query.getAll('scope').flatMap(parseScopes);
  const encoded = /^Basic (\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (encoded === undefined) return { scopes, name: undefined, password: undefined };
  const given = Buffer.from(encoded, 'base64').toString();
  const colon = given.indexOf(':');
  return { scopes, name: given.slice(0, colon), password: given.slice(colon + 1) };
}
