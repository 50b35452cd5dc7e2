import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { Client, withServer } from './client.ts';
import type { ClientOptions } from './client.ts';
import { print, printJson } from './print.ts';
import { lineOf, taskPage, taskView } from './task-view.ts';

interface ListOptions extends ClientOptions {
  state?: string;
  repository?: string;
  tag?: string;
  limit: string;
  json?: boolean;
}

export function tasksCommand(): Command {
  return new Command('tasks')
    .description('Looks at the tasks of a running mirror, and decides about them.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(changeCommand('retry', 'Tries a discarded, cancelled or waiting task again, now.'))
    .addCommand(changeCommand('cancel', 'Cancels a task that is not finished.'));
}

function listCommand(): Command {
  const command = new Command('list')
    .description('The newest tasks.')
    .option('--state <state>', 'available, running, retryable, completed, discarded or cancelled')
    .option('--repository <name>', 'only of this source repository')
    .option('--tag <tag>', 'only of this source tag')
    .option('--limit <count>', 'how many', '50')
    .option('--json', 'one JSON document');
  return withServer(command).action(async (options: ListOptions) => {
    const { state, repository, tag, limit } = options;
    const query = new URLSearchParams({ limit });
    for (const [name, value] of Object.entries({ state, repository, tag }))
      if (value !== undefined) query.set(name, value);
    const page = await new Client(options).request(taskPage, 'GET', `tasks?${query.toString()}`);
    if (options.json) return printJson(page);
    for (const task of page.tasks) print(lineOf(task));
  });
}

function showCommand(): Command {
  const command = new Command('show')
    .description('One task with its attempts and their errors.')
    .argument('<id>', 'of the task', parseId)
    .option('--json', 'one JSON document');
  return withServer(command).action(async (id: number, options: ClientOptions & { json?: boolean }) => {
    const task = await new Client(options).request(taskView, 'GET', `tasks/${id}`);
    if (options.json) return printJson(task);
    print(lineOf(task));
    for (const attempt of task.attempts ?? []) {
      const what = attempt.outcome ?? `${attempt.reason ?? ''} ${attempt.message ?? ''}`.trim();
      print(`  attempt ${attempt.number} at ${attempt.startedAt}: ${what}`);
    }
  });
}

function changeCommand(verb: 'retry' | 'cancel', description: string): Command {
  const command = new Command(verb).description(description).argument('<id>', 'of the task', parseId);
  return withServer(command).action(async (id: number, options: ClientOptions) => {
    await new Client(options).request(z.unknown(), 'POST', `tasks/${id}/${verb}`);
    print(`task ${id}: ${verb === 'retry' ? 'is tried again' : 'is cancelled'}`);
  });
}

function parseId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`expected the id of a task, got "${text}"`);
}
