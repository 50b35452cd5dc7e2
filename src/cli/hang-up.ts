let onEach: (() => void) | undefined;
let isWaiting = false;

/** From now on SIGHUP does not end this process. One that comes before anybody asks for them waits. Imports nothing: it has to be early. */
export function catchHangUps(): void {
  process.on('SIGHUP', () => {
    if (onEach === undefined) isWaiting = true;
    else onEach();
  });
}

/** Calls back for each SIGHUP, and for those that have waited once. */
export function onHangUp(listener: () => void): void {
  onEach = listener;
  if (isWaiting) listener();
}
