import type { Network } from '../aliyun/endpoint.ts';
import { Namespaces } from '../aliyun/namespaces.ts';
import { Overview } from '../aliyun/overview.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Config, RegistryConfig } from '../config.ts';
import { acrChecks } from '../doctor/acr/checks.ts';
import { acrEvidence, openApiEvidence } from '../doctor/acr/evidence.ts';
import type { AcrEvidence, OpenApiEvidence } from '../doctor/acr/evidence.ts';
import { writeProbe } from '../doctor/acr/write-probe.ts';
import { examine, once } from '../doctor/check.ts';
import { doctor } from '../doctor/doctor.ts';
import type { Examination, Report } from '../doctor/doctor.ts';
import { harborChecks } from '../doctor/harbor/checks.ts';
import type { HarborEvidence } from '../doctor/harbor/evidence.ts';
import { registryChecks } from '../doctor/registry/checks.ts';
import { registryEvidence } from '../doctor/registry/evidence.ts';
import type { RegistryEvidence } from '../doctor/registry/evidence.ts';
import { rulesChecks } from '../doctor/rules/checks.ts';
import type { RulesEvidence } from '../doctor/rules/evidence.ts';
import { redactor } from '../log.ts';
import type { Log } from '../log.ts';
import { proxiesOf } from '../registry/proxy.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Ruleset } from '../rule/match.ts';
import { harborEvidenceOf } from './doctor-harbor.ts';
import { settleEndpoints } from './endpoints.ts';
import { plannedAt } from './planned.ts';
import { ConfiguredRegistries } from './registries.ts';
import { SourceLists } from './source-lists.ts';

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

type Planned = ReturnType<typeof plannedAt>;

/** The subjects, each with its evidence. */
class Practice {
  readonly #config: Config;
  readonly #surroundings: Surroundings;
  readonly #rules: Ruleset;
  readonly #registries: ConfiguredRegistries;
  /** What sources have, asked once for all subjects. */
  #lists: SourceLists | undefined;
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
    this.#registries = new ConfiguredRegistries({ configs: brisk, clock, proxies });
  }

  examinations(isToWrite: boolean): Examination[] {
    const { registries } = this.#config;
    const ofRegistries = registries.map(
      (registry) => (signal: AbortSignal) => this.#examineRegistry(registry, isToWrite, signal),
    );
    return [...ofRegistries, (signal) => examine(rulesChecks, this.#rulesEvidence(signal), signal)];
  }

  async close(): Promise<void> {
    await Promise.all([this.#registries.close(), ...this.#closing.map((close) => close())]);
  }

  /** What is checked depends on what the registry is, and on what rules do with it. */
  #examineRegistry(
    registry: RegistryConfig,
    isToWrite: boolean,
    signal: AbortSignal,
  ): ReturnType<Examination> {
    const { name, type } = registry;
    const planned = once(() => this.#planned(name, signal));
    const evidence = this.#evidence(registry, planned, signal);
    const read = this.#config.rules.some(({ source }) => source === name);
    const written = this.#config.rules.some(({ destination }) => destination === name);
    const probes = isToWrite && written ? [this.#writeProbe(name)] : [];
    if (type === 'acr-ee')
      return examine([...acrChecks, ...probes], this.#acrEvidence(evidence, planned, signal), signal);
    if (type === 'harbor' && read)
      return examine(harborChecks({ written }), this.#harborEvidence(evidence, signal), signal);
    return examine(registryChecks({ written }), evidence, signal);
  }

  #evidence(config: RegistryConfig, planned: () => Planned, signal: AbortSignal): RegistryEvidence {
    const probe = this.#registries.probe(config.name);
    this.#closing.push(() => probe.close());
    return registryEvidence({
      config,
      probe,
      ...this.#surroundings,
      signal,
      planned: async () => [...(await planned()).keys()].toSorted(),
    });
  }

  #harborEvidence(base: RegistryEvidence, signal: AbortSignal): HarborEvidence {
    const [config, registries, rules] = [this.#config, this.#registries, this.#rules];
    return harborEvidenceOf(base, { config, registries, rules, ...this.#surroundings, signal });
  }

  #acrEvidence(registry: RegistryEvidence, planned: () => Planned, signal: AbortSignal): AcrEvidence {
    const { registries, rules: all } = this.#config;
    const rules = all.filter(({ destination }) => destination === registry.name);
    const crowd = registries.filter(({ aliyun }) => aliyun !== undefined).length;
    return acrEvidence(registry, { rules, planned, openApi: this.#openApi(registry.name, signal), crowd });
  }

  #openApi(registry: string, signal: AbortSignal): OpenApiEvidence | undefined {
    const openApi = this.#registries.openApi(registry);
    if (openApi === undefined) return undefined;
    const [overview, namespaces] = [new Overview(openApi), new Namespaces(openApi)];
    return openApiEvidence({ overview, namespaces, id: () => openApi.instanceId(signal), signal });
  }

  #planned(destination: string, signal: AbortSignal): Planned {
    const [rules, lists] = [this.#rules, this.#listsBy(signal)];
    return plannedAt(destination, { rules, names: (source) => lists.names(source) });
  }

  #writeProbe(registry: string): ReturnType<typeof writeProbe> {
    return writeProbe((repository) => this.#registries.destination(registry, repository));
  }

  #rulesEvidence(signal: AbortSignal): RulesEvidence {
    const lists = this.#listsBy(signal);
    return {
      name: 'configuration',
      aliyun: false,
      config: this.#config,
      rules: this.#rules,
      names: (source) => lists.names(source),
      artifacts: (source) => lists.artifacts(source),
    };
  }

  #listsBy(signal: AbortSignal): SourceLists {
    const [rules, registries, { clock }] = [this.#rules, this.#registries, this.#surroundings];
    return (this.#lists ??= new SourceLists({ rules, registries, signal, clock }));
  }
}
