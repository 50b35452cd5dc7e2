import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parallel } from '../../src/task/parallel.ts';
import type { Credential } from '../../test/support/client.ts';

/** A registry, and who speaks to it. */
export interface Reached {
  url: string;
  credential?: Credential;
}

/** `skopeo copy` of each pair of `REPOSITORY:TAG`, so many at once; gives the seconds. */
export async function copyBySkopeo(
  source: Reached,
  destination: Reached,
  pairs: readonly (readonly [string, string])[],
  atOnce: number,
): Promise<number> {
  const begin = performance.now();
  await parallel(pairs, atOnce, async ([from, to]) => {
    const options = ['--quiet', ...optionsOf('src', source), ...optionsOf('dest', destination)];
    const address = ({ url }: Reached, name: string) => `${url.replace('https:', 'docker:')}/${name}`;
    await promisify(execFile)('skopeo', [
      'copy',
      ...options,
      address(source, from),
      address(destination, to),
    ]);
  });
  return (performance.now() - begin) / 1000;
}

function optionsOf(side: string, { credential }: Reached): string[] {
  const login = credential && [`--${side}-creds`, `${credential.name}:${credential.password}`];
  return [`--${side}-tls-verify=false`, ...(login ?? [])];
}
