import { parseArgs } from 'node:util';

export interface SoakOptions {
  /** Decides what is pushed, lost and broken, and when; not how the processes take turns. */
  seed: number;
  /** It goes on for at least so long, … */
  minutes: number;
  /** … and until the process has been killed so often. */
  kills: number;
  /** What stands at the source: a Harbor with its API, or a registry that has nothing beside `/v2`. */
  source: 'harbor' | 'oci';
}

/** `--minutes`, `--kills`, `--no-harbor`, and the seed from the environment. */
export function soakOptions(args: readonly string[], env: NodeJS.ProcessEnv): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      kills: { type: 'string', default: '0' },
      harbor: { type: 'boolean', default: true },
    },
    allowNegative: true,
  });
  return {
    seed: number('SOAK_SEED', env['SOAK_SEED'] ?? `${Date.now() % 1_000_000}`),
    minutes: number('--minutes', values.minutes),
    kills: number('--kills', values.kills),
    source: values.harbor ? 'harbor' : 'oci',
  };
}

function number(name: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new RangeError(`${name}: expected a number, got ${text}`);
}
