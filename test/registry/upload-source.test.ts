import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CopyError, RegistryError } from '../../src/copy/error.ts';
import { failure, pieces, startStand } from './stand.ts';
import { blob, sessions, write } from './upload.ts';

for (const [what, got, bytes] of [
  ['wrong bytes', /300000 bytes of sha256:/, () => pieces([Buffer.alloc(blob.descriptor.size)])],
  ['too few bytes', /got 262144$/, () => pieces([...blob.bytes()].slice(0, -1))],
  ['too many bytes', /got more$/, () => pieces([...blob.bytes(), Buffer.from('x')])],
  ['no bytes at all', /got 0$/, () => pieces([])],
  [
    'wrong bytes and then nothing',
    /300000 bytes of sha256:/,
    () => pieces([Buffer.alloc(blob.descriptor.size), Buffer.alloc(0)]),
  ],
] as const)
  test(`${what} from the source are never finished, and read again once`, async (t) => {
    const stand = await startStand(t);
    let opened = 0;
    const source = async () => {
      opened++;
      return bytes();
    };
    assert.match((await failure(write(stand, source), 'corrupt')).message, got);
    assert.equal(await stand.client.repository('c/d', 'push').hasBlob(blob.descriptor), false);
    const sent = stand.registry.requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
    assert.ok(!stand.registry.requests.some(({ bytesIn }) => bytesIn === blob.descriptor.size), 'finished');
    assert.ok(opened <= 2 && sent < 2 * blob.descriptor.size, `${opened} ${sent}`);
    await stand.assertFree();
  });

test('a source that breaks in the middle is read again once into the same session, and its failure stays its own', async (t) => {
  const stand = await startStand(t);
  let opened = 0;
  const source = async () => {
    opened++;
    return (async function* () {
      yield* [...blob.bytes()].slice(0, 2);
      throw new CopyError('read blob', 'source', new RegistryError('unreachable', 'reset by the source'));
    })();
  };
  await assert.rejects(write(stand, source), { name: 'CopyError', side: 'source', reason: 'unreachable' });
  assert.equal(opened, 2);
  assert.deepEqual(sessions(stand), [1, 1]);
  await stand.assertFree();
});

test('a source’s error that no table knows is not tried again, and comes out as it is', async (t) => {
  const stand = await startStand(t);
  const mistake = new TypeError('a mistake');
  const source = async () => {
    return (async function* () {
      yield* [...blob.bytes()].slice(0, 2);
      throw mistake;
    })();
  };
  await assert.rejects(write(stand, source), mistake);
  assert.equal(stand.seen(/^POST/).length, 1);
  await stand.assertFree();
});
