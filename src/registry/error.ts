import { RegistryError } from '../copy/error.ts';
import type { Fault } from '../copy/error.ts';

/*
 * The one table that decides what an answer means and whether the same request is worth sending again.
 * The first row that fits wins. Codes and texts are compared without regard to case. `tries` counts the
 * first one; whether a *task* is tried again later is decided in `task/retry.ts`.
 */
interface Row {
  status: (status: number) => boolean;
  code?: RegExp;
  text?: RegExp;
  fault: Fault;
}

const is =
  (...statuses: number[]) =>
  (status: number): boolean =>
    statuses.includes(status);
const any4xx = (status: number): boolean => status >= 400 && status < 500;

const answers: readonly Row[] = [
  { status: is(429), fault: 'rate-limited' },
  { status: is(408), fault: 'timeout' },
  // ACR EE's text for an immutable tag (its status is not documented), and Harbor's.
  { status: any4xx, text: /cannot be overwritten|configured as immutable/i, fault: 'immutable' },
  { status: any4xx, code: /^TAG_IMMUTABLE$/i, fault: 'immutable' },
  // Harbor: "prevent vulnerable images" and content trust, right after a push. https://github.com/goharbor/harbor/issues/15159
  { status: is(412), fault: 'policy' },
  // ACR refuses artifact types by Distribution's class policy. https://github.com/koordinator-sh/koordinator/pull/3194
  { status: is(403), text: /unknown manifest class/i, fault: 'artifact-refused' },
  { status: is(401, 403), fault: 'denied' },
  { status: any4xx, code: /^NAME_INVALID$/i, fault: 'name-invalid' },
  { status: any4xx, code: /^(MANIFEST_BLOB_UNKNOWN|BLOB_UNKNOWN|MANIFEST_UNKNOWN)$/i, fault: 'not-found' },
  { status: any4xx, code: /^(DIGEST_INVALID|SIZE_INVALID)$/i, fault: 'corrupt' },
  { status: any4xx, code: /^MANIFEST_INVALID$/i, fault: 'artifact-refused' },
  // An upload session that went away, or moved under us: worth a new one.
  { status: any4xx, code: /^BLOB_UPLOAD_(UNKNOWN|INVALID)$/i, fault: 'unreachable' },
  { status: is(416), fault: 'unreachable' },
  { status: is(404, 410), fault: 'not-found' },
  { status: is(413, 415), fault: 'artifact-refused' },
  { status: (status) => status >= 500, fault: 'unreachable' },
  { status: () => true, fault: 'protocol' },
];

const tries: Partial<Record<Fault, number>> = {
  'rate-limited': 4,
  unreachable: 4,
  timeout: 2,
  corrupt: 2,
};

/** How often a request that ends in this fault is sent in all. */
export function triesOf(fault: Fault): number {
  return tries[fault] ?? 1;
}

export interface Refusal {
  method: string;
  /** Scheme, host and path; never a query, for it may carry a signature. */
  url: string;
  status: number;
  /** What the body said, as far as it could be read. */
  code?: string | undefined;
  message?: string | undefined;
  retryAt?: number | undefined;
}

/** For a HEAD, whose answer has no words. These are those that `docker` has for it, and what they may mean. */
const denied =
  'requested access to the resource is denied: a wrong credential, no right to it, or no such repository';

/** The error for an answer that was not the wanted one. */
export function refused(refusal: Refusal): RegistryError {
  const { status, code, message } = refusal;
  const row = answers.find(
    (row) =>
      row.status(status) &&
      (row.code === undefined || row.code.test(code ?? '')) &&
      (row.text === undefined || row.text.test(message ?? '')),
  );
  const words = [code, message].filter((part) => part !== undefined && part !== '').join(': ');
  const said = words === '' && row?.fault === 'denied' ? denied : words;
  const text = `${refusal.method} ${refusal.url} answered ${status}${said === '' ? '' : ` (${said})`}`;
  return new RegistryError(row?.fault ?? 'protocol', text, {
    status,
    ...(code !== undefined && { code }),
    ...(refusal.retryAt !== undefined && { retryAt: refusal.retryAt }),
  });
}
