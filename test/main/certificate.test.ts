import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { KeyPair } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { Certificate } from '../../src/main/certificate.ts';
import { certificate, selfSigned } from '../support/certificate.ts';
import { FakeClock } from '../support/clock.ts';
import { logLines } from '../support/log-lines.ts';
import { temporaryFolder } from '../support/temporary.ts';

const minute = 60_000;

async function stand(t: TestContext) {
  const folder = await temporaryFolder(t);
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const { stream, lines } = logLines();
  const clock = new FakeClock();
  await writeFile(files.certFile, (await certificate()).cert);
  await writeFile(files.keyFile, (await certificate()).key);
  const shown: KeyPair[] = [];
  const watching = new Certificate(files, createLog({ level: 'info', format: 'json', stream }), clock);
  watching.start((pair) => shown.push(pair));
  t.after(() => watching.stop());
  return { files, clock, watching, shown, lines };
}

test('a new pair is shown within a minute; half of one is told once, and the one before stays', async (t) => {
  const { files, clock, watching, shown, lines } = await stand(t);
  const [first, next] = [await certificate(), await selfSigned()];
  clock.advance(minute);
  assert.deepEqual([shown, lines], [[], []]);
  await writeFile(files.certFile, next.cert);
  clock.advance(3 * minute);
  assert.deepEqual(shown, []);
  assert.equal(watching.pair.cert, first.cert);
  assert.equal(lines.length, 1);
  assert.partialDeepStrictEqual(JSON.parse(lines[0] ?? ''), { level: 'warn', certFile: files.certFile });
  await writeFile(files.keyFile, next.key);
  clock.advance(minute);
  assert.deepEqual(shown, [next]);
  assert.equal(lines.length, 2);
});

test('it is looked at no more after its stop', async (t) => {
  const { files, clock, watching, shown } = await stand(t);
  const next = await selfSigned();
  await writeFile(files.certFile, next.cert);
  await writeFile(files.keyFile, next.key);
  watching.stop();
  clock.advance(10 * minute);
  assert.deepEqual([shown, clock.next], [[], undefined]);
});
