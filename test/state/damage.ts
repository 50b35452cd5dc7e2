import { readFileSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

/** Overwrites all pages of the tasks: it is opened as if nothing were wrong. */
export function damage(file: string): void {
  const connection = new Sqlite(file, { readonly: true });
  const pages = connection
    .prepare("SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'task' AND rootpage > 0")
    .pluck()
    .all();
  const size = Number(connection.pragma('page_size', { simple: true }));
  connection.close();
  const bytes = readFileSync(file);
  for (const page of pages) bytes.fill(0xee, (Number(page) - 1) * size, Number(page) * size);
  writeFileSync(file, bytes);
}
