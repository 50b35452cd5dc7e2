import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { certificate, selfSigned } from '../support/certificate.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { startSide } from './harbor-stand.ts';
import { type Edit, announce, ends, serve, writeExample } from './mirror.ts';
import { editFile } from './reload.ts';

/*
 * Files that the configuration names, changed without any reload.
 */

const quickly: Edit[] = [
  ['first: 2s', 'first: 50ms'],
  ['max: 10m', 'max: 200ms'],
  ['attempts: 12', 'attempts: 1000'],
  ['onStart: true', 'onStart: false'],
];

test('passwordFile: a token that is refused is asked for again with the new password', async (t) => {
  const folder = await temporaryFolder(t);
  const [file, name] = [join(folder, 'password'), 'pusher@1000000000000001'];
  const user = {
    name,
    password: 'the-old-one',
    grants: [{ repositories: /.*/, actions: ['pull', 'push'] as const }],
  };
  await writeFile(file, `${user.password}\n`);
  const harbor = await startSide(t);
  const acr = await startSide(t, { auth: { kind: 'bearer', users: [user] } });
  const named: Edit = ['password: ${ACR_PASSWORD}', `passwordFile: ${file}`];
  const mirror = await serve(t, await writeExample(folder, [...ends(harbor, acr), ...quickly, named]));
  const pushed = async (repository: string): Promise<number> => {
    const digest = await push(harbor.url, repository, 'v1', ociImage(repository));
    return (await announce(mirror, repository, 'v1', digest))[0] ?? 0;
  };
  assert.equal((await mirror.finished(await pushed('library/first'))).outcome, 'copied');

  user.password = 'the-new-one';
  const id = await pushed('library/second');
  const refused = await eventually('a refusal', async () => {
    const task = await mirror.task(id);
    return task.reason !== undefined && task;
  });
  assert.equal(refused.reason, 'destination-denied');
  await writeFile(file, user.password);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.equal((await mirror.finished(await pushed('library/third'))).outcome, 'copied');

  // It is among what the log keeps out, though the configuration was never read again.
  await mirror.post('{}', { 'Content-Type': user.password });
  await eventually('its line', () => mirror.stderr.at(-1)?.includes('Expected Content-Type') === true);
  assert.ok(!mirror.stderr.join('\n').includes(user.password));
});

test('caFile: new authorities count without a restart, and a file that is none keeps those before', async (t) => {
  const folder = await temporaryFolder(t);
  const caFile = join(folder, 'ca.pem');
  const { ca, ...tls } = await certificate();
  await writeFile(caFile, (await selfSigned()).cert);
  const [harbor, acr] = [await startSide(t), await startSide(t, { tls })];
  const named: Edit = ['password: ${ACR_PASSWORD}', `password: \${ACR_PASSWORD}\n    caFile: ${caFile}`];
  const mirror = await serve(t, await writeExample(folder, [...ends(harbor, acr), ...quickly, named]));
  const pushed = async (repository: string): Promise<[id: number, digest: string]> => {
    const digest = await push(harbor.url, repository, 'v1', ociImage(repository));
    return [(await announce(mirror, repository, 'v1', digest))[0] ?? 0, digest];
  };
  const [id, digest] = await pushed('library/first');
  await eventually('a failure', async () => (await mirror.task(id)).reason === 'tls');

  await writeFile(caFile, 'no certificate');
  const warnings = () => mirror.log().filter(({ message }) => String(message).startsWith('caFile '));
  await eventually('a warning', () => warnings().length > 0);
  await rm(caFile);
  // As Kubernetes does it: a whole new file takes the old one's place.
  await writeFile(`${caFile}.new`, ca);
  await rename(`${caFile}.new`, caFile);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.equal(await digestOfTag(acr.url, 'mirror/first', 'v1'), digest);
  assert.deepEqual(
    warnings().map(({ level, registry, caFile: file }) => [level, registry, file]),
    [['warn', 'acr', caFile]],
  );
});

test('server.tls: a new pair is shown after a reload; one that does not fit is a mistake', async (t) => {
  const folder = await temporaryFolder(t);
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const [first, second] = [await certificate(), await selfSigned()];
  const write = ({ cert, key }: { cert: string; key: string }) =>
    Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  await write(first);
  const [harbor, acr] = [await startSide(t), await startSide(t)];
  const tls: Edit = [
    'shutdownGrace: 25s',
    `tls: { certFile: ${certFile}, keyFile: ${keyFile} }\n  shutdownGrace: 25s`,
  ];
  const file = await writeExample(folder, [...ends(harbor, acr), ...quickly, tls]);
  const mirror = await serve(t, file);
  assert.equal((await mirror.api('GET', '/rules')).status, 200);

  await write({ ...first, key: second.key });
  const { status, body } = await mirror.api('POST', '/reload');
  assert.equal(status, 422);
  assert.deepEqual(
    JSON.parse(body.toString()).mistakes.map(({ path }: { path: string }) => path),
    ['server.tls.keyFile'],
  );
  assert.equal(await shownBy(mirror.url), first.cert);
  await write(second);
  assert.equal((await mirror.api('POST', '/reload')).status, 200);
  assert.equal(await shownBy(mirror.url), second.cert);

  // Without it the server would have to speak HTTP: that takes a restart, and until then no file is needed.
  await editFile(file, [[`tls: { certFile: ${certFile}, keyFile: ${keyFile} }`, '# no TLS']]);
  await Promise.all([rm(certFile), rm(keyFile)]);
  const without = await mirror.api('POST', '/reload');
  assert.equal(without.status, 200, without.body.toString());
  const { settings } = JSON.parse(without.body.toString());
  assert.deepEqual(settings, [{ path: 'server.tls', change: 'removed', restart: true }]);
  assert.equal(await shownBy(mirror.url), second.cert);
});

/** The certificate, PEM. */
async function shownBy(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()?.toString() ?? '';
  socket.destroy();
  return shown;
}
