import assert from 'node:assert/strict';
import { type Fault, RegistryError } from '../../src/copy/error.ts';

/** Waits for the failure, which must be one of the contract's, and gives it. */
export async function failure(work: Promise<unknown>, fault: Fault): Promise<RegistryError> {
  const error: unknown = await work.then(
    () => assert.fail(`expected the fault ${fault}, got an answer`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RegistryError)) throw error;
  assert.equal(error.fault, fault, error.message);
  return error;
}
