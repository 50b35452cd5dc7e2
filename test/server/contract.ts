import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Received } from '../support/http.ts';
import { jsonOf, type Stand } from './stand.ts';

/** Asks the admin API, and checks every answer by the OpenAPI document that stands there. */
export type CheckedApi = (method: string, path: string, body?: unknown) => Promise<Received>;

export async function checkedApi(stand: Stand): Promise<CheckedApi> {
  const document = jsonOf(await stand.api('GET', '/openapi.json'));
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'openapi');
  return async function check(method, path, body) {
    const answer = await stand.api(method, path, body);
    const where = responseOf(document, method, path, answer);
    const validate = ajv.compile({ $ref: `openapi#${where}` });
    assert.ok(
      validate(jsonOf(answer)),
      `${method} ${path} ${answer.status}: ${ajv.errorsText(validate.errors)}`,
    );
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    return answer;
  };
}

/** A JSON pointer to the schema of an answer; fails for an answer that the document does not have. */
function responseOf(document: any, method: string, path: string, answer: Received): string {
  const { pathname } = new URL(path, 'http://localhost');
  const problem = answer.headers['content-type'] === 'application/problem+json';
  const template = Object.keys(document.paths).find((each) =>
    new RegExp(`^${each.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
  const operation = template === undefined ? undefined : document.paths[template][method.toLowerCase()];
  if (template === undefined || operation === undefined) {
    assert.ok(problem, `${method} ${path} is not in the document`);
    return '/components/schemas/Problem';
  }
  const status = operation.responses[answer.status] === undefined ? 'default' : String(answer.status);
  const type = problem ? 'application/problem+json' : 'application/json';
  assert.ok(operation.responses[status].content[type], `${method} ${path}: no ${type} for ${status}`);
  const steps = ['paths', template, method.toLowerCase(), 'responses', status, 'content', type, 'schema'];
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
