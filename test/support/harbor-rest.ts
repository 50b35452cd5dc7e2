import { randomUUID } from 'node:crypto';
import type { Answer, Call } from '../../src/demo/registry/call.ts';
import { type CallServer, startCallServer } from './call-server.ts';
import * as about from './harbor-rest-about.ts';
import * as answer from './harbor-rest-answer.ts';
import type { Exchange, HarborAbout, HarborAccount } from './harbor-rest-answer.ts';
import { HarborContent } from './harbor-rest-content.ts';
import { Refused, isOlder, refusal } from './harbor-rest-page.ts';
import * as webhook from './harbor-rest-webhook.ts';
import type { Ending } from './temporary.ts';

/** What the mirror's robot should be given for everything that is listed here. */
export const listingPermissions = [
  'artifact:list',
  'repository:list',
  'notification-policy:list',
  'notification-policy:read',
  'log:list',
];

/** For everything that a mirror and its webhooks are set up with, too. */
export const allPermissions = [
  ...listingPermissions,
  'repository:pull',
  'artifact:read',
  'tag:list',
  'accessory:list',
  'project:read',
  'notification-policy:create',
  'notification-policy:update',
  'notification-policy:delete',
];

/**
 * Harbor's REST API over content in memory: paging, keysets and as much of the query's grammar as is used, permissions,
 * releases. Checked against recorded answers in test/harbor/drift.test.ts. To have it beside `/v2` under one address:
 *
 *   const rest = new HarborRest();
 *   const registry = await EmbeddedRegistry.start({
 *     misbehave: rest.misbehave,
 *     onTag: (repository, tag, digest) => rest.content.push(repository, tag, digest),
 *   });
 */
export class HarborRest {
  version = 'v2.16.0-c50c7ddd';
  readonly accounts: HarborAccount[] = [];
  readonly content: HarborContent;
  readonly about: HarborAbout = {
    notificationEnable: true,
    readOnly: false,
    externalUrl: undefined,
    now: Date.now,
    ill: {},
  };
  /** Cookies that came back: none should. */
  readonly cookies: string[] = [];

  constructor(content: HarborContent = new HarborContent()) {
    this.content = content;
  }

  /** Answers the API's calls, and lets the others through. */
  readonly misbehave = async (call: Call, next: () => Promise<Answer>): Promise<Answer> =>
    call.path.startsWith('/api/') ? this.answer(call) : next();

  async answer(call: Call): Promise<Answer> {
    if (call.headers.cookie !== undefined) this.cookies.push(call.headers.cookie);
    const { status, headers, body } = await this.#answer(call);
    const sid = randomUUID().replaceAll('-', '');
    const session = { 'set-cookie': `sid=${sid}; Path=/; HttpOnly`, 'x-request-id': randomUUID() };
    return { status, headers: { ...headers, ...session }, ...(body && { body }) };
  }

  async #answer(call: Call): Promise<Answer> {
    const path = call.path.replace(/^\/api\/v2\.0/, '');
    for (const { method = 'GET', pattern, since, serve } of routes) {
      if (method !== call.method) continue;
      const [, project = '', rest = ''] = pattern.exec(path) ?? [];
      if (!pattern.test(path) || (since && isOlder(this.version, since))) continue;
      return this.#within(call, () =>
        serve({
          content: this.content,
          version: this.version,
          about: this.about,
          call,
          project,
          rest,
          account: this.#who(call),
        }),
      );
    }
    return refusal(404, 'NOT_FOUND', `path ${call.path} was not found`);
  }

  async #within(call: Call, serve: () => Answer | Promise<Answer>): Promise<Answer> {
    const size = Number(call.query.get('page_size') ?? 10);
    if (size > 100) {
      const why = 'validation failure list:\npage_size in query should be less than or equal to 100';
      return refusal(422, 'UNPROCESSABLE_ENTITY', why);
    }
    try {
      return await serve();
    } catch (error) {
      if (error instanceof Refused) return error.answer;
      throw error;
    }
  }

  /** A wrong password is nobody, and no error. */
  #who(call: Call): HarborAccount | undefined {
    const basic = /^Basic (.+)$/.exec(call.headers.authorization ?? '')?.[1] ?? '';
    const given = Buffer.from(basic, 'base64').toString();
    return this.accounts.find(({ name, password }) => given === `${name}:${password}`);
  }
}

export interface HarborStand {
  readonly rest: HarborRest;
  readonly server: CallServer;
}

/** The API alone, on a server of its own. */
export async function startHarborRest(t: Ending, rest = new HarborRest()): Promise<HarborStand> {
  return { rest, server: await startCallServer(t, (call) => rest.answer(call)) };
}

interface Route {
  method?: 'POST' | 'PUT' | 'DELETE';
  pattern: RegExp;
  since?: string;
  serve(exchange: Exchange): Answer | Promise<Answer>;
}

const project = '/projects/([^/]+)';
const policies = `${project}/webhook/policies`;
const policy = new RegExp(`^${policies}/(\\d+)$`);

const routes: readonly Route[] = [
  { pattern: /^\/ping$/, serve: about.ping },
  { pattern: /^\/health$/, serve: about.health },
  { pattern: /^\/systeminfo$/, serve: about.systemInfo },
  { pattern: /^\/users\/current$/, serve: about.currentUser },
  { pattern: /^\/projects$/, serve: answer.projects },
  { pattern: new RegExp(`^${project}$`), serve: about.project },
  { pattern: new RegExp(`^${project}/repositories$`), serve: answer.repositories },
  { pattern: new RegExp(`^${project}/artifacts$`), since: '2.11.1', serve: answer.projectArtifacts },
  { pattern: new RegExp(`^${project}/repositories/([^/]+)/artifacts$`), serve: answer.repositoryArtifacts },
  { pattern: new RegExp(`^${project}/webhook/events$`), serve: webhook.events },
  { pattern: new RegExp(`^${project}/webhook/lasttrigger$`), serve: webhook.lastTriggers },
  { pattern: new RegExp(`^${policies}$`), serve: webhook.policies },
  { method: 'POST', pattern: new RegExp(`^${policies}$`), serve: webhook.create },
  { pattern: policy, serve: webhook.policy },
  { method: 'PUT', pattern: policy, serve: webhook.replace },
  { method: 'DELETE', pattern: policy, serve: webhook.remove },
  { pattern: new RegExp(`^${policies}/(\\d+)/executions$`), since: '2.8.0', serve: webhook.executions },
  { pattern: new RegExp(`^${policies}/\\d+/executions/(\\d+)/tasks$`), since: '2.8.0', serve: webhook.tasks },
  {
    pattern: new RegExp(`^${policies}/\\d+/executions/(\\d+)/tasks/\\d+/log$`),
    since: '2.8.0',
    serve: webhook.taskLog,
  },
  { pattern: new RegExp(`^${project}/auditlog-exts$`), since: '2.13.0', serve: answer.auditLog },
];
