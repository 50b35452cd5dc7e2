import { readFileSync, statSync } from 'node:fs';

/** Whether reading it comes to an end by itself: a pipe without a writer, or a device, would keep the whole process. */
export function isRegular(file: string): boolean {
  const stat = statSync(file);
  return stat.isFile() || stat.isDirectory();
}

/** The text of a file that is read again and again. Throws what `readFileSync` throws, and for pipes and devices. */
export function readRegular(file: string): string {
  if (!isRegular(file)) throw new TypeError('not a regular file');
  return readFileSync(file, 'utf8');
}
