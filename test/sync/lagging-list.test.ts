import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json, type Misbehaviour } from '../../src/demo/registry/call.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { begin, hostOf, startRegistry } from './embedded.ts';

const tags = ['v1', 'v2', 'v3', 'v4', 'v5'];

test('a destination whose list lacks tags that are there, and lets none be written: what is equal is unchanged', async (t) => {
  const immutable = { errors: [{ code: 'TAG_IMMUTABLE', message: 'configured as immutable' }] };
  let closed = false;
  const misbehave: Misbehaviour = async ({ method, path }, next) => {
    if (path.endsWith('/tags/list')) return json(200, { name: 'n/x', tags: [] });
    return closed && method === 'PUT' && /manifests\/v\d$/.test(path) ? json(412, immutable) : next();
  };
  const source = await startRegistry(t);
  const destination = await startRegistry(t, { misbehave });
  for (const tag of tags) await push(source.url, 'p/x', tag, ociImage(tag));
  for (const tag of tags.slice(1, 4)) await push(destination.url, 'n/x', tag, ociImage(tag));
  await push(destination.url, 'n/x', 'v5', ociImage('another'));
  closed = true;
  const given = {
    images: { [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x` },
    registries: [source, destination],
  };
  const { report } = await begin(t, given);
  const { tags: told } = await report;
  assert.deepEqual(
    told.map(({ outcome, reason }) => reason ?? outcome),
    ['destination-immutable', 'unchanged', 'unchanged', 'unchanged', 'destination-immutable'],
  );
});
