import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, temporaryState } from './open.ts';

const week = 7 * 24 * 60 * 60 * 1000;
const key = { origin: 'https://acr.example', repository: 'mirror/app', digest: digestOf(1) };
const first = {
  location: 'https://acr.example/v2/mirror/app/blobs/uploads/1?_state=a',
  offset: 100,
  keptAt: 1_000,
};

test('an upload session is kept over a restart, and is the newest', async (t) => {
  const { state, reopen } = await temporaryState(t);
  state.uploads.keep(key, first);
  const second = { location: `${first.location}b`, offset: 200, keptAt: 2_000 };
  state.uploads.keep(key, second);
  assert.deepEqual(reopen().uploads.find(key), second);
});

test('another registry, repository or blob is another upload', async (t) => {
  const { state } = await temporaryState(t);
  state.uploads.keep(key, first);
  for (const other of [
    { origin: 'https://acr.example:8443' },
    { repository: 'mirror/ap' },
    { digest: digestOf(2) },
  ]) {
    assert.equal(state.uploads.find({ ...key, ...other }), undefined);
    state.uploads.forget({ ...key, ...other });
  }
  assert.deepEqual(state.uploads.find(key), first);
  state.uploads.forget(key);
  assert.equal(state.uploads.find(key), undefined);
});

test('what was not gone on with for a week is forgotten, also where nothing else is kept', async (t) => {
  const { state } = await temporaryState(t);
  state.uploads.keep(key, first);
  const other = { ...key, repository: 'other' };
  const later = { ...first, keptAt: 2_000 };
  state.uploads.keep(other, later);
  state.prune.pruneUploads(1_000 + week);
  assert.deepEqual(state.uploads.find(key), first);
  state.prune.pruneUploads(1_001 + week);
  assert.equal(state.uploads.find(key), undefined);
  assert.deepEqual(state.uploads.find(other), later);
});
