import { before } from 'node:test';
import { answerRows } from './answer-rows.ts';
import { bodyRows } from './body-rows.ts';
import { type Ends, startDocker } from './end.ts';
import { runRows } from './row.ts';
import { tokenRows } from './token-rows.ts';
import { uploadRows } from './upload-rows.ts';
import { wholeFile } from '../support/whole-file.ts';

/** The same tables before real registries. */
let ends: Ends;
const file = wholeFile();

before(async () => {
  ends = await startDocker(file);
});

runRows('docker-registry', () => ends, [...answerRows, ...bodyRows, ...uploadRows, ...tokenRows]);
