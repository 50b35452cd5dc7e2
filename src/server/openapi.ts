import { z } from 'zod';
import type { Operation } from './operation.ts';
import { schemas } from './schema.ts';

type Json = Record<string, unknown>;

const names = new Map<z.ZodType, string>(Object.entries(schemas).map(([name, schema]) => [schema, name]));

/** The OpenAPI 3.1 document of these operations, which stand below `base`. */
export function openApiDocument(base: string, operations: readonly Operation[]): Json {
  const paths: Record<string, Json> = {};
  for (const each of operations) {
    paths[each.path] = { ...paths[each.path], [each.method.toLowerCase()]: describeOperation(each) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Tagferry admin API', version: '1' },
    servers: [{ url: base }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function describeOperation({ method, summary, input, success, problems }: Operation): Json {
  const refusals = Object.entries(problems).map(([status, description]) => [status, problem(description)]);
  return {
    summary,
    parameters: [...parameters('path', input.shape.params), ...parameters('query', input.shape.query)],
    ...(method === 'POST' && { requestBody: { content: json(input.shape.body) } }),
    responses: {
      [success.status]: { description: success.description, content: json(success.schema) },
      422: problem('Parameters or the body are wrong: `errors` lists them.'),
      ...Object.fromEntries(refusals),
      default: problem('The request is refused, or failed.'),
    },
  };
}

function parameters(place: 'path' | 'query', schema: z.ZodType): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
  }));
}

function json(schema: z.ZodType): Json {
  const name = names.get(schema);
  const reference = name === undefined ? inline(schema) : { $ref: componentUri(name) };
  return { 'application/json': { schema: reference } };
}

function problem(description: string): Json {
  const schema = { $ref: componentUri('Problem') };
  return { description, content: { 'application/problem+json': { schema } } };
}

function inline(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

function componentSchemas(): Json {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, inline(schema)]));
}

function componentUri(name: string): string {
  return `#/components/schemas/${name}`;
}
