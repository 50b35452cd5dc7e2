import { execFileSync } from 'node:child_process';

/** Whether the command is on PATH. */
export function isThere(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
