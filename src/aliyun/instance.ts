import { RegistryError } from '../copy/error.ts';
import { parseInstanceHost } from '../oci/aliyun-host.ts';
import type { Address } from './openapi.ts';
import { parseService } from './service.ts';
import type { Service } from './service.ts';

export interface InstanceOptions {
  /** Of the configuration: goes before everything that is found. */
  known: { instanceId?: string | undefined; region?: string | undefined; openapiUrl?: string | undefined };
  /** Host name of the registry. */
  host: string;
  /** The `service` of the registry's challenge. */
  service: () => Promise<string | undefined>;
  /** Whether a host that is to be found in a VPC can be reached from here. */
  isReachable: (host: string) => Promise<boolean>;
}

/** Products of Alibaba Cloud with an API in each region: ACR and STS. */
type Product = 'cr' | 'sts';

/** An instance of ACR EE: which one a registry is, and where the APIs are that belong to it. */
export class Instance {
  readonly #options: InstanceOptions;

  constructor(options: InstanceOptions) {
    this.#options = options;
  }

  /** Throws `RegistryError` where neither the configuration nor the registry says it. */
  async address(): Promise<Address> {
    const { instanceId, openapiUrl } = this.#options.known;
    const [url, id] = await Promise.all([
      openapiUrl === undefined ? this.#openApi() : new URL(openapiUrl),
      instanceId ?? this.#instanceId(),
    ]);
    return { url, instanceId: id };
  }

  /** Where STS is that serves the region; where that is not known, the one for all. Throws `RegistryError`. */
  async sts(): Promise<URL> {
    const region = await this.#region();
    return region === undefined ? new URL('https://sts.aliyuncs.com') : this.#api('sts', region);
  }

  async #openApi(): Promise<URL> {
    const region = await this.#region();
    if (region === undefined) throw this.#unknown('region', 'a region');
    return this.#api('cr', region);
  }

  /** Whoever reaches the registry from a VPC may have no other way out. Not every region has every API there. */
  async #api(product: Product, region: string): Promise<URL> {
    const vpc = `${product}-vpc.${region}.aliyuncs.com`;
    const inVpc = parseInstanceHost(this.#options.host)?.vpc === true;
    const isThere = inVpc && (await this.#options.isReachable(vpc));
    return new URL(`https://${isThere ? vpc : `${product}.${region}.aliyuncs.com`}`);
  }

  async #region(): Promise<string | undefined> {
    const { known, host } = this.#options;
    return known.region ?? parseInstanceHost(host)?.region ?? (await this.#said())?.region;
  }

  async #instanceId(): Promise<string> {
    const id = (await this.#said())?.instanceId;
    if (id === undefined)
      throw this.#unknown('instanceId', 'the id of an instance of ACR Enterprise Edition');
    return id;
  }

  async #said(): Promise<Service | undefined> {
    return parseService(await this.#options.service());
  }

  #unknown(key: string, what: string): RegistryError {
    const message = `the challenge of ${this.#options.host} does not name ${what}; write aliyun.${key}`;
    return new RegistryError('protocol', message);
  }
}
