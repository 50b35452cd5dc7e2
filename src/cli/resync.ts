import { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { Client, withServer } from './client.ts';
import type { ClientOptions } from './client.ts';
import { print } from './print.ts';
import { referenceOf } from './reference.ts';
import { isFinished, lineOf, taskIds, taskView } from './task-view.ts';

interface Options extends ClientOptions {
  force?: boolean;
  wait?: boolean;
}

export function resyncCommand(): Command {
  const command = new Command('resync')
    .description(
      'Asks a running mirror to copy again: one tag, or all tags of a repository that the rules match.',
    )
    .argument('<repository[:tag]...>', 'of the source')
    .option('--force', 'copy even if the destination already has the digest')
    .option('--wait', 'wait for the end; exit 1 when a tag is not at its destination then');
  return withServer(command).action(async (names: string[], options: Options) => resync(names, options));
}

async function resync(names: readonly string[], options: Options): Promise<void> {
  const references = names.map(referenceOf);
  const client = new Client(options);
  const ids: number[] = [];
  const empty: string[] = [];
  for (const reference of references) {
    const body = { ...reference, force: options.force === true };
    const { tasks } = await client.request(taskIds, 'POST', 'resync', body);
    ids.push(...tasks);
    if (tasks.length === 0) empty.push(reference.repository);
  }
  if (options.wait !== true && ids.length > 0) console.log(`tasks: ${ids.join(' ')}`);
  const failed = options.wait === true ? await finish(client, ids) : 0;
  // Asked for by name, as below.
  if (empty.length > 0) throw new Error(`${empty.join(', ')}: the source has no tag there that a rule takes`);
  if (failed > 0) throw new Error(`${failed} of ${ids.length} tags are not at their destination`);
}

/** Prints each task at its end; returns how many did not complete. */
async function finish(client: Client, ids: readonly number[]): Promise<number> {
  let failed = 0;
  for (const id of ids) {
    let task = await client.request(taskView, 'GET', `tasks/${id}`);
    for (; !isFinished(task); task = await client.request(taskView, 'GET', `tasks/${id}`)) {
      await systemClock.sleep(200);
    }
    print(lineOf(task));
    // Asked for by name: that there is nothing to copy is not what was wanted.
    if (task.state !== 'completed' || task.outcome === 'source-gone') failed++;
  }
  return failed;
}
