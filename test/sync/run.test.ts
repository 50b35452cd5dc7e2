import assert from 'node:assert/strict';
import { writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { run } from '../integration/process.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { multiPlatform, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';

test('all tags of a repository are copied, and a second run says that nothing is to do', async (t) => {
  const [source, destination] = await Promise.all([startDockerRegistry(t), startDockerRegistry(t)]);
  const [from, to] = [new URL(source.url).host, new URL(destination.url).host];
  await push(source.url, 'library/nginx', '1', ociImage('one'));
  await push(source.url, 'library/nginx', '2', multiPlatform('two'));
  const folder = await temporaryFolder(t);
  const file = join(folder, 'sync.json');
  await writeFile(file, JSON.stringify({
    auth: { [from]: { insecure: true }, [to]: { insecure: true } },
    images: { [`${from}/library/nginx`]: '' },
  }));
  const args = ['sync', '--proc=10', `--config=${file}`, `--registry=${to}`, '--namespace=image-syncer', '--retries=10', `--report=${join(folder, 'r.json')}`];
  const first = await run(t, args);
  console.log(first);
  console.log(await readFile(join(folder, 'r.json'), 'utf8'));
  const second = await run(t, args);
  console.log(second);
  assert.equal(second.code, 0);
});
