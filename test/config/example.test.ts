import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { load } from './document.ts';

const example = new URL('../../config/tagferry.example.yaml', import.meta.url);
const env = {
  HARBOR_PASSWORD: 'harbor-password',
  ACR_PASSWORD: 'acr-password',
  HARBOR_WEBHOOK_SECRET: 'webhook-secret',
  TAGFERRY_ADMIN_TOKEN: 'admin-token',
};

/** Every property of a JSON schema, with its default. */
function properties(schema: unknown): { key: string; byDefault: unknown }[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const own = keyword === 'properties' ? Object.entries(value) : [];
    return [...own.map(([key, inner]) => ({ key, byDefault: defaultOf(inner) })), ...properties(value)];
  });
}

function defaultOf(schema: unknown): unknown {
  return typeof schema === 'object' && schema !== null && 'default' in schema ? schema.default : undefined;
}

test('the example loads', () => {
  const config = loadConfig(example.pathname, env);
  assert.deepEqual(
    config.registries.map(({ type }) => type),
    ['harbor', 'acr-ee'],
  );
});

test('the example names every key, and its default where that is one value', () => {
  const text = readFileSync(example, 'utf8');
  const all = properties(JSON.parse(jsonSchema()));
  assert.ok(all.length > 40, `only ${all.length} keys in the schema`);
  for (const { key, byDefault } of all) {
    assert.match(text, new RegExp(`^[ #-]*${key}:`, 'm'), `${key} is missing in the example`);
    if (byDefault === undefined || key === 'type') continue;
    const value = JSON.stringify(byDefault).replaceAll('"', '');
    if (/^[[{]/.test(value)) continue;
    const shown = new RegExp(`^[ #-]*${key}: '?${value.replace(/[*.{}]/g, '\\$&')}'?( |$)`, 'm');
    assert.match(text, shown, `${key} is shown without its default, ${value}`);
  }
});

test('what the example has commented out is valid as well', () => {
  const text = readFileSync(example, 'utf8');
  const optional = /^ +# (?:tls|aliyun|prepare):\n(?: +# {3}.*\n)+/gm;
  const alternatives = /^ *# (passwordFile|caFile|allowUnauthenticated|endpoint|url):.*\n/gm;
  assert.equal(text.match(optional)?.length, 3);
  const uncommented = text
    .replace(optional, '')
    .replace(alternatives, '')
    .replace(/^( {2,})# (\w+: .*)$/gm, '$1$2');
  assert.ok(uncommented.includes('\n    idleTimeout: 60s'));
  assert.deepEqual(
    { ...load(uncommented, env), file: '' },
    { ...loadConfig(example.pathname, env), file: '' },
  );
});

test('the JSON schema is the one that the program would generate, and takes the example', () => {
  const text = readFileSync(new URL('../../config/tagferry.schema.json', import.meta.url), 'utf8');
  assert.equal(text, jsonSchema(), 'config/tagferry.schema.json is stale: npm run schema');
  const validate = new Ajv2020({ strict: true }).compile(JSON.parse(text));
  assert.ok(
    validate(parse(readFileSync(example, 'utf8').replaceAll(/\$\{\w+\}/g, 'x'))),
    JSON.stringify(validate.errors),
  );
  assert.ok(!validate({ registries: {}, rules: [], unknown: 1 }));
});

test('the page about the configuration names every key', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  for (const { key } of properties(JSON.parse(jsonSchema()))) {
    assert.match(page, new RegExp(`\`(\\w+\\.)*${key}\``), `${key} is missing in docs/configuration.md`);
  }
});
