import { type Answer, type Call, json } from '../../src/demo/registry/call.ts';
import type { Sign, TokenPolicy, TokenRequest } from './token-server.ts';

export interface HarborUser {
  name: string;
  password: string;
  /** By project: what the account may do there. */
  projects: Record<string, readonly string[]>;
}

const service = 'harbor-registry';

/**
 * Harbor's token service: never refuses a scope, but answers with what the account may do in that project,
 * which may be more than was asked, or nothing. A wrong password makes the question anonymous. A robot that
 * asks for two projects at once gets nothing in either. There is no POST.
 */
export function harborTokens(
  users: readonly HarborUser[],
  publicProjects: readonly string[] = [],
): TokenPolicy {
  const answer = (request: TokenRequest, sign: Sign) => {
    const user = users.find(({ name, password }) => name === request.name && password === request.password);
    if (!user && request.scopes.length === 0) return json(401, unauthorized);
    const projects = new Set(request.scopes.map((scope) => projectOf(scope.name)));
    const access = request.scopes.map((scope) => {
      const open = publicProjects.includes(projectOf(scope.name)) ? ['pull'] : [];
      const actions = user?.projects[projectOf(scope.name)] ?? open;
      return { ...scope, actions: projects.size > 1 ? [] : [...actions] };
    });
    const signed = sign(user?.name ?? '', access);
    const issued_at = new Date().toISOString();
    return json(200, { ...signed, access_token: '', issued_at });
  };
  return { path: '/service/token', service, answer, refuse };
}

const unauthorized = { errors: [{ code: 'UNAUTHORIZED', message: 'unauthorized: unauthorized' }] };

function projectOf(repository: string): string {
  return repository.split('/', 1)[0] ?? '';
}

function refuse(call: Call): Answer | undefined {
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  if (call.method !== 'GET') return { status: 405, headers, body: Buffer.from('Method Not Allowed') };
  if (call.query.get('service') === service) return undefined;
  return { status: 400, headers, body: Buffer.from('unable to handle service') };
}
