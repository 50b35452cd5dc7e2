import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Clock } from '../clock.ts';
import { readPassword } from '../config.ts';
import type { RegistryConfig } from '../config.ts';
import { BlobTraffic } from '../copy/blob.ts';
import { Registry } from '../registry/registry.ts';
import type { Repository } from '../registry/repository.ts';
import type { Registries } from '../task/registries.ts';
import type { Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';

/** Called after every answer of a registry; status 0 when there was none. */
export type OnRequest = (registry: string, method: string, status: number) => void;

/** The configured registries by name, each with its one client. */
export class ConfiguredRegistries implements Registries {
  readonly #registries: ReadonlyMap<string, { client: Registry; traffic: BlobTraffic }>;

  constructor(configs: readonly RegistryConfig[], clock: Clock, onRequest: OnRequest) {
    this.#registries = new Map(
      configs.map((config) => {
        const client = new Registry({
          ...optionsOf(config),
          clock,
          onRequest: onRequest.bind(null, config.name),
        });
        return [config.name, { client, traffic: new BlobTraffic() }];
      }),
    );
  }

  source(registry: string, repository: string): Repository {
    return this.#get(registry).client.repository(repository, 'pull');
  }

  destination(registry: string, repository: string): Repository {
    return this.#get(registry).client.repository(repository, 'push');
  }

  repositories(registry: string, signal?: AbortSignal): AsyncIterable<string> {
    return this.#get(registry).client.repositories(signal);
  }

  ends(task: Task): Ends {
    return {
      source: this.source(task.source, task.sourceRepository),
      destination: this.destination(task.destination, task.destinationRepository),
      traffic: this.#get(task.destination).traffic,
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#registries.values()].map(({ client }) => client.close()));
  }

  #get(name: string): { client: Registry; traffic: BlobTraffic } {
    const registry = this.#registries.get(name);
    if (registry !== undefined) return registry;
    throw new Error(`registry ${name} is not in the configuration any more; cancel the task, or put it back`);
  }
}

function optionsOf(
  config: RegistryConfig,
): Omit<ConstructorParameters<typeof Registry>[0], 'clock' | 'onRequest'> {
  const { name, credential, caFile, concurrency, requestsPerSecond, bandwidth } = config;
  return {
    name,
    url: new URL(config.url),
    credential: () => Promise.resolve(credential && passwordOf(credential)),
    tokenHosts: config.tokenHosts,
    aliyun: config.type === 'acr-ee',
    ca: caFile === undefined ? undefined : [...rootCertificates, readFileSync(caFile, 'utf8')],
    insecureSkipVerify: config.insecureSkipVerify,
    connectTimeout: config.connectTimeout,
    idleTimeout: config.idleTimeout,
    limits: { concurrency, requestsPerSecond, bandwidth },
  };
}

/** A password in a file is read for each token, so that a new one is used as soon as it is there. */
function passwordOf(credential: NonNullable<RegistryConfig['credential']>): {
  username: string;
  password: string;
} {
  const { username } = credential;
  return {
    username,
    password: 'password' in credential ? credential.password : readPassword(credential.passwordFile),
  };
}
