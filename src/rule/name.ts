import { isRepository, isTag } from '../oci/reference.ts';
import type { Rule } from './rule.ts';

const minPart = 2;
const maxPart = 120;

/** Why a registry of that kind cannot have a repository of that name, in one sentence; `undefined` when it can. */
export function repositoryProblem(type: Rule['destinationType'], name: string): string | undefined {
  if (type === 'acr-ee') {
    const problem = partsProblem(name);
    if (problem !== undefined) return problem;
  }
  if (isRepository(name)) return undefined;
  return 'expected at most 255 characters, lower-case words joined by ".", "_", "__" or "-", with "/" between the parts';
}

/** Why no registry can have a tag of that name. */
export function tagProblem(name: string): string | undefined {
  if (isTag(name)) return undefined;
  return 'expected at most 128 letters, digits, "_", "." and "-", the first not "." or "-"';
}

/**
 * ACR EE: a namespace and a repository of 2 to 120 characters each, no further slash:
 * https://www.alibabacloud.com/help/doc-detail/135727.htm (64 there; the console takes 120 by now:
 * https://github.com/aliyun/terraform-provider-alicloud/pull/7131). Its alphabet is the specification's.
 */
function partsProblem(name: string): string | undefined {
  const parts = name.split('/');
  if (parts.length !== 2) return `expected NAMESPACE/REPOSITORY, got ${count(parts.length)}`;
  const [namespace = '', repository = ''] = parts;
  return lengthProblem('namespace', namespace) ?? lengthProblem('repository', repository);
}

function lengthProblem(what: string, part: string): string | undefined {
  if (part.length >= minPart && part.length <= maxPart) return undefined;
  return `expected a ${what} of ${minPart} to ${maxPart} characters, got ${part.length}`;
}

function count(parts: number): string {
  return parts === 1 ? 'one part' : `${parts} parts`;
}
