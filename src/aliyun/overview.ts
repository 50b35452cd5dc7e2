import { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { printable } from '../printable.ts';
import { count, list, text, truth } from './lenient.ts';
import type { OpenApi } from './openapi.ts';

/** An instance of the account, as the console's list has it. */
export interface InstanceRow {
  /** `cri-…` */
  id: string;
  name: string;
  /** `RUNNING`, or why not: `PENDING`, `STARTING`, `STOPPED`… */
  status: string;
  /** Empty, or what is wrong with it. */
  issue: string;
  region: string;
  /** `Enterprise_Basic` and the like. */
  specification: string;
}

/** The way in from the Internet. */
export interface PublicEndpoint {
  enabled: boolean;
  /** `RUNNING` once it is there. */
  status: string;
  aclEnabled: boolean;
  /** Networks that may come in. Without any, everybody may. */
  entries: string[];
  domains: string[];
}

/** The ways in from VPCs. */
export interface VpcEndpoint {
  enabled: boolean;
  domains: string[];
  linked: { vpcId: string; ip: string; status: string; defaultAccess: boolean }[];
}

/** `undefined` where the OpenAPI does not tell. */
export interface Used {
  used: number | undefined;
  quota: number | undefined;
}

const rowsSchema = z.object({
  Instances: list(
    z.object({
      InstanceId: z.string(),
      InstanceName: text,
      InstanceStatus: text,
      InstanceIssue: text,
      RegionId: text,
      InstanceSpecification: text,
    }),
  ),
  TotalCount: count,
});

const publicSchema = z.object({
  Enable: truth,
  Status: text,
  // Without this member, the entries decide: where there are none, either answer lets everybody in.
  AclEnable: truth.nullish(),
  AclEntries: list(z.object({ Entry: text })),
  Domains: list(z.object({ Domain: text })),
});

const vpcSchema = z.object({
  Enable: truth,
  Domains: list(z.string()),
  LinkedVpcs: list(z.object({ VpcId: text, Ip: text, Status: text, DefaultAccess: truth.nullish() })),
});

const usageSchema = z.object({
  NamespaceUsage: count,
  NamespaceQuota: count,
  RepoUsage: count,
  RepoQuota: count,
});

/** The most that the OpenAPI gives at once. */
const pageSize = 100;
/** Where a list ends that has no end. */
const maxPages = 100;

/** What the OpenAPI tells of an ACR EE instance as a whole. Every question throws `RegistryError`. */
export class Overview {
  readonly #openApi: OpenApi;

  constructor(openApi: OpenApi) {
    this.#openApi = openApi;
  }

  /** All instances of the account in the OpenAPI's region. */
  async rows(signal?: AbortSignal): Promise<InstanceRow[]> {
    const rows: InstanceRow[] = [];
    for (let number = 1; number <= maxPages; number++) {
      const parameters = { PageNo: String(number), PageSize: String(pageSize) };
      const page = await this.#openApi.call('ListInstance', parameters, rowsSchema, signal);
      rows.push(...page.Instances.map(rowOf));
      if (page.Instances.length < pageSize || page.TotalCount === rows.length) return rows;
    }
    throw new RegistryError('protocol', 'ListInstance: the list does not end');
  }

  async publicEndpoint(signal?: AbortSignal): Promise<PublicEndpoint> {
    const parameters = { EndpointType: 'internet', ModuleName: 'Registry' };
    const said = await this.#openApi.call('GetInstanceEndpoint', parameters, publicSchema, signal);
    return {
      enabled: said.Enable,
      status: said.Status,
      aclEnabled: said.AclEnable ?? true,
      entries: said.AclEntries.map(({ Entry }) => Entry).filter(Boolean),
      domains: said.Domains.map(({ Domain }) => Domain).filter(Boolean),
    };
  }

  async vpcEndpoint(signal?: AbortSignal): Promise<VpcEndpoint> {
    const parameters = { ModuleName: 'Registry' };
    const said = await this.#openApi.call('GetInstanceVpcEndpoint', parameters, vpcSchema, signal);
    const linked = said.LinkedVpcs.map(({ VpcId: vpcId, Ip: ip, Status: status, DefaultAccess }) => {
      return { vpcId, ip, status, defaultAccess: DefaultAccess ?? false };
    });
    return { enabled: said.Enable, domains: said.Domains, linked };
  }

  async usage(signal?: AbortSignal): Promise<{ namespaces: Used; repositories: Used }> {
    const said = await this.#openApi.call('GetInstanceUsage', {}, usageSchema, signal);
    return {
      namespaces: { used: said.NamespaceUsage, quota: said.NamespaceQuota },
      repositories: { used: said.RepoUsage, quota: said.RepoQuota },
    };
  }
}

/** All of it is shown, and the region stands in commands that somebody pastes into a shell. */
function rowOf(row: z.output<typeof rowsSchema>['Instances'][number]): InstanceRow {
  return {
    id: printable(row.InstanceId, 64),
    name: printable(row.InstanceName, 80),
    status: printable(row.InstanceStatus, 40),
    issue: printable(row.InstanceIssue, 200),
    region: /^[a-z0-9-]{1,40}$/.test(row.RegionId) ? row.RegionId : '',
    specification: printable(row.InstanceSpecification, 40),
  };
}
