import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryState, wanted } from '../state/open.ts';

const module = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../..', path)));

/** Receives pushes and kills itself without notice in the moment when the last one is answered for. */
const script = (file: string, repositories: number) => `
  import { openState } from ${module('src/state/state.ts')};
  import { Enqueue } from ${module('src/task/enqueue.ts')};
  const rules = {
    match: (repository) => [{ ...${JSON.stringify(wanted())}, sourceRepository: repository, destinationRepository: repository }],
    owns: () => true,
  };
  const clock = { now: () => 5000 };
  const enqueue = new Enqueue({ store: openState(${JSON.stringify(file)}).enqueue, rules: () => rules, clock });
  const receive = (n) => enqueue.receive({
    kind: 'push', type: 'PUSH_ARTIFACT', repository: 'library/' + n, references: [{ tag: 'v1' }], occurredAt: 4000,
  });
  await Promise.all(Array.from({ length: ${repositories} }, (_, n) => receive(n)));
  process.kill(process.pid, 'SIGKILL');`;

test('what was answered for is there after kill -9', async (t) => {
  const { state, file, reopen } = await temporaryState(t);
  state.close();
  for (const repositories of [1, 60]) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script(file, repositories)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
    const after = reopen();
    assert.equal(after.tasks.counts().available, repositories);
    assert.equal(after.sweeps.repositories().length, repositories);
    after.close();
  }
});
