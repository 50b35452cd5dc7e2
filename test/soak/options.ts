import { parseArgs } from 'node:util';

export interface SoakOptions {
  /** Decides what is pushed, lost and broken, and when; not how the processes take turns. */
  seed: number;
  /** It goes on for at least so long, … */
  minutes: number;
  /** … and until the process has been killed so often. */
  kills: number;
}

/** `--minutes`, `--kills`, and the seed from the environment. */
export function soakOptions(args: readonly string[], env: NodeJS.ProcessEnv): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: 'string', default: '2' }, kills: { type: 'string', default: '0' } },
  });
  return {
    seed: number('SOAK_SEED', env['SOAK_SEED'] ?? `${Date.now() % 1_000_000}`),
    minutes: number('--minutes', values.minutes),
    kills: number('--kills', values.kills),
  };
}

function number(name: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new RangeError(`${name}: expected a number, got ${text}`);
}
