import assert from 'node:assert/strict';
import type { RegistryConfig } from '../../src/config.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { Ruleset } from '../../src/rule/match.ts';
import type { State } from '../../src/state/state.ts';
import { Dispatcher } from '../../src/task/dispatcher.ts';
import { Enqueue } from '../../src/task/enqueue.ts';
import type { Task } from '../../src/task/task.ts';
import { work } from '../../src/task/worker.ts';
import { LeapingClock } from '../registry/clock.ts';
import { robot } from '../registry/stand.ts';
import { pushed, taskOf, temporaryState } from '../state/open.ts';
import { type Image, layer, blobOf, ociImageOf } from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { rule } from '../task/sweep-stand.ts';
import type { Ending } from '../support/temporary.ts';
import { type End, type Ends, credential } from './end.ts';

/** Milliseconds, for real: no row that is not about silence meets it, however busy the machine is. */
export const patient = 30_000;

export const slots = 4;
const policy = { attempts: 3, first: 1_000, max: 600_000 };

/** The corridor from the door to the destination, over a real database, and a tag that is to go through it. */
export interface Stand {
  readonly clock: LeapingClock;
  readonly state: State;
  /** Of the database. */
  readonly file: string;
  readonly source: End;
  readonly destination: End;
  readonly registries: ConfiguredRegistries;
  /** Without `library/` and `mirror/`: no other row's. */
  readonly name: string;
  readonly image: Image;
  /** The one blob that has to be moved. */
  readonly blob: Image['descriptor'];
  /** Takes the event of the push in; gives the task once its attempt is over. */
  announce(): Promise<Task>;
  /** Lets time pass until the task is tried again; a discarded one is asked for. Gives it as it is then. */
  again(task: Task): Promise<Task>;
  close(): Promise<void>;
  /** What has to be ended with the test besides. */
  readonly ends: (() => void | Promise<void>)[];
}

export interface Other {
  source?: Partial<RegistryConfig>;
  destination?: Partial<RegistryConfig>;
}

let count = 0;

/** Pushes an image to the source. Its config is at the destination already, so that one blob is left to be moved. */
export async function startStand(
  t: Ending,
  ends: Ends,
  { size = 200_000, other = {} }: { size?: number; other?: Other } = {},
): Promise<Stand> {
  let close = async (): Promise<void> => undefined;
  // Ends come in the order in which they are registered: the registries' and the database's after this one.
  t.after(() => close());
  const further: Stand['ends'] = [];
  t.after(async () => {
    for (const end of further) await end();
  });
  const clock = new LeapingClock();
  const [source, destination] = [
    await ends.start(t, 'source', clock),
    await ends.start(t, 'destination', clock),
  ];
  const name = `fault-${process.pid}-${count++}`;
  const blob = layer(name, size);
  const config = blobOf(JSON.stringify({ author: name }), 'application/vnd.oci.image.config.v1+json');
  const image = ociImageOf(config, [blob]);
  await push(source.direct, `library/${name}`, 'v1', image, credential);
  await push(destination.direct, `mirror/${name}`, undefined, ociImageOf(config, [config]), credential);
  const { state, file } = await temporaryState(t, { maxPages: 200 });
  const corridor = open({ clock, state, source, destination, name }, other);
  ({ close } = corridor);
  return {
    clock,
    state,
    file,
    source,
    destination,
    name,
    image,
    blob: blob.descriptor,
    ends: further,
    ...corridor,
  };
}

type Parts = Pick<Stand, 'clock' | 'state' | 'source' | 'destination' | 'name'>;

/** `other`: what of the configuration is not as it should be. */
export function open(
  { clock, state, source, destination, name }: Parts,
  other: Other = {},
): Pick<Stand, 'registries' | 'announce' | 'again' | 'close'> {
  const configs: RegistryConfig[] = [
    { ...common, name: 'harbor', url: source.url, ...other.source },
    { ...common, name: 'acr', url: destination.url, ...other.destination },
  ];
  const registries = new ConfiguredRegistries({ configs, clock });
  const rules = new Ruleset([rule({ repository: 'mirror/{flat}' })]);
  let settled = Promise.withResolvers<Task>();
  const dispatcher = new Dispatcher({
    store: state.dispatch,
    work: (task, signal) =>
      work(task, { ends: (of) => registries.ends(of), wanted: () => true, policy, clock }, signal),
    clock,
    concurrency: 2,
    destinations: 1,
    longestWait: 7_200_000,
    listener: (event) => {
      if (event.kind === 'settled') settled.resolve(event.task);
      if (event.kind === 'faulted' || event.kind === 'storage-failed') settled.reject(event.error);
    },
  });
  const enqueue = new Enqueue({
    store: state.enqueue,
    rules: () => rules,
    clock,
    onEntered: () => dispatcher.wake(),
  });
  const close = async () => {
    await dispatcher.stop(0);
    await registries.close();
  };
  const announce = async () => {
    const event = pushed('v1', { repository: `library/${name}`, occurredAt: clock.now() });
    settled = Promise.withResolvers();
    await enqueue.receive(event);
    return settled.promise;
  };
  const again = async ({ id }: Task) => {
    settled = Promise.withResolvers();
    const task = taskOf(state, id);
    if (task.state === 'discarded') {
      state.tasks.retry(id, clock.now());
    } else clock.advance(Math.max(0, task.runAt - clock.now()));
    // One that was not running then has set no timer.
    dispatcher.wake();
    return settled.promise;
  };
  return { registries, announce, again, close };
}

const common = {
  type: 'oci',
  credential: robot,
  tokenHosts: [],
  insecureSkipVerify: false,
  concurrency: slots,
  requestsPerSecond: 0,
  bandwidth: 0,
  connectTimeout: 5_000,
  idleTimeout: patient,
} as const;

/** What the preparation asked of the registries does not count. */
export function forget({ source, destination }: Pick<Stand, 'source' | 'destination'>): void {
  for (const { requests } of [source, destination]) requests.length = 0;
}

/** Every manifest and blob below the tag. */
export async function assertEqual({
  source,
  destination,
  name,
}: Pick<Stand, 'source' | 'destination' | 'name'>): Promise<void> {
  assert.deepEqual(
    await contentsOf(destination.direct, `mirror/${name}`, 'v1', credential),
    await contentsOf(source.direct, `library/${name}`, 'v1', credential),
  );
}
