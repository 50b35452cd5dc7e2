import { systemClock } from '../clock.ts';
import type { Network } from '../aliyun/endpoint.ts';
import type { Clock } from '../clock.ts';
import type { Config, RegistryConfig } from '../config.ts';
import { Namespaces } from '../aliyun/namespaces.ts';
import { Overview } from '../aliyun/overview.ts';
import { acrChecks } from '../doctor/acr/checks.ts';
import { acrEvidence, openApiEvidence } from '../doctor/acr/evidence.ts';
import type { AcrEvidence, OpenApiEvidence } from '../doctor/acr/evidence.ts';
import { writeProbe } from '../doctor/acr/write-probe.ts';
import { examine } from '../doctor/check.ts';
import { doctor } from '../doctor/doctor.ts';
import type { Examination, Report } from '../doctor/doctor.ts';
import { harborChecks } from '../doctor/harbor/checks.ts';
import type { HarborEvidence } from '../doctor/harbor/evidence.ts';
import { redactor } from '../log.ts';
import type { Log } from '../log.ts';
import { settleEndpoints } from './endpoints.ts';
import { registryChecks } from '../doctor/registry/checks.ts';
import { registryEvidence } from '../doctor/registry/evidence.ts';
import type { RegistryEvidence } from '../doctor/registry/evidence.ts';
import { rulesChecks } from '../doctor/rules/checks.ts';
import type { RulesEvidence } from '../doctor/rules/evidence.ts';
import { noSessions } from '../copy/upload-session.ts';
import { proxiesOf } from '../registry/proxy.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Ruleset } from '../rule/match.ts';
import { harborEvidenceOf } from './doctor-harbor.ts';
import { ConfiguredRegistries } from './registries.ts';
import { SourceLists } from './source-names.ts';

export interface DoctorOptions {
  /** For `HTTP_PROXY` and the like. */
  env: Readonly<Record<string, string | undefined>>;
  /** Ends the checks that are still waiting. */
  signal?: AbortSignal;
  network?: Network;
  /** Pushes an artifact to each ACR, to see whether it is taken. */
  writeProbe?: boolean;
}

/** Milliseconds for one connection, and for one answer: a host that hangs must not take all of the time. */
const connectTimeout = 3_000;
const idleTimeout = 4_000;

/** Checks every precondition of the configuration. Throws `ProxyError`, and what files that cannot be read throw. */
export async function examineConfig(
  config: Config,
  options: DoctorOptions,
  log: Log,
  clock: Clock = systemClock,
): Promise<Report> {
  const { env, network, signal: stop, writeProbe: isToWrite = false } = options;
  const startedAt = clock.now();
  const settled = await settleEndpoints(config, log, { env, clock, ...(network && { network }) });
  const practice = new Practice(settled, { proxies: proxiesOf(env), network, clock });
  try {
    const report = await doctor(practice.examinations(isToWrite), { clock, startedAt, stop });
    return redacted(report, redactor(config.secrets));
  } finally {
    await practice.close();
  }
}

/** What was seen is in others' words, and some repeat what they were sent. */
function redacted(report: Report, redact: (text: string) => string): Report {
  return { ...report, checks: report.checks.map((one) => ({ ...one, saw: redact(one.saw) })) };
}

/** What all subjects have around them. */
interface Surroundings {
  clock: Clock;
  proxies: Proxies;
  network: Network | undefined;
}

/** The subjects, each with its evidence. */
class Practice {
  readonly #config: Config;
  readonly #surroundings: Surroundings;
  readonly #rules: Ruleset;
  readonly #registries: ConfiguredRegistries;
  readonly #closing: (() => Promise<void>)[] = [];

  constructor(config: Config, surroundings: Surroundings) {
    const { proxies, clock } = surroundings;
    this.#config = config;
    this.#surroundings = surroundings;
    this.#rules = new Ruleset(config.rules);
    const brisk = config.registries.map((registry) => ({
      ...registry,
      connectTimeout: Math.min(registry.connectTimeout, connectTimeout),
      idleTimeout: Math.min(registry.idleTimeout, idleTimeout),
    }));
    this.#registries = new ConfiguredRegistries(brisk, clock, () => undefined, noSessions, proxies);
  }

  examinations(isToWrite: boolean): Examination[] {
    const ofRegistries = this.#config.registries.map((registry) => (signal: AbortSignal) => {
      const evidence = this.#evidence(registry, signal);
      const roles = this.#roles(registry.name);
      const probes = isToWrite && roles.written ? [this.#writeProbe(registry)] : [];
      if (registry.type === 'acr-ee')
        return examine([...acrChecks, ...probes], this.#acrEvidence(evidence, signal), signal);
      if (registry.type === 'harbor' && roles.read)
        return examine(harborChecks(roles), this.#harborEvidence(evidence, signal), signal);
      return examine(registryChecks(roles), evidence, signal);
    });
    return [...ofRegistries, (signal) => examine(rulesChecks, this.#rulesEvidence(signal), signal)];
  }

  async close(): Promise<void> {
    await Promise.all([this.#registries.close(), ...this.#closing.map((close) => close())]);
  }

  #evidence(config: RegistryConfig, signal: AbortSignal): RegistryEvidence {
    const probe = this.#registries.probe(config.name);
    this.#closing.push(() => probe.close());
    return registryEvidence({
      config,
      probe,
      ...this.#surroundings,
      signal,
      planned: async () => [...(await this.#planned(config.name, signal)).keys()].toSorted(),
    });
  }

  #harborEvidence(base: RegistryEvidence, signal: AbortSignal): HarborEvidence {
    const [config, registries, rules] = [this.#config, this.#registries, this.#rules];
    return harborEvidenceOf(base, { config, registries, rules, ...this.#surroundings, signal });
  }

  #acrEvidence(registry: RegistryEvidence, signal: AbortSignal): AcrEvidence {
    const { name } = registry;
    return acrEvidence(registry, {
      rules: this.#config.rules.filter(({ destination }) => destination === name),
      planned: () => this.#planned(name, signal),
      openApi: this.#openApi(registry.config, signal),
      crowd: this.#config.registries.filter(({ aliyun }) => aliyun !== undefined).length,
    });
  }

  #openApi({ name }: RegistryConfig, signal: AbortSignal): OpenApiEvidence | undefined {
    const openApi = this.#registries.openApi(name);
    if (openApi === undefined) return undefined;
    const [overview, namespaces] = [new Overview(openApi), new Namespaces(openApi)];
    return openApiEvidence({ overview, namespaces, id: () => openApi.instanceId(signal), signal });
  }

  #roles(name: string): { read: boolean; written: boolean } {
    const { rules } = this.#config;
    return {
      read: rules.some(({ source }) => source === name),
      written: rules.some(({ destination }) => destination === name),
    };
  }

  /** The repositories that rules write there, as far as the sources tell in time, each with those rules. */
  async #planned(destination: string, signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
    const rules = this.#rules.sources().filter((rule) => rule.destination === destination);
    const sources = [...new Set(rules.map(({ source }) => source))];
    const lists = sources.map(async (source) => {
      const { names } = await this.#lists(signal)(source).names();
      return names
        .flatMap((name) => this.#rules.explain(name, []))
        .filter((rule) => rule.source === source && rule.destination === destination);
    });
    const planned = new Map<string, readonly string[]>();
    for (const { destinationRepository: name, problem, rule } of (await Promise.all(lists)).flat()) {
      if (name === undefined || problem !== undefined) continue;
      planned.set(name, [...new Set([...(planned.get(name) ?? []), rule])]);
    }
    return planned;
  }

  #writeProbe({ name }: RegistryConfig): ReturnType<typeof writeProbe> {
    return writeProbe((repository) => this.#registries.destination(name, repository));
  }

  #rulesEvidence(signal: AbortSignal): RulesEvidence {
    const lists = this.#lists(signal);
    return {
      name: 'configuration',
      aliyun: false,
      config: this.#config,
      rules: this.#rules,
      names: (source) => lists(source).names(),
      artifacts: (source) => lists(source).artifacts(),
    };
  }

  #asked: ((source: string) => SourceLists) | undefined;

  /** Each source is listed once, whoever asks. */
  #lists(signal: AbortSignal): (source: string) => SourceLists {
    const lists = new Map<string, SourceLists>();
    this.#asked ??= (source) => {
      const [rules, registries, { clock }] = [this.#rules, this.#registries, this.#surroundings];
      const list = lists.get(source) ?? new SourceLists(source, { rules, registries, signal, clock });
      lists.set(source, list);
      return list;
    };
    return this.#asked;
  }
}
