import { RegistryError } from '../copy/error.ts';
import { printable } from '../printable.ts';
import * as answer from './answer.ts';
import type { Api } from './api.ts';
import { pathOf } from './path.ts';

/** What Harbor tells those whom it knows. */
export interface Facts {
  /** `undefined`: it does not know who asks, and tells nothing of what is below. */
  version: string | undefined;
  /** By which address it calls itself; empty: it does not say. */
  externalUrl: string;
  readOnly: boolean;
  /** Whether events are made at all. */
  notifications: boolean;
  /** By its clock; 0: it does not say. */
  now: number;
}

export interface Component {
  name: string;
  /** `healthy`, or not. */
  status: string;
  error: string;
}

/** What a sweep lists by, and what tells why a change came late. Others are asked for by what needs them. */
const lists = {
  'artifact:list': '/artifacts?page_size=1',
  'repository:list': '/repositories?page_size=1',
  'log:list': '/auditlog-exts?page_size=1',
} as const;

export type ListPermission = keyof typeof lists;

/** What a Harbor says of itself, and of the account that asks. Every method throws `RegistryError`. */
export class Condition {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** As it comes: `Pong`, a redirect's `Location`, or what else stands there. */
  async ping(signal?: AbortSignal): Promise<{ status: number; location: string | undefined; text: string }> {
    const anything = Array.from({ length: 300 }, (_, index) => 200 + index);
    const { status, headers, text } = await this.#api.look('/ping', anything, signal);
    return { status, location: headers.get('location') ?? undefined, text };
  }

  async facts(signal?: AbortSignal): Promise<Facts> {
    const { value } = await this.#api.get('/systeminfo', {}, answer.systemInfo, signal);
    return {
      version: value.harbor_version ? printable(value.harbor_version, 80) : undefined,
      externalUrl: value.external_url,
      readOnly: value.read_only,
      notifications: value.notification_enable,
      now: value.current_time,
    };
  }

  async components(signal?: AbortSignal): Promise<readonly Component[]> {
    const { value } = await this.#api.get('/health', {}, answer.health, signal);
    return value.components.map(({ name, status, error }) => ({
      name: printable(name, 80),
      status,
      error: printable(error, 300),
    }));
  }

  /** A robot is known, and no user, which is what 412 says. */
  async account(signal?: AbortSignal): Promise<'user' | 'robot' | 'nobody'> {
    const status = await this.#statusOf('/users/current', [200, 412], signal);
    if (status === 200) return 'user';
    return status === 412 ? 'robot' : 'nobody';
  }

  /** Which of the permissions to list the account lacks in a project. A release without such a list asks for none. */
  async lacks(project: string, signal?: AbortSignal): Promise<ListPermission[]> {
    const asked = permissions.map(async (permission) => {
      const path = pathOf(project) + lists[permission];
      const status = await this.#statusOf(path, [200, 403, 404], signal);
      return status === 401 || status === 403 ? [permission] : [];
    });
    return (await Promise.all(asked)).flat();
  }

  /** 401 is an answer, too, which the registry's client takes for a failure in any case. */
  async #statusOf(path: string, expect: readonly number[], signal: AbortSignal | undefined): Promise<number> {
    try {
      return (await this.#api.look(path, expect, signal)).status;
    } catch (error) {
      if (error instanceof RegistryError && error.status === 401) return 401;
      throw error;
    }
  }
}

const permissions = ['artifact:list', 'repository:list', 'log:list'] as const;
