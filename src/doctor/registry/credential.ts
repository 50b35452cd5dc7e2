import { RegistryError } from '../../copy/error.ts';
import { byProxy } from '../by-proxy.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, skipped, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { pinged } from './evidence.ts';
import type { RegistryEvidence } from './evidence.ts';
import { isRegistry, noRegistry } from './reachable.ts';

/** Whether the registry knows the credential. */
export const credential: Check<RegistryEvidence> = {
  id: 'credential',
  number: 8,
  async look(evidence) {
    const { config, login } = evidence;
    await needed('hosts', evidence.tokenServer());
    const answer = await pinged(evidence);
    if (!isRegistry(answer)) return [untried(evidence, answer.status)];
    if (config.credential === undefined && config.aliyun === undefined) return [anonymous(config.name)];
    try {
      await login();
      return [
        ok(
          answer.challenge === undefined
            ? 'the registry asks nobody for a credential'
            : `${who(config)} is known to the registry`,
        ),
      ];
    } catch (reason) {
      if (!(reason instanceof RegistryError)) throw reason;
      return [refusal(evidence, reason)];
    }
  },
};

/** Nobody was asked who he is. Of a Harbor no other check looks at what is no part of its API. */
function untried({ config }: RegistryEvidence, status: number): Finding {
  if (config.type === 'harbor') return noRegistry(config.url, status);
  return skipped('depends', `see the check ${config.type === 'acr-ee' ? 'edition' : 'reachable'}`);
}

function anonymous(name: string): Finding {
  return warn('anonymous', {
    saw: `registries.${name} has neither username nor aliyun`,
    means: 'it is used by nobody in particular: public repositories can be read, and hardly any be written',
    next: [`set registries.${name}.username and passwordFile, or aliyun for ACR EE`],
  });
}

function who({ credential: held }: RegistryEvidence['config']): string {
  return held === undefined ? 'the temporary user of the Alibaba identity' : `user ${held.username}`;
}

function refusal({ config }: RegistryEvidence, reason: RegistryError): Finding {
  const { message: saw, fault, code } = reason;
  if (code !== undefined && /^(NoPrivilege|NoPermission|Forbidden)/i.test(code)) return noPrivilege(saw);
  if (isOfPersonalApi(reason)) return personalApi(saw);
  const onTheWay = byProxy(reason);
  if (onTheWay !== undefined) return onTheWay;
  if (fault !== 'denied') {
    return error(fault, {
      saw,
      means: 'the credential could not be tried',
      next: ['the words above are those of the token server; try again, then ask whoever runs it'],
    });
  }
  if (config.credential === undefined)
    return /\/auth answered 401/.test(saw) ? temporaryRefused(saw) : identityRefused(config, reason);
  return config.type === 'acr-ee' ? wrongAtAcr(config.credential.username, saw) : wrong(config.name, saw);
}

function noPrivilege(saw: string): Finding {
  return error('no-privilege', {
    saw,
    means: 'the Alibaba identity may not fetch a temporary password',
    next: [
      'RAM console → Identities → the user or role → Grant Permission: a policy that allows cr:GetAuthorizationToken on Resource "*" (no narrower resource counts)',
    ],
  });
}

/** https://github.com/aliyun/aliyun-cli/issues/232 */
export function isOfPersonalApi({ code }: RegistryError): boolean {
  return code === 'USER_NOT_EXIST';
}

export function personalApi(saw: string): Finding {
  return error('personal-edition-api', {
    saw,
    means:
      'the OpenAPI of the personal edition was asked, which knows no user of an Enterprise Edition instance',
    next: ['set aliyun.openapiUrl to https://cr.<region>.aliyuncs.com, or leave it out'],
  });
}

/** By Alibaba Cloud itself, whatever it was asked. */
export function identityRefused(
  { name, aliyun }: RegistryEvidence['config'],
  reason: RegistryError,
): Finding {
  const kind = aliyun?.identity.kind ?? 'access-key';
  return error('identity-refused', {
    saw: reason.message,
    means:
      'Alibaba Cloud does not take this identity: nothing can be asked, and no temporary password fetched',
    next: [identitySteps[kind].replaceAll('NAME', name)],
  });
}

function temporaryRefused(saw: string): Finding {
  return error('identity-refused', {
    saw,
    means: 'the identity has fetched a temporary password, and the registry does not take it',
    next: [
      'aliyun.instanceId and aliyun.region, where they are written, have to be those of the instance in url: a password is good for its own instance alone',
      'it ends after an hour: set the clock of this machine by NTP, then run doctor again',
    ],
  });
}

const identitySteps = {
  'access-key':
    'RAM console → Users → the user → AccessKey: registries.NAME.aliyun.accessKeyId has to be there and enabled; its secret is shown once only, so create another key where it is not at hand',
  'ecs-ram-role':
    'ECS console → the instance → Instance Details: the RAM role has to be attached; registries.NAME.aliyun.ecsRamRole.role, where it is written, has to be its name',
  oidc: 'RAM console → Roles → the role of registries.NAME.aliyun.oidc → Trust Policy: it has to name the OIDC provider, and audience and subject of the token as they are',
  'credentials-package':
    'the npm package @alicloud/credentials found that identity: look at the variables ALIBABA_CLOUD_… and ~/.aliyun/config.json of this machine',
} as const;

/** https://www.alibabacloud.com/help/en/acr/user-guide/configure-access-credentials */
function wrongAtAcr(username: string, saw: string): Finding {
  // NAME@role.ACCOUNT.onaliyun.com is how the RAM console calls a role.
  if (/^(role|assumed-role)\/|@role\./.test(username)) {
    return error('role-with-password', {
      saw,
      means: `${username} is a RAM role, and a role has no fixed password`,
      next: [
        'leave out username and password, and name the identity in `aliyun`: temporary passwords come by it',
      ],
    });
  }
  const ram = username.includes('@')
    ? []
    : [`a RAM user logs in as NAME@<account id or alias>, not as ${username}`];
  return error('wrong-credential', {
    saw,
    means: 'user or password is wrong: it is the one of the instance that counts, not that of the console',
    next: [
      ...ram,
      'Container Registry console → Instances → the instance → Repository → Access Credential: set the fixed password there, logged in as that very user',
      'a temporary password is good for an hour: let `aliyun` fetch them instead of writing one down',
    ],
  });
}

function wrong(name: string, saw: string): Finding {
  return error('wrong-credential', {
    saw,
    means: 'the registry does not know this user with this password',
    next: [
      `check registries.${name}.username and its password: in a shell, Compose or a ConfigMap "$" may have been eaten (robot$name)`,
      'a robot of Harbor has an end: Harbor → Robot Accounts shows it, and gives a new secret',
    ],
  });
}
