import { type Answer, json } from '../../src/demo/registry/call.ts';
import { permitted } from './harbor-rest-answer.ts';
import type { Exchange } from './harbor-rest-answer.ts';
import { refusal } from './harbor-rest-page.ts';

/* What a Harbor says of itself and of who asks. */

const never = '0001-01-01T00:00:00.000Z';

export function ping(): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from('Pong') };
}

/** Always 200: how it is, is in it. */
export function health({ about }: Exchange): Answer {
  const parts = ['core', 'database', 'jobservice', 'portal', 'redis', 'registry', 'registryctl'];
  const components = parts.map((name) => {
    const error = about.ill[name];
    return error === undefined ? { name, status: 'healthy' } : { error, name, status: 'unhealthy' };
  });
  const status = components.every((one) => one.status === 'healthy') ? 'healthy' : 'unhealthy';
  return json(200, { components, status });
}

export function systemInfo({ version, account, about, call }: Exchange): Answer {
  const forAll = {
    auth_mode: 'db_auth',
    banner_message: '',
    oidc_provider_name: '',
    primary_auth_mode: false,
    self_registration: false,
  };
  if (!account) return json(200, forAll);
  const external = about.externalUrl ?? call.origin;
  return json(200, {
    ...forAll,
    current_time: new Date(about.now()).toISOString(),
    external_url: external,
    harbor_version: version,
    has_ca_root: false,
    notification_enable: about.notificationEnable,
    project_creation_restriction: 'everyone',
    read_only: about.readOnly,
    registry_storage_provider_name: 'filesystem',
    registry_url: external.replace(/^\w+:\/\//, ''),
  });
}

/** A robot is known, and no user. */
export function currentUser({ account }: Exchange): Answer {
  if (!account) return refusal(401, 'UNAUTHORIZED', 'unauthorized');
  if (account.name.startsWith('robot$')) {
    const why = 'get current user not available for security context: robot';
    return refusal(412, 'PRECONDITION', why);
  }
  return json(200, {
    admin_role_in_auth: false,
    comment: 'admin user',
    creation_time: never,
    realname: account.name,
    sysadmin_flag: account.admin === true,
    update_time: never,
    user_id: 1,
    username: account.name,
  });
}

export function project(exchange: Exchange): Answer {
  const { id, name, public: open, createdAt, proxyCache } = permitted(exchange, 'project:read', 'open');
  return json(200, {
    creation_time: createdAt,
    ...(exchange.account?.admin && { current_user_role_id: 1 }),
    current_user_role_ids: exchange.account?.admin ? [1] : null,
    cve_allowlist: { creation_time: never, id, items: [], project_id: id, update_time: never },
    metadata: { public: String(open) },
    name,
    owner_id: 1,
    owner_name: 'admin',
    project_id: id,
    ...(proxyCache && { registry_id: 1 }),
    repo_count: 0,
    update_time: createdAt,
  });
}
