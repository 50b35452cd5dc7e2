import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/*
 * `npm test` runs this first: what the tests need from Debian is installed when it is missing and the user
 * may do so; otherwise the one command that does it is printed.
 */

/** Programs; their packages have the same names. */
const programs = ['docker-registry', 'skopeo', 'openssl'];

const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
if (missing.length > 0) install(missing);

function install(packages: readonly string[]): void {
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0)
    return giveUp(`The tests need ${packages.join(', ')}. Run:\n\n  sudo sh -c '${command}'\n`);
  console.log(`Installing what the tests need: ${packages.join(', ')}`);
  const { status, error } = withoutServices(() =>
    spawnSync('sh', ['-c', command], {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }),
  );
  if (status === 0 && programs.every((program) => spawnSync(program, ['--version']).error === undefined))
    return;
  giveUp(
    `Could not install ${packages.join(', ')}${error ? ` (${error.message})` : ''}. The command was:\n\n  ${command}\n`,
  );
}

/**
 * The package of docker-registry also starts it, on the port that every registry likes. Debian asks this
 * program before it starts one: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
 */
function withoutServices<Result>(run: () => Result): Result {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return run();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return run();
  } finally {
    rmSync(policy);
  }
}

function giveUp(message: string): void {
  console.error(message);
  process.exitCode = 1;
}
