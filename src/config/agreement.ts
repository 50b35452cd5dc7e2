import { bandwidthFindings } from './bandwidth.ts';
import type { Finding } from './finding.ts';
import { nearest } from './nearest.ts';
import { parseInstanceHost } from '../oci/aliyun-host.ts';
import { isObject } from '../oci/json.ts';
import { valueAt, type Path } from './path.ts';
import { parseDuration } from './unit.ts';

/*
 * Whether the parts of a document agree with each other. This looks at the document before it has a checked
 * shape, so that one mistyped key does not hide these mistakes until the next try. Whatever has the wrong type
 * is passed over: the schema reports it.
 */
export function checkAgreement(document: unknown): Finding[] {
  return [
    ...entries(document, 'registries').flatMap(([key, value]) =>
      registryFindings(['registries', key], value),
    ),
    ...entries(document, 'rules').flatMap(([key, value]) => ruleFindings(document, ['rules', key], value)),
    ...duplicateRules(document),
    ...webhookFindings(document),
    ...backoffFindings(document),
  ];
}

function entries(document: unknown, key: string): [string | number, unknown][] {
  const value = valueAt(document, [key]);
  if (Array.isArray(value)) return [...value.entries()];
  return isObject(value) ? Object.entries(value) : [];
}

function has(value: unknown, key: string): boolean {
  return isObject(value) && Object.hasOwn(value, key);
}

function registryFindings(path: Path, registry: unknown): Finding[] {
  const findings: Finding[] = [];
  // The schema passes over it without a word, since in JavaScript it is no name like others.
  if (path.at(-1) === '__proto__') findings.push({ path, expected: 'another name', got: 'this one' });
  const password = has(registry, 'password');
  const passwordFile = has(registry, 'passwordFile');
  if (password && passwordFile) {
    findings.push({ path: [...path, 'passwordFile'], expected: 'password or passwordFile', got: 'both' });
  }
  if (has(registry, 'username') && !password && !passwordFile) {
    findings.push({ path, expected: 'password or passwordFile beside username', got: 'neither' });
  }
  if (!has(registry, 'username') && (password || passwordFile)) {
    findings.push({ path, expected: 'username beside the password', got: 'nothing' });
  }
  if (has(registry, 'caFile') && valueAt(registry, ['insecureSkipVerify']) === true) {
    const expected = 'caFile, or insecureSkipVerify: true, which does not look at it';
    findings.push({ path: [...path, 'insecureSkipVerify'], expected, got: 'both' });
  }
  if (has(registry, 'aliyun') && valueAt(registry, ['type']) !== 'acr-ee') {
    findings.push({ path: [...path, 'aliyun'], expected: 'type: acr-ee beside it', got: 'another type' });
  }
  if (has(registry, 'prepare') && !has(registry, 'aliyun')) {
    findings.push({
      path: [...path, 'prepare'],
      expected: 'aliyun beside it, to make things with',
      got: 'no aliyun',
    });
  }
  const bandwidth = bandwidthFindings([...path, 'bandwidth'], valueAt(registry, ['bandwidth']));
  return [...findings, ...bandwidth, ...endpointFindings(path, registry)];
}

function endpointFindings(path: Path, registry: unknown): Finding[] {
  const endpoint = valueAt(registry, ['endpoint']);
  if (endpoint === undefined) return [];
  const at = [...path, 'endpoint'];
  if (valueAt(registry, ['type']) !== 'acr-ee')
    return [{ path: at, expected: 'type: acr-ee beside it', got: 'another type' }];
  const url = valueAt(registry, ['url']);
  if (endpoint !== 'vpc' || typeof url !== 'string' || !URL.canParse(url)) return [];
  if (parseInstanceHost(new URL(url).hostname) !== undefined) return [];
  const expected =
    'a url like https://INSTANCE-registry.REGION.cr.aliyuncs.com beside vpc, whose other name is known';
  return [{ path: at, expected, got: 'another url' }];
}

function ruleFindings(document: unknown, path: Path, rule: unknown): Finding[] {
  const source = valueAt(rule, ['source']);
  const destination = valueAt(rule, ['destination']);
  const findings = [
    ...unknownRegistry(document, [...path, 'source'], source),
    ...unknownRegistry(document, [...path, 'destination'], destination),
  ];
  if (typeof source === 'string' && source === destination) {
    const expected =
      'another registry than the source (for the same one, add a second entry with the same url)';
    findings.push({ path: [...path, 'destination'], expected });
  }
  return findings;
}

function unknownRegistry(document: unknown, path: Path, name: unknown): Finding[] {
  const known = entries(document, 'registries').map(([key]) => String(key));
  if (typeof name !== 'string' || known.includes(name)) return [];
  return [{ path, expected: 'the name of a registry', nearest: nearest(name, known) }];
}

function duplicateRules(document: unknown): Finding[] {
  const names = entries(document, 'rules').map(([, rule]) => valueAt(rule, ['name']));
  const first = new Map(names.map((name, index) => [name, index] as const).toReversed());
  return names.flatMap((name, index) =>
    typeof name === 'string' && first.get(name) !== index
      ? [{ path: ['rules', index, 'name'], expected: `another name than that of rules[${first.get(name)}]` }]
      : [],
  );
}

function webhookFindings(document: unknown): Finding[] {
  const secrets = valueAt(document, ['webhook', 'secrets']) ?? [];
  const open = valueAt(document, ['webhook', 'allowUnauthenticated']) === true;
  const any = !Array.isArray(secrets) || secrets.length > 0;
  if (any !== open) return [];
  const expected = 'secrets, or allowUnauthenticated: true to let anybody send events';
  return [{ path: ['webhook'], expected, got: open ? 'both' : 'neither' }];
}

function backoffFindings(document: unknown): Finding[] {
  const path = ['dispatch', 'backoff', 'max'];
  const first = valueAt(document, ['dispatch', 'backoff', 'first']) ?? '2s';
  const max = valueAt(document, path) ?? '10m';
  if (typeof first !== 'string' || typeof max !== 'string') return [];
  if (!(parseDuration(max) < parseDuration(first))) return [];
  const given = valueAt(document, path) !== undefined;
  const expected = 'a longest wait that is not shorter than the first';
  return [{ path, expected, ...(given ? {} : { got: `${max}, the default` }) }];
}
