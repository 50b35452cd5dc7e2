import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from '../integration/process.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { pusher } from '../support/acr-tokens.ts';
import { temporaryFolder } from '../support/temporary.ts';

const env = { ACR_PASSWORD: pusher.password };

/** A configuration for an ACR as both ends: what is read there may be written there. */
async function startStand(t: TestContext): Promise<{ acr: AcrStandIn; file: string }> {
  const acr = await startAcr(t);
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const registry = { url: acr.url, username: pusher.name, password: '${ACR_PASSWORD}', tokenHosts };
  const file = join(await temporaryFolder(t), 'tagferry.yaml');
  const config = {
    registries: { from: registry, acr: { type: 'acr-ee', ...registry } },
    rules: [{ name: 'all', source: 'from', repositories: ['mirror/app'], destination: 'acr' }],
    webhook: { allowUnauthenticated: true },
  };
  await writeFile(file, JSON.stringify(config));
  return { acr, file };
}

test('a sound set-up: a line for each check, and exit 0', async (t) => {
  const { file } = await startStand(t);
  const { code, stdout, stderr } = await run(t, ['doctor', '--config', file], { env });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^from\n {2}ok +reachable +GET http:\S+\/v2\/ answered 401$/m);
  assert.match(stdout, /^acr\n/m);
  assert.match(stdout, /^ {2}ok +8 credential +user pusher@1000000000000001 is known to the registry$/m);
  assert.match(stdout, /\n\d+ ok, \d+ warn, \d+ skipped, 0 error, in \d+\.\d s$/);
  assert.ok(!stdout.includes(pusher.password));
});

test('something wrong: what it means and what to do stand below it, the last line counts it, exit 1', async (t) => {
  const { acr, file } = await startStand(t);
  acr.edge.whitelist = 'reset';
  const { code, stdout } = await run(t, ['doctor', '--config', file], { env });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^ {2}error +6 whitelist +no-connection: GET [^\n]+\n {11}means: [^\n]+\n {11}next: {2}curl [^\n]+\n/m,
  );
  assert.match(stdout, / 2 error, in \d+\.\d s$/);
});

interface Row {
  subject: string;
  check: string;
  number?: number;
  status: string;
  code: string;
}

test('--json: one document, with stable ids', async (t) => {
  const { file } = await startStand(t);
  const { code, stdout } = await run(t, ['doctor', '--config', file, '--json'], { env });
  const { startedAt, seconds, counts, checks, ...more } = JSON.parse(stdout);
  assert.deepEqual([code, typeof seconds, Object.keys(more)], [0, 'number', []]);
  assert.match(startedAt, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(Object.keys(counts), ['ok', 'warn', 'error', 'skipped']);
  const credential = checks.find(({ subject, check }: Row) => subject === 'acr' && check === 'credential');
  const { saw, ...rest } = credential;
  assert.equal(typeof saw, 'string');
  assert.deepEqual(rest, { subject: 'acr', check: 'credential', number: 8, status: 'ok', code: 'ok' });
  const places = checks.map(({ subject, check, number }: Row) => [subject, check, number].join(' ').trim());
  assert.deepEqual(places, [
    ...['reachable', 'hosts 7', 'credential 8', 'clock 9'].map((place) => `from ${place}`),
    'acr edition 1',
    'acr instance 2',
    'acr region 3',
    'acr endpoint 4',
    'acr public-access 5',
    'acr whitelist 6',
    'acr hosts 7',
    'acr credential 8',
    'acr clock 9',
    'acr namespace 10',
    'acr auto-create 11',
    'acr push-permission 12',
    'acr quota 13',
    'acr immutability 14',
    'configuration names 15',
    'configuration artifacts 16',
    'configuration limits 19',
  ]);
});

test('--json: what is wrong has what it means and what to do, what depends on it the check to see', async (t) => {
  const { acr, file } = await startStand(t);
  acr.edge.whitelist = 'reset';
  const { stdout } = await run(t, ['doctor', '--config', file, '--json'], { env });
  const checks: Row[] = JSON.parse(stdout).checks;
  const [whitelist, credential] = ['whitelist', 'credential'].map((id) =>
    checks.find(({ subject, check }) => subject === 'acr' && check === id),
  );
  const keys = ['check', 'number', 'subject', 'status', 'code', 'saw'];
  assert.deepEqual(Object.keys(whitelist ?? {}), [...keys, 'means', 'next']);
  assert.deepEqual(Object.keys(credential ?? {}), [...keys, 'see']);
  assert.partialDeepStrictEqual(credential, { status: 'skipped', code: 'depends', see: 'whitelist' });
});

test('a host that hangs ends nothing but what needs it', async (t) => {
  const { acr, file } = await startStand(t);
  acr.edge.whitelist = 'hang';
  const { code, stdout } = await run(t, ['doctor', '--config', file, '--json'], { env });
  const { counts } = JSON.parse(stdout);
  assert.deepEqual([code, counts.error], [1, 2]);
});

test('a wrong configuration is told as by every command, with exit 2', async (t) => {
  const { file } = await startStand(t);
  const { code, stderr } = await run(t, ['doctor', '--config', file]);
  assert.equal(code, 2);
  assert.match(stderr, /ACR_PASSWORD/);
});
