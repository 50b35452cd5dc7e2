import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { Client } from './client.ts';
import { startDockerRegistry } from './docker-registry.ts';
import type { Received } from './http.ts';

/*
 * The same tests for the embedded registry and for Debian's docker-registry (CNCF Distribution 2.8), so that
 * the one cannot drift from the other. Where Distribution differs from the specification the embedded one
 * follows Distribution, and the test says so; registry.test.ts has what only the embedded one does.
 */
export const registries: Record<string, (t: TestContext) => Promise<{ url: string }>> = {
  embedded: async (t) => {
    const registry = await EmbeddedRegistry.start();
    t.after(() => registry.close());
    return registry;
  },
  'docker-registry': startDockerRegistry,
};

export type Cases = Record<string, (client: Client) => Promise<void>>;

/** Runs the cases one after the other against each registry; they share what is in it. */
export function conform(cases: Cases): void {
  for (const [name, start] of Object.entries(registries))
    test(name, async (t) => {
      const { url } = await start(t);
      for (const [title, run] of Object.entries(cases)) await t.test(title, () => run(new Client(url)));
    });
}

function codeOf({ body }: Received): string {
  return JSON.parse(body.toString()).errors[0].code;
}

/** The status and the registry's own code. */
export function refused(answer: Received, status: number, code: string): void {
  assert.deepEqual([answer.status, codeOf(answer)], [status, code]);
}
