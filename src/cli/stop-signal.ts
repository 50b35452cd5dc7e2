import { exit } from './exit.ts';

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process at once. */
export async function stopSignal(): Promise<void> {
  let first = true;
  await new Promise<void>((resolve) => {
    const onSignal = (): void => {
      if (!first) process.exit(exit.interrupted);
      first = false;
      resolve();
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}
