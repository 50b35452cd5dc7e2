import { isDeepStrictEqual } from 'node:util';
import type { AliyunConfig, Config, RegistryConfig } from '../config.ts';
import { formatPath, type Path } from '../config/path.ts';
import { isObject } from '../oci/json.ts';
import type { Rule } from '../rule/rule.ts';
import type { Difference, MemberChange, RulesDifference, SettingChange } from '../server/reload.ts';

/** What a running mirror cannot change, with what stands below it. */
const lasting = ['server.listen', 'database'];

/** From one configuration to another: effective rules with their values, all other keys without. */
export function differenceOf(before: Config, after: Config): Difference {
  return {
    rules: rulesDifference(before.rules, after.rules),
    settings: changesOf([], asWritten(before), asWritten(after)),
  };
}

/** The configuration that can hold without a restart: what cannot change is as before. */
export function withoutRestart(before: Config, after: Config): Config {
  const { listen, tls: old } = before.server;
  const { tls: wanted } = after.server;
  const tls = old === undefined || wanted === undefined ? old : wanted;
  return { ...after, database: before.database, server: { ...after.server, listen, tls } };
}

function rulesDifference(before: readonly Rule[], after: readonly Rule[]): RulesDifference {
  const old = new Map(before.map((rule) => [rule.name, rule]));
  const names = new Set(after.map(({ name }) => name));
  const both = after.filter(({ name }) => old.has(name));
  const changed = both.map((rule) => ({ name: rule.name, members: membersOf(old.get(rule.name), rule) }));
  const kept = before.filter(({ name }) => names.has(name));
  return {
    added: after.filter(({ name }) => !old.has(name)),
    removed: before.filter(({ name }) => !names.has(name)),
    changed: changed.filter(({ members }) => members.length > 0),
    reordered: kept.some(({ name }, index) => name !== both[index]?.name),
  };
}

function membersOf(before: Rule | undefined, after: Rule): MemberChange[] {
  const old = new Map<string, MemberChange['before']>(Object.entries(before ?? {}));
  return Object.entries(after).flatMap(([member, value]: [string, MemberChange['after']]) => {
    const was = old.get(member);
    return was === undefined || isDeepStrictEqual(was, value) ? [] : [{ member, before: was, after: value }];
  });
}

/** All but the rules, by the file's own keys. */
function asWritten(config: Config): Record<string, unknown> {
  const { registries, webhook, admin, server, dispatch, sweep, database, log } = config;
  const { host, port } = server.listen;
  const named = registries.map((registry) => [registry.name, registryAsWritten(registry)]);
  return {
    registries: Object.fromEntries(named),
    webhook,
    admin,
    server: { ...server, listen: `${host}:${port}` },
    dispatch,
    sweep,
    database,
    log,
  };
}

function registryAsWritten({ name: _name, credential, aliyun, ...rest }: RegistryConfig): object {
  if (aliyun === undefined) return { ...rest, ...credential };
  const { identity, ...instance } = aliyun;
  return { ...rest, ...credential, aliyun: { ...instance, ...identityAsWritten(identity) } };
}

function identityAsWritten({ kind, ...rest }: AliyunConfig['identity']): object {
  switch (kind) {
    case 'access-key':
      return rest;
    case 'ecs-ram-role':
      return { ecsRamRole: rest };
    case 'oidc':
      return { oidc: rest };
    case 'credentials-package':
      return { credentialsPackage: true };
  }
}

function changesOf(path: Path, before: unknown, after: unknown): SettingChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changesOf([...path, key], before[key], after[key]));
  }
  const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  const shown = formatPath(path);
  // A certificate can take another's place, but a server that speaks HTTP cannot begin with HTTPS.
  const restart = lasting.includes(shown) || (shown === 'server.tls' && change !== 'changed');
  return [{ path: shown, change, restart }];
}
