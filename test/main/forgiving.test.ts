import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { createLog } from '../../src/log.ts';
import { forgivingLedger } from '../../src/main/forgiving.ts';
import { digestOf, temporaryState } from '../state/open.ts';
import { logLines } from '../support/log-lines.ts';

test('a ledger that cannot be kept is a warning, and nothing is known', async (t) => {
  const { state, file } = await temporaryState(t);
  const { stream, lines } = logLines();
  const log = createLog({ level: 'warn', format: 'json', stream });
  const ledger = forgivingLedger(state.ledger('https://acr.example'), log);
  const lesson = { kind: 'seen', repository: 'mirror/app', digest: digestOf(1), seenAt: 1_000 } as const;
  ledger.save([lesson]);
  assert.equal(ledger.load(0).length, 1);
  assert.deepEqual(lines, []);
  rmSync(file);
  ledger.save([lesson]);
  assert.deepEqual(ledger.load(0), []);
  assert.equal(lines.length, 2);
  assert.match(lines.join(''), /asked for again.*was deleted or replaced/);
});
