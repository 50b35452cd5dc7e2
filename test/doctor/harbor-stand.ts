import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/clock.ts';
import { type Answer, empty } from '../../src/demo/registry/call.ts';
import { type CallServer, type Tls, startCallServer } from '../support/call-server.ts';
import { certificate } from '../support/certificate.ts';
import { forward } from '../support/forward.ts';
import { HarborRest, allPermissions } from '../support/harbor-rest.ts';
import type { HarborAccount } from '../support/harbor-rest-answer.ts';
import type { StandPolicy } from '../support/harbor-rest-content.ts';
import { type HarborUser, harborTokens } from '../support/harbor-tokens.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { startTokenServer } from '../support/token-server.ts';
import { diagnose, told, wordsOf } from './stand.ts';

/**
 * A Harbor with HTTPS, its token service and its API under one address, in which all is well: a robot with every permission,
 * a project `team` that tells a mirror of its pushes, and the mirror. Tests break one thing of it.
 */
export interface HarborBed {
  rest: HarborRest;
  server: CallServer;
  robot: HarborAccount;
  policy: StandPolicy;
  /** What the mirror answers to a GET at its webhook. */
  mirror: CallServer & { answer: Answer; /** Every secret. */ refuses: boolean };
  /** Of `registries.harbor` and `webhook`, to be changed. */
  registry: Record<string, unknown>;
  webhook: Record<string, unknown>;
  repositories: string[];
  env: Record<string, string>;
  clock: Clock;
  /** What is told of the Harbor. */
  diagnose(): Promise<{ told: string[]; words(check: string): string }>;
}

export async function startHarborBed(t: Ending, tls?: Tls): Promise<HarborBed> {
  const rest = new HarborRest();
  const { ca, ...trusted } = await certificate();
  const caFile = join(await temporaryFolder(t), 'harbor-ca.pem');
  await writeFile(caFile, ca);
  const server = await startHarbor(t, rest, tls ?? trusted);
  const robot = { name: 'robot$mirror', password: 'robot-hush', projects: { team: allPermissions } };
  rest.accounts.push(robot);
  rest.content.project('team');
  const mirror = await startMirror(t);
  const secret = 'Bearer of-the-webhook';
  const target = { address: `${mirror.url}/webhooks/harbor`, auth_header: secret };
  const policy = rest.content.policy('team', 'tagferry', target);
  policy.events = ['PUSH_ARTIFACT', 'DELETE_ARTIFACT', 'SCANNING_COMPLETED'];
  const { name: username, password } = robot;
  const bed: HarborBed = {
    rest,
    server,
    robot,
    policy,
    mirror,
    registry: { type: 'harbor', url: server.url, username, password, caFile },
    webhook: { secrets: [secret], url: mirror.url },
    repositories: ['team/**'],
    env: {},
    clock: systemClock,
    diagnose: () => diagnosed(t, bed),
  };
  return bed;
}

async function startHarbor(t: Ending, rest: HarborRest, tls: Tls): Promise<CallServer> {
  const users: HarborUser[] = [];
  const tokens = await startTokenServer(t, harborTokens(users));
  const server = await startCallServer(
    t,
    (call) => {
      if (call.path.startsWith('/api/')) return rest.answer(call);
      users.splice(0, Infinity, ...rest.accounts.map(pulling));
      if (call.path.startsWith('/service/')) return forward(tokens.url, call);
      const challenge = `Bearer realm="${call.origin}/service/token",service="harbor-registry"`;
      return empty(401, { 'www-authenticate': challenge });
    },
    tls,
  );
  return server;
}

/** As its token service sees an account. */
function pulling({ name, password, projects }: HarborAccount): HarborUser {
  const actions = Object.entries(projects).map(([project, permissions]) => [
    project,
    permissions.includes('repository:pull') ? ['pull'] : [],
  ]);
  return { name, password, projects: Object.fromEntries(actions) };
}

async function startMirror(t: Ending): Promise<HarborBed['mirror']> {
  const state = { answer: empty(405, { allow: 'POST' }), refuses: false };
  const server = await startCallServer(t, ({ method }) => {
    if (method !== 'POST') return state.answer;
    return empty(state.refuses ? 401 : 415);
  });
  return Object.assign(state, server);
}

async function diagnosed(t: Ending, bed: HarborBed): ReturnType<HarborBed['diagnose']> {
  const { registry, webhook, repositories, env, clock } = bed;
  const report = await diagnose(t, {
    registries: { harbor: registry, acr: { type: 'acr-ee', url: 'http://127.0.0.1:1' } },
    rules: [{ name: 'all', source: 'harbor', repositories, destination: 'acr' }],
    more: { webhook },
    clock,
    env,
  });
  const its = { ...report, checks: report.checks.filter(({ subject }) => subject === 'harbor') };
  const lines = told(its).map((line) => line.replace(/^harbor /, ''));
  return { told: lines, words: (check) => wordsOf(its, check) };
}
