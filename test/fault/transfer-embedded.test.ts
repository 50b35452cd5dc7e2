import { bodyRows } from './body-rows.ts';
import { embedded } from './end.ts';
import { runRows } from './row.ts';
import { tokenRows } from './token-rows.ts';
import { uploadRows } from './upload-rows.ts';

runRows('embedded', () => embedded, [...bodyRows, ...uploadRows, ...tokenRows]);
