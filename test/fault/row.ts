import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Reason, Side } from '../../src/copy/error.ts';
import type { Misbehaviour, RequestRecord } from '../../src/demo/registry/call.ts';
import type { Task } from '../../src/task/task.ts';
import { digestOfTag } from '../support/push.ts';
import { type End, type Ends, type Kind, credential } from './end.ts';
import { assertEqual, type Stand, forget, patient, slots as most, startStand } from './stand.ts';

export interface Failure {
  reason: Reason;
  /** What was asked and what came, in the message; the end's own address is in it anyway, unless it is elsewhere. */
  says: RegExp;
  elsewhere?: boolean;
  /** The end that the message names, unless it is the one with the fault. */
  at?: Side;
}

/** One line of the suite: a fault, where it is met, and what must come of it. */
export interface Row {
  name: string;
  side: Side;
  /** Which requests meet it, as `METHOD /path?query`. */
  where: RegExp;
  fault: (stand: Stand) => Misbehaviour | Promise<Misbehaviour>;
  /** How many requests meet it: one unless told. */
  times?: number;
  /** Nothing: the tag arrives all the same, at the first attempt. Else the one reason, and what its message says. */
  fails?: Failure;
  /** Bytes that the fault itself adds to each answer. */
  extra?: number;
  /** Of the blob, in bytes. */
  size?: number;
  /** Milliseconds of silence after which an end is given up, for real. */
  idleTimeout?: number;
}

export const always = Number.POSITIVE_INFINITY;

/** One test for each row. Several run at once, of those that wait for silence many. */
export function runRows(kind: Kind, ends: () => Ends, rows: readonly Row[]): void {
  const silent = rows.filter(({ idleTimeout }) => idleTimeout !== undefined);
  runSuite(`${kind}, silence`, ends, silent, 12);
  runSuite(
    kind,
    ends,
    rows.filter((row) => !silent.includes(row)),
    4,
  );
}

function runSuite(name: string, ends: () => Ends, rows: readonly Row[], concurrency: number): void {
  suite(name, { concurrency }, () => {
    for (const row of rows)
      test(`${row.side}: ${row.name}`, { timeout: 60_000 }, async (t) => {
        const { size, idleTimeout = patient } = row;
        const other = { source: { idleTimeout }, destination: { idleTimeout } };
        await runRow(await startStand(t, ends(), { other, ...(size !== undefined && { size }) }), row);
      });
  });
}

/** Once, and it is as if nothing had been; as long as it lasts, and there is one reason. */
export function onceAndAlways(row: Omit<Row, 'times'> & { fails: Failure }): Row[] {
  const { fails, name, ...rest } = row;
  return [
    { ...rest, name: `${name}, once` },
    { ...rest, name: `${name}, always`, times: always, fails },
  ];
}

async function runRow(stand: Stand, row: Row): Promise<void> {
  const { destination } = stand;
  const { faults } = stand[row.side];
  const fault = await row.fault(stand);
  const before = await tagOf(destination, stand.name);
  forget(stand);
  faults.times(row.times ?? 1, row.where, fault);
  const first = await stand.announce();
  assert.equal(faults.pending, 0, 'the fault was met');
  assertBytes(stand, 2, row.extra);
  faults.clear();
  if (row.fails === undefined) assertArrived(first);
  else {
    assertFailed(stand, first, row, row.fails);
    // Until it is right, the tag is what it was before.
    const now = await tagOf(destination, stand.name);
    assert.ok(now === before || now === stand.image.descriptor.digest, now);
    forget(stand);
    assertArrived(await stand.again(first), ['copied', 'unchanged']);
    assertBytes(stand, 1, row.extra);
  }
  await assertEqual(stand);
  for (const side of ['source', 'destination'] as const) await assertFree(stand, first, side);
}

/** The second time a manifest may be there whose answer was lost. */
function assertArrived({ state, outcome, message }: Task, outcomes: Task['outcome'][] = ['copied']): void {
  assert.equal(state, 'completed', message);
  assert.ok(outcomes.includes(outcome), outcome);
}

/** The one reason, which end it was, and what was asked there. */
function assertFailed(stand: Stand, task: Task, { side }: Row, fails: Failure): void {
  const { reason, says, elsewhere = reason === 'rate-limited', at = side } = fails;
  assert.equal(task.reason, reason, task.message);
  assert.match(task.message ?? '', new RegExp(` at the ${at}: `));
  assert.match(task.message ?? '', says);
  // The registry that asked for silence may be named by its name.
  if (!elsewhere) assert.ok(task.message?.includes(stand[side].url), task.message);
}

function tagOf({ direct }: End, name: string): ReturnType<typeof digestOfTag> {
  return digestOfTag(direct, `mirror/${name}`, 'v1', credential);
}

/** The stated bound: in one attempt no byte of a blob is read or sent more than twice; nor a session begun. */
function assertBytes({ source, destination, blob }: Stand, times: number, extra = 0): void {
  const read = source.requests.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'));
  const sent = destination.requests.filter(({ path }) => path.includes('/blobs/uploads/'));
  const bytes = (requests: RequestRecord[], way: 'bytesIn' | 'bytesOut') =>
    requests.reduce((sum, request) => sum + request[way], 0);
  const begun = sent.filter(({ method, status }) => method === 'POST' && status === 202);
  const [readBytes, sentBytes] = [bytes(read, 'bytesOut'), bytes(sent, 'bytesIn')];
  assert.ok(readBytes <= times * (blob.size + extra), `${readBytes} bytes read of ${blob.size}`);
  assert.ok(sentBytes <= times * blob.size, `${sentBytes} bytes sent of ${blob.size}`);
  assert.ok(begun.length <= times, `${begun.length} sessions begun`);
}

/** Every slot is free again: as many requests as may be in flight now meet at the registry. */
async function assertFree({ registries, ...stand }: Stand, task: Task, side: Side): Promise<void> {
  const name = side === 'source' ? 'harbor' : 'acr';
  const slots = new Map(registries.widths()).get(name) ?? 0;
  assert.ok(slots > 0 && slots <= most);
  const met = Promise.withResolvers<void>();
  let arrived = 0;
  stand[side].faults.times(slots, /\/free\/manifests\/v1$/, async (_call, next) => {
    if (++arrived === slots) met.resolve();
    await met.promise;
    return next();
  });
  const free = registries.ends({ ...task, sourceRepository: 'free', destinationRepository: 'free' })[side];
  const asked = Array.from({ length: slots }, () => free.resolve('v1'));
  assert.deepEqual(await Promise.all(asked), Array(slots).fill(undefined));
}
