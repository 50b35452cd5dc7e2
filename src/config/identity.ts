import { isObject } from '../oci/json.ts';
import type { Environment } from './environment.ts';
import { checkFile } from './file.ts';
import type { Finding } from './finding.ts';
import { valueAt, type Path } from './path.ts';
import type { AliyunShape } from './acr-schema.ts';

/** Whose key of Alibaba Cloud signs what the OpenAPI is asked. */
export type AliyunIdentity =
  | {
      kind: 'access-key';
      accessKeyId: string;
      accessKeySecret: string;
      /** Of a temporary key. */
      securityToken?: string | undefined;
    }
  | {
      kind: 'ecs-ram-role';
      /** Missing: the one that the instance has. */
      role?: string | undefined;
      /** Origin of the metadata server. */
      metadataUrl: string;
    }
  | {
      kind: 'oidc';
      roleArn: string;
      providerArn: string;
      tokenFile: string;
      sessionName: string;
      /** Origin of STS; missing: the region's. */
      stsUrl?: string | undefined;
    }
  | { kind: 'credentials-package' };

/** As Kubernetes (RRSA) sets them. */
const variables = {
  roleArn: 'ALIBABA_CLOUD_ROLE_ARN',
  providerArn: 'ALIBABA_CLOUD_OIDC_PROVIDER_ARN',
  tokenFile: 'ALIBABA_CLOUD_OIDC_TOKEN_FILE',
} as const;

const keys = ['accessKeyId', 'accessKeySecret', 'securityToken'];
const choice = 'accessKeyId and accessKeySecret, ecsRamRole, oidc, or credentialsPackage: true';

/** The one identity of a section that `checkIdentities` found right. */
export function toIdentity(shape: AliyunShape, env: Environment): AliyunIdentity {
  const { accessKeyId = '', accessKeySecret = '', securityToken, ecsRamRole, oidc } = shape;
  if (shape.credentialsPackage === true) return { kind: 'credentials-package' };
  if (ecsRamRole !== undefined) return { kind: 'ecs-ram-role', ...ecsRamRole };
  if (oidc === undefined) return { kind: 'access-key', accessKeyId, accessKeySecret, securityToken };
  return {
    kind: 'oidc',
    ...oidc,
    roleArn: oidc.roleArn ?? env[variables.roleArn] ?? '',
    providerArn: oidc.providerArn ?? env[variables.providerArn] ?? '',
    tokenFile: oidc.tokenFile ?? env[variables.tokenFile] ?? '',
  };
}

/** Whether each `aliyun` section holds one identity, and that one wholly. */
export function checkIdentities(document: unknown, env: Environment): Finding[] {
  const registries = valueAt(document, ['registries']);
  const names = isObject(registries) ? Object.keys(registries) : [];
  return names.flatMap((name) => {
    const path = ['registries', name, 'aliyun'];
    const section = valueAt(document, path);
    return isObject(section)
      ? [
          ...countFindings(path, section),
          ...keyFindings(path, section),
          ...oidcFindings(path, section['oidc'], env),
        ]
      : [];
  });
}

function countFindings(path: Path, section: Readonly<Record<string, unknown>>): Finding[] {
  const given = [
    ...(keys.some((key) => section[key] !== undefined) ? ['an access key'] : []),
    ...['ecsRamRole', 'oidc'].filter((key) => section[key] !== undefined),
    ...(section['credentialsPackage'] === true ? ['credentialsPackage'] : []),
  ];
  if (given.length === 1) return [];
  return [
    { path, expected: `one identity: ${choice}`, got: given.length === 0 ? 'none' : given.join(' and ') },
  ];
}

function keyFindings(path: Path, section: Readonly<Record<string, unknown>>): Finding[] {
  if (keys.every((key) => section[key] === undefined)) return [];
  const needed = { accessKeyId: 'the id of an access key', accessKeySecret: 'the secret of an access key' };
  return Object.entries(needed).flatMap(([key, expected]) =>
    section[key] === undefined ? [{ path: [...path, key], expected, got: 'nothing' }] : [],
  );
}

function oidcFindings(path: Path, oidc: unknown, env: Environment): Finding[] {
  if (!isObject(oidc)) return [];
  const missing = Object.entries(variables).flatMap(([key, name]) =>
    oidc[key] === undefined && !env[name]
      ? [
          {
            path: [...path, 'oidc', key],
            expected: `a value, or the environment variable ${name} to be set`,
            got: 'neither',
          },
        ]
      : [],
  );
  const file = oidc['tokenFile'] ?? env[variables.tokenFile];
  return [...missing, ...checkFile([...path, 'oidc', 'tokenFile'], file, 'the token of an OIDC provider')];
}
