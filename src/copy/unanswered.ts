import { RegistryError } from './error.ts';
import type { Fault } from './error.ts';

const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const tls = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO$)/;

/** What came is not HTTP, or more of it than anyone means. */
const garbage = new Set(['HTTPParserError', 'UND_ERR_HEADERS_OVERFLOW']);

/** The error for a request that got no answer, or whose answer broke off; `request` names it, without its query. */
export function unanswered(request: string, cause: unknown): RegistryError {
  if (cause instanceof RegistryError) return cause;
  const code = codeOf(cause);
  return new RegistryError(faultOf(code), `${request}: ${wordsOf(cause, code)}`, { code, cause });
}

/** Behind the words for an authority that is not known; its own flags are Node's, and that one is as good as set. */
const nodesHint = /; if the root CA is installed locally, .*$/s;
const ourHint =
  '; to trust it, name its authority (caFile, or SSL_CERT_FILE), or do not verify it (insecureSkipVerify; in image-syncer files insecure: true)';

function wordsOf(cause: unknown, code: string): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  // OpenSSL's words for bytes that are no TLS: nearly always it is HTTP.
  if (/:wrong version number:/.test(text))
    return 'expected TLS, got something else, probably plain HTTP; if that is meant, say so: http:// in its url; in image-syncer files insecure: true';
  return text === '' ? code : text.replace(nodesHint, ourHint);
}

function faultOf(code: string): Fault {
  if (tls.test(code)) return 'tls';
  if (timeouts.has(code)) return 'timeout';
  return garbage.has(code) ? 'protocol' : 'unreachable';
}

function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  // A host with several addresses fails with one error for each.
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  return cause.cause === undefined ? cause.name : codeOf(cause.cause);
}
