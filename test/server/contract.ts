import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Received } from '../support/http.ts';
import { jsonOf, type Stand } from './stand.ts';

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { content: object }> } | undefined>>;
}

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
function responseOf({ paths }: Document, method: string, path: string, answer: Received): string {
  const { pathname } = new URL(path, 'http://localhost');
  const problem = answer.headers['content-type'] === 'application/problem+json';
  const template = Object.keys(paths).find((each) => patternOf(each).test(pathname)) ?? '';
  const responses = paths[template]?.[method.toLowerCase()]?.responses;
  if (responses === undefined) {
    assert.ok(problem, `${method} ${path} is not in the document`);
    return '/components/schemas/Problem';
  }
  const status = answer.status in responses ? String(answer.status) : 'default';
  const type = problem ? 'application/problem+json' : 'application/json';
  assert.ok(type in (responses[status]?.content ?? {}), `${method} ${path}: no ${type} for ${status}`);
  const steps = ['paths', template, method.toLowerCase(), 'responses', status, 'content', type, 'schema'];
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}
