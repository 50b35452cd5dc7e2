import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import {
  brokenBody,
  endless,
  overlong,
  reset,
  shortBody,
  truncated,
  wrongBytes,
} from '../support/connection-fault.ts';
import {
  Faults,
  answer,
  foreignLocation,
  html,
  hugeBody,
  link,
  redirect,
  unavailable,
  wrongDigest,
} from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Mirror, announce, ends, serve, writeExample } from './mirror.ts';

/** Registries that lie: one task fails with a reason of the contract, and those beside it do not notice. */

const harborFaults = new Faults();
const acrFaults = new Faults();
const endings: (() => void | Promise<void>)[] = [];
const file: Ending = { after: (end) => void endings.push(end) };
let harbor: EmbeddedRegistry;
let acr: EmbeddedRegistry;
let mirror: Mirror;

before(async () => {
  harbor = await EmbeddedRegistry.start({ misbehave: harborFaults.misbehave });
  acr = await EmbeddedRegistry.start({ misbehave: acrFaults.misbehave });
  const edits = [
    ...ends(harbor, acr),
    ['# idleTimeout: 60s', 'idleTimeout: 1s #'],
    ['onStart: true', 'onStart: false'],
  ] as const;
  mirror = await serve(file, await writeExample(await temporaryFolder(file), edits));
});

after(async () => {
  await Promise.all([harbor.close(), acr.close()]);
  for (const end of endings.toReversed()) await end();
});

const image = ociImage('hostile');
const circle: Misbehaviour = (call, next) => redirect(call.path)(call, next);
const forever = new Promise<never>(() => undefined);

/** What happens to which requests of the bad repository, and the reason that its task then shows. */
const source: [what: string, request: string, fault: Misbehaviour, reason: string][] = [
  ['a page instead of a manifest', 'GET .*manifests', html(200), 'protocol'],
  ['a page instead of an error', '(HEAD|GET) .*manifests', html(502), 'unreachable'],
  ['a manifest without end', 'GET .*manifests', endless, 'protocol'],
  ['an error of 10 MiB', '(GET|HEAD) .*manifests', hugeBody(500), 'unreachable'],
  ['redirects in a circle', 'GET .*blobs', circle, 'protocol'],
  ['a blob of other bytes', 'GET .*blobs', wrongBytes, 'corrupt'],
  ['a blob that is too short', 'GET .*blobs', truncated(100), 'corrupt'],
  ['a blob that is too long', 'GET .*blobs', overlong(100), 'corrupt'],
  ['a blob that ends early', 'GET .*blobs', shortBody(100), 'unreachable'],
  ['a blob whose connection breaks', 'GET .*blobs', brokenBody(100), 'unreachable'],
  ['silence', 'GET .*blobs', () => forever, 'timeout'],
  ['no answer at all', '(HEAD|GET) .*manifests', reset, 'unreachable'],
  ['a digest in the header that is not the bytes’', '(HEAD|GET) .*manifests', wrongDigest, 'corrupt'],
];
const destination: typeof source = [
  ['an upload that leads nowhere', 'POST .*uploads', answer(202, {}), 'protocol'],
  [
    'an upload that leads to another host',
    'POST .*uploads',
    foreignLocation('http://127.0.0.1:1'),
    'unreachable',
  ],
  ['nothing but 503', 'POST .*uploads', unavailable(), 'unreachable'],
  ['a manifest that is taken and not kept', 'PUT .*manifests', answer(201), 'corrupt'],
];

let number = 0;

/** Pushes a bad and a good one and announces both; the good one is there while the bad one has failed. */
async function bring(side: 'source' | 'destination', request: string, fault: Misbehaviour, reason: string) {
  number++;
  const [name, tag] = [`bad${number}`, `v${number}`];
  // Each has blobs of its own, or they would be mounted.
  const badDigest = await push(harbor.url, `library/${name}`, tag, ociImage(name));
  const goodDigest = await push(harbor.url, 'library/good', tag, ociImage(`good ${tag}`));
  const at = side === 'source' ? `library/${name}` : `mirror/${name}`;
  const faults = side === 'source' ? harborFaults : acrFaults;
  const [method = '', rest = ''] = request.split(' ');
  faults.always(new RegExp(`^${method} /v2/${at}/${rest}`), fault);
  const [bad = 0] = await announce(mirror, `library/${name}`, tag, badDigest);
  const [good = 0] = await announce(mirror, 'library/good', tag, goodDigest);
  assert.equal((await mirror.finished(good)).outcome, 'copied');
  const failed = await eventually(`a failure of task ${bad}`, async () => {
    const task = await mirror.task(bad);
    return ['retryable', 'discarded', 'completed'].includes(task.state) && task;
  });
  assert.equal(failed.reason, reason, `${failed.state} ${failed.message}`);
  assert.equal(await digestOfTag(acr.url, `mirror/${name}`, tag), undefined);
}

for (const [what, request, fault, reason] of source)
  test(`source: ${what}: ${reason}`, () => bring('source', request, fault, reason));

for (const [what, request, fault, reason] of destination)
  test(`destination: ${what}: ${reason}`, () => bring('destination', request, fault, reason));

test('a sweep over all of them ends, and says what it could not compare', async () => {
  await push(harbor.url, 'library/endless', 'v1', image);
  harborFaults.always(/library\/endless\/tags\/list/, link('/v2/library/endless/tags/list?n=1000'));
  await push(harbor.url, 'library/late', 'v1', image);
  const { body } = await mirror.api('POST', '/sweeps', {});
  const { id } = JSON.parse(body.toString());
  const sweep = await eventually('the sweep', async () => {
    const swept = JSON.parse((await mirror.api('GET', `/sweeps/${id}`)).body.toString());
    return swept.state !== 'running' && swept;
  });
  assert.equal(sweep.state, 'completed', sweep.errors.join('\n'));
  assert.match(sweep.errors.join('\n'), /harbor\/library\/endless: .*its pages repeat/);
  await eventually('what no event announced', async () => {
    return (await digestOfTag(acr.url, 'mirror/late', 'v1')) === image.descriptor.digest;
  });
});

test('it is alive, ready, and has not been restarted', async () => {
  assert.equal((await fetch(`${mirror.url}/readyz`)).status, 200);
  assert.ok(!mirror.stderr.some((line) => !line.startsWith('{')), 'a stack trace');
  assert.ok(!mirror.log().some(({ message }) => String(message).includes('mistake in this program')));
});
