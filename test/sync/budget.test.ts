import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { HarborRest, listingPermissions } from '../support/harbor-rest.ts';
import { family, pushFamily } from '../support/family.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { begin, hostOf, startRegistry } from './embedded.ts';

/*
 * The budgets of 300 tags in 10 repositories between a Harbor and a registry with tokens: everything that either of them is
 * asked counts, tokens, lists and pings as well.
 */

const size = { repositories: 10, tags: 30, layers: { all: [3_000, 2_000], repository: 400, tag: 200 } };
const tags = size.repositories * size.tags;

test('300 tags: at most 2,650 requests when they are new, 330 unchanged, 40 with a state file', async (t) => {
  const rest = new HarborRest();
  const user = { name: 'robot$team+sync', password: 'robot-secret' };
  const grants = [{ repositories: /.*/, actions: ['pull', 'push'] as const }];
  const auth = { kind: 'bearer', users: [{ ...user, grants }] } as const;
  rest.accounts.push({ ...user, projects: { team: listingPermissions } });
  const [source, destination] = await Promise.all([
    startRegistry(t, {
      name: 'harbor-registry',
      auth,
      misbehave: rest.misbehave,
      onTag: (repository, tag, digest) => void rest.content.push(repository, tag, digest),
    }),
    startRegistry(t, { auth }),
  ]);
  const nameOf = (index: number): string => `team/application-${index}`;
  await pushFamily(source.url, family(size, nameOf), user);
  const names = Array.from({ length: size.repositories }, (_, index) => nameOf(index));
  const login = { username: user.name, password: user.password, insecure: true };
  const given = {
    auth: { [hostOf(source)]: login, [hostOf(destination)]: login },
    images: Object.fromEntries(
      names.map((name) => [`${hostOf(source)}/${name}`, `${hostOf(destination)}/${name}`]),
    ),
  };
  const state = join(await temporaryFolder(t), 'state.db');
  const asked = async (options: { state?: string }) => {
    for (const { requests } of [source, destination]) requests.length = 0;
    const { report } = await begin(t, given, { proc: 5, ...options });
    const { counts } = await report;
    const count = source.requests.length + destination.requests.length;
    t.diagnostic(`${JSON.stringify(options)}: ${count} requests`);
    return { count, ...counts };
  };
  const fresh = await asked({ state });
  assert.deepEqual([fresh.copied, fresh.count <= 2_650], [tags, true], `${fresh.count} requests`);
  const unchanged = await asked({});
  assert.deepEqual(
    [unchanged.unchanged, unchanged.count <= 330],
    [tags, true],
    `${unchanged.count} requests`,
  );
  const remembered = await asked({ state });
  assert.deepEqual(
    [remembered.unchanged, remembered.count <= 40],
    [tags, true],
    `${remembered.count} requests`,
  );
});
