import { Router, type RequestHandler } from 'express';
import { sendJson } from './answer.ts';
import { HttpError, methodNotAllowed } from './error.ts';
import { type Explain, explainOperation } from './explain.ts';
import { openApiDocument } from './openapi.ts';
import { routerOf } from './operation.ts';
import { type Reload, reloadOperation } from './reload.ts';
import { ruleOperations, type Rules } from './rules.ts';
import { secretCheck } from './secret.ts';
import { sweepOperations, type Sweeps } from './sweeps.ts';
import { taskOperations, type Resync, type Tasks } from './tasks.ts';

export const adminPath = '/api/v1';

export interface AdminOptions {
  /** Bearer tokens that are let in now; without any, nobody is. */
  tokens(): readonly string[];
  tasks: Tasks;
  resync: Resync;
  sweeps: Sweeps;
  rules: Rules;
  explain: Explain;
  reload: Reload;
}

/** `/api/v1`: every operation, and the document that describes them. */
export function admin(options: AdminOptions | undefined): Router {
  const router = Router({ caseSensitive: true });
  if (options === undefined) return router.use(refuseAll);
  const operations = [
    ...taskOperations(options.tasks, options.resync),
    ...sweepOperations(options.sweeps, options.rules),
    ...ruleOperations(options.rules),
    explainOperation(options.explain),
    reloadOperation(options.reload),
  ];
  const document = openApiDocument(adminPath, operations);
  router.use(authorized(() => options.tokens()));
  router.all('/openapi.json', (request, response) => {
    if (!['GET', 'HEAD'].includes(request.method)) throw methodNotAllowed(request.method, 'GET, HEAD');
    sendJson(response, 200, document);
  });
  return router.use(routerOf(operations));
}

function authorized(tokens: () => readonly string[]): RequestHandler {
  const isKnown = secretCheck(tokens);
  return function checkToken(request, _response, next) {
    if (tokens().length === 0) throw switchedOff();
    const [, token] = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (isKnown(token)) return next();
    const got = token === undefined ? 'none' : 'another';
    throw new HttpError(401, `Expected Authorization: Bearer with one of admin.tokens, got ${got}.`, {
      headers: { 'WWW-Authenticate': 'Bearer' },
    });
  };
}

const refuseAll: RequestHandler = () => {
  throw switchedOff();
};

function switchedOff(): HttpError {
  return new HttpError(404, 'The admin API is off: the configuration has no admin.tokens.');
}
