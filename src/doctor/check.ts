import { reasonOf, shared } from '../abort.ts';
import { RegistryError } from '../copy/error.ts';
import { printable } from '../printable.ts';
import { byProxy } from './by-proxy.ts';
import { toldOnce } from './cause.ts';
import { badCertificate } from './certificate.ts';
import { depends, error, noAnswer, skipped } from './finding.ts';
import type { Examined, Finding } from './finding.ts';

/*
 * A check judges; what it judges by are questions to the outside, which all checks of a subject share. A question is asked
 * when the first check awaits it, and once. So whatever does not depend on each other runs together, and of a host that
 * hangs only those checks suffer that need it.
 */

/** One precondition. */
export interface Check<Evidence> {
  /** Stable, for programs. */
  id: string;
  /** Its place in the list of the nineteen checks of ACR EE. */
  number?: number;
  /** What it cannot do without. */
  needs?: 'aliyun';
  /** At least one finding. A `RegistryError` that it lets through becomes an error of this check. */
  look(evidence: Evidence, signal: AbortSignal): Promise<readonly Finding[]>;
}

/** What all questions and checks of one subject have in common. */
export interface Subject {
  name: string;
  /** Whether the Alibaba Cloud OpenAPI may be asked. */
  aliyun: boolean;
}

/** A check that cannot be made, for another one failed that says why. */
class Depends extends Error {
  override readonly name = 'Depends';
}

/** The question's answer; where there is none, this check is left out, and the check of that id says why. */
export async function needed<T>(check: string, question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof RegistryError) throw new Depends(check, { cause: error });
    throw error;
  }
}

/** A question that is asked once, however many await its answer. */
export function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => (answer ??= ask());
}

/** As `once`, for each key. */
export function onceFor<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>();
  return (key) => {
    const answer = answers.get(key) ?? ask(key);
    answers.set(key, answer);
    return answer;
  };
}

/** Characters of what was seen, much of which are others' words; it is one line. */
const longest = 4_000;

/** Makes all checks at once; the findings come in the order of the checks. An abort ends those that are still waiting. */
export async function examine<Evidence extends Subject>(
  checks: readonly Check<Evidence>[],
  evidence: Evidence,
  signal: AbortSignal,
): Promise<Examined[]> {
  const looks = checks.map(async (check) => {
    const { id, number } = check;
    const findings = await look(check, evidence, signal);
    const place = { check: id, ...(number !== undefined && { number }), subject: evidence.name };
    return findings.map((finding) => ({ ...place, ...finding, saw: printable(finding.saw, longest) }));
  });
  return toldOnce((await Promise.all(looks)).flat());
}

async function look<Evidence extends Subject>(
  check: Check<Evidence>,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (check.needs === 'aliyun' && !evidence.aliyun) return [skipped('needs-aliyun', withoutAliyun)];
  try {
    return await shared(check.look(evidence, signal), signal);
  } catch (reason) {
    if (reason instanceof Depends) return [depends(reason.message)];
    if (signal.aborted) return [silence(reasonOf(signal).message)];
    if (reason instanceof RegistryError) return [failure(reason)];
    throw reason;
  }
}

/** For whatever no check has words of its own. */
function failure(reason: RegistryError): Finding {
  const { fault, message: saw } = reason;
  const host = / at https:\/\/([^/\s:]+(?::\d+)?)/.exec(saw)?.[1];
  if (fault === 'tls' && host !== undefined)
    return badCertificate(saw, host.includes(':') ? host : `${host}:443`);
  return byProxy(reason) ?? error(fault, { saw });
}

function silence(reason: string): Finding {
  return error(noAnswer, {
    saw: `no answer in time: ${reason}`,
    means:
      'something that this check asks for, or waits for, is too slow: a host, or a proxy on the way there',
    next: ['run doctor again; what stays like this is slow for copies, too'],
  });
}

const withoutAliyun = 'needs an identity of Alibaba Cloud: `aliyun`, which this registry does not have';
