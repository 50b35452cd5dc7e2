import { answerRows } from './answer-rows.ts';
import { embedded } from './end.ts';
import { runRows } from './row.ts';

runRows('embedded', () => embedded, answerRows);
