import { Option } from 'commander';
import type { Command } from 'commander';

/** Flags that image-syncer never had, whatever pages on the web say, and what to write instead. */
export const folklore = {
  imagesRetries: '--images-retries: there is no such flag; --retries NUMBER says how often to try again',
  outputImagesType: '--output-images-type: there is no such flag; it is --output-images-format json|yaml',
  days: '--days: there is no such flag; name the tags in the rules, or a regular expression for them',
  platform:
    '--platform: there is no such flag; it is --os OS and --arch ARCHITECTURE, each as often as needed',
} as const;

/** image-syncer's flags of today and of 2020, then our own. */
export function withFlags(command: Command): Command {
  for (const group of [ofToday, of2020, ours]) group(command);
  for (const text of Object.values(folklore)) {
    const [flag = ''] = text.split(':', 1);
    command.addOption(new Option(`${flag} [value]`).hideHelp());
  }
  return command;
}

function repeatable(flag: string, description: string): Option {
  return new Option(flag, `${description}; repeatable`)
    .argParser((value: string, values: string[]) => [...values, value])
    .default([], 'all');
}

function ofToday(command: Command): void {
  command
    .optionsGroup("image-syncer's flags:")
    .option('--config <file>', 'one file with "auth" and "images" (JSON or YAML)')
    .option('--auth <file>', 'file with credentials')
    .option('--images <file>', 'file with rules: source → destination')
    .option('--log <file>', 'log there, from an empty file on, instead of to standard error')
    .option(
      '-p, --proc <number>',
      'requests to each registry at once (default: as many as it bears, 64 at most)',
    )
    .option('-r, --retries <number>', 'further attempts at what failed', '2')
    .addOption(repeatable('--os <system>', 'of images for several platforms, this one only: OS[:VERSION]'))
    .addOption(repeatable('--arch <architecture>', 'likewise: ARCHITECTURE[:VARIANT]'))
    .option('--force [boolean]', 'write manifests again that are there already')
    .option('--output-success-images <file>', 'write the list of what was copied there')
    .option('--output-images-format <format>', 'json or yaml (default: yaml)');
}

function of2020(command: Command): void {
  command
    .optionsGroup("image-syncer's flags of 2020:")
    .option('--registry <host>', 'where destinations that are "" go (else $DEFAULT_REGISTRY)')
    .option('--namespace <name>', 'and below which namespace (else $DEFAULT_NAMESPACE)')
    .option('--records <file>', 'accepted, and does nothing');
}

function ours(command: Command): void {
  command
    .optionsGroup("Tagferry's flags:")
    .option('--dry-run', 'say what would be copied, and write nothing')
    .option('--report <file>', 'write the outcome of every tag there (JSON)')
    .option('--state <file>', 'remember there what an interrupted run, or the next one, need not do again')
    .option('--strict', 'copy also what differs in the layout of its JSON only')
    .optionsGroup('Options:');
}
