import type { Command } from 'commander';
import { type Config, findConfig, loadConfig } from '../config.ts';

/** Adds the option that names the configuration. */
export function withConfig(command: Command): Command {
  return command.option(
    '-c, --config <file>',
    'configuration ($TAGFERRY_CONFIG, config/tagferry.yaml, /etc/tagferry/tagferry.yaml)',
  );
}

/** The one that the option names, or the first of the usual places. Throws `ConfigError`. */
export function configOf(file: string | undefined): Config {
  return loadConfig(findConfig(file, process.env, process.cwd()), process.env);
}
