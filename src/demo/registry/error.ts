import { type Answer, json } from './call.ts';

/** The specification's codes with their texts in CNCF Distribution, and the two that only it has. */
const messages = {
  BLOB_UNKNOWN: 'blob unknown to registry',
  BLOB_UPLOAD_INVALID: 'blob upload invalid',
  BLOB_UPLOAD_UNKNOWN: 'blob upload unknown to registry',
  DENIED: 'requested access to the resource is denied',
  DIGEST_INVALID: 'provided digest did not match uploaded content',
  MANIFEST_BLOB_UNKNOWN: 'blob unknown to registry',
  MANIFEST_INVALID: 'manifest invalid',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_UNKNOWN: 'repository name not known to registry',
  RANGE_INVALID: 'invalid content range',
  SIZE_INVALID: 'provided length did not match content length',
  UNAUTHORIZED: 'authentication required',
  UNKNOWN: 'unknown error',
  UNSUPPORTED: 'The operation is unsupported.',
} as const;

export type Code = keyof typeof messages;

/** A request that the registry refuses. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: Code;
  readonly detail: unknown;
  readonly headers: Answer['headers'];

  constructor(
    status: number,
    code: Code,
    options: { message?: string; detail?: unknown; headers?: Answer['headers'] } = {},
  ) {
    super(options.message ?? messages[code]);
    this.status = status;
    this.code = code;
    this.detail = options.detail ?? null;
    this.headers = options.headers ?? {};
  }
}

export function refusalOf(error: unknown): Answer {
  const refusal = error instanceof Refusal ? error : new Refusal(500, 'UNKNOWN', { message: String(error) });
  const { status, code, message, detail, headers } = refusal;
  return json(status, { errors: [{ code, message, detail }] }, headers);
}
