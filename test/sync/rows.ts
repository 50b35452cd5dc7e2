import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../src/oci/digest.ts';
import { Client } from '../support/client.ts';
import { type Image, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import type { SyncEnd } from './stand.ts';

/** A small image for each tag, and its digest. */
export async function pushTags<Tag extends string>(
  url: string,
  repository: string,
  tags: readonly Tag[],
): Promise<Map<Tag, Digest>> {
  const digests = new Map<Tag, Digest>();
  for (const tag of tags) digests.set(tag, await push(url, repository, tag, tiny(tag)));
  return digests;
}

export function tiny(seed: string): Image {
  return ociImage(seed, { layers: [100] });
}

/** Every tag that is there, with what it names; no repository is one without tags. */
export async function tagsAt(url: string, repository: string): Promise<Record<string, Digest | undefined>> {
  const { status, body } = await new Client(url).send(`/v2/${repository}/tags/list`);
  if (status === 404) return {};
  const list: unknown = JSON.parse(body.toString());
  const tags: unknown = Object(list).tags;
  const names = Array.isArray(tags) ? tags.map(String).toSorted() : [];
  const named = names.map(async (tag) => [tag, await digestOfTag(url, repository, tag)] as const);
  return Object.fromEntries(await Promise.all(named));
}

/** The lines of a log in image-syncer's format, as `LEVEL: MESSAGE`. */
export function said({ log }: Pick<SyncEnd, 'log'>): string[] {
  return log.map((line) => {
    const found = /^time="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" level=(info|warning|error) msg=(".*")$/.exec(line);
    if (found === null) throw new SyntaxError(`expected a line as image-syncer writes it, got ${line}`);
    const message: unknown = JSON.parse(found[2] ?? '');
    return `${found[1]}: ${String(message)}`;
  });
}

/** Warnings of a run, without the file's name. */
export function warned(end: SyncEnd): string[] {
  return said(end).flatMap((line) => (line.startsWith('warning: ') ? unplaced(line.slice(9)) : []));
}

/** What is wrong with each rule that was lost. */
export function lost({ report }: SyncEnd): string[] {
  return report.rules.map(({ message }) => unplaced(message));
}

/** What is wrong with files for which the run was refused. */
export function refused({ refusal }: SyncEnd): string[] {
  return refusal.split('\n').map(unplaced);
}

function unplaced(message: string): string {
  return message.replace(/^\/\S+\/[\w.-]+?(?::\d+)?: /, '');
}

/** A file of that name and text, in a folder of its own. */
export async function fileOf(t: Ending, name: string, text: string): Promise<string> {
  const file = join(await temporaryFolder(t), name);
  await writeFile(file, text);
  return file;
}
