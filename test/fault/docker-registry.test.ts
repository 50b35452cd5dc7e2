import { after, before } from 'node:test';
import type { Ending } from '../support/temporary.ts';
import { answerRows } from './answer-rows.ts';
import { bodyRows } from './body-rows.ts';
import { type Ends, startDocker } from './end.ts';
import { runRows } from './row.ts';
import { tokenRows } from './token-rows.ts';
import { uploadRows } from './upload-rows.ts';

/** The same tables before real registries. */
let ends: Ends;
const endings: (() => void | Promise<void>)[] = [];
const file: Ending = { after: (end) => void endings.push(end) };

before(async () => {
  ends = await startDocker(file);
});

after(async () => {
  for (const end of endings.toReversed()) await end();
});

runRows('docker-registry', () => ends, [...answerRows, ...bodyRows, ...uploadRows, ...tokenRows]);
