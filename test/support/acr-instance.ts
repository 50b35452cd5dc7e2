import { type Answer, json } from '../../src/demo/registry/call.ts';
import { type AcrAccounts, acrAccounts } from './acr-tokens.ts';

/*
 * What the OpenAPI of ACR Enterprise Edition tells of an instance, its namespaces and repositories, and how it makes
 * some. Where a token service stands beside it, both share namespaces and repositories; where an edge does, the
 * repositories with immutable tags.
 */

export const instanceId = 'cri-standin00000001';

/** A test may change it at any time; it begins healthy, with a whitelist, and nearly empty. */
export interface AcrInstance {
  instances: Record<string, unknown>[];
  internet: {
    Enable: boolean;
    Status: string;
    AclEnable: boolean;
    AclEntries: { Entry: string; Comment: string }[];
    Domains: { Domain: string; Type: 'SYSTEM' | 'USER' }[];
  };
  vpc: {
    Enable: boolean;
    Domains: string[];
    LinkedVpcs: { VpcId: string; VswitchId: string; Ip: string; Status: string; DefaultAccess: boolean }[];
  };
  /** What there may be; once there is as much, no more is made. */
  quota: NonNullable<AcrAccounts['quota']>;
  namespaces: AcrAccounts['namespaces'];
  repositories: AcrAccounts['repositories'];
  /** Repositories of which tags cannot be written twice. */
  immutable: Set<string>;
  /** Repositories of another visibility than their namespace gives. */
  visibility: Map<string, 'PRIVATE' | 'PUBLIC'>;
  summaries: Map<string, string>;
}

export function acrInstance({ accounts = acrAccounts(), immutable = new Set<string>() } = {}): AcrInstance {
  const { namespaces, repositories, quota = { namespaces: 100, repositories: 1_000 } } = accounts;
  return {
    instances: [
      {
        InstanceId: instanceId,
        InstanceName: 'demo',
        InstanceStatus: 'RUNNING',
        InstanceIssue: '',
        RegionId: 'cn-shanghai',
        InstanceSpecification: 'Enterprise_Basic',
      },
    ],
    internet: {
      Enable: true,
      Status: 'RUNNING',
      AclEnable: true,
      AclEntries: [
        { Entry: '127.0.0.1/32', Comment: 'made by switching on' },
        { Entry: '198.51.100.0/24', Comment: 'the office' },
      ],
      Domains: [{ Domain: 'demo-registry.cn-shanghai.cr.aliyuncs.com', Type: 'SYSTEM' }],
    },
    vpc: {
      Enable: true,
      Domains: ['demo-registry-vpc.cn-shanghai.cr.aliyuncs.com'],
      LinkedVpcs: [
        { VpcId: 'vpc-1', VswitchId: 'vsw-1', Ip: '10.0.0.9', Status: 'RUNNING', DefaultAccess: true },
      ],
    },
    quota,
    namespaces,
    repositories,
    immutable,
    visibility: new Map(),
    summaries: new Map(),
  };
}

type Parameters = Readonly<Record<string, string>>;

const questions: Record<string, (instance: AcrInstance, parameters: Parameters) => Answer> = {
  ListInstance: listInstance,
  GetInstanceEndpoint: getInstanceEndpoint,
  GetInstanceVpcEndpoint: ({ vpc }, { ModuleName }) =>
    ModuleName === 'Registry' ? success(vpc) : success({ Enable: false, Domains: [], LinkedVpcs: [] }),
  GetInstanceUsage: getInstanceUsage,
  GetNamespace: getNamespace,
  CreateNamespace: createNamespace,
  CreateRepository: createRepository,
};

/** `undefined` to an action that is not answered here. */
export function instanceAnswer(
  action: string,
  instance: AcrInstance,
  parameters: Parameters,
): Answer | undefined {
  return Object.hasOwn(questions, action) ? questions[action]?.(instance, parameters) : undefined;
}

/** What `GetRepository` adds of a repository that is there. */
export function looksOf(
  { namespaces, immutable, visibility }: AcrInstance,
  namespace: string,
  name: string,
): object {
  const repository = `${namespace}/${name}`;
  const given = namespaces.get(namespace)?.public ? 'PUBLIC' : 'PRIVATE';
  return {
    RepoType: visibility.get(repository) ?? given,
    TagImmutability: immutable.has(repository),
    RepoBuildType: 'MANUAL',
  };
}

function listInstance({ instances }: AcrInstance, parameters: Parameters): Answer {
  if ('InstanceId' in parameters) return wrongParameter('InstanceId');
  const [number, size] = [Number(parameters['PageNo'] ?? 1), Number(parameters['PageSize'] ?? 30)];
  if (!(number >= 1) || !(size >= 1 && size <= 100)) return wrongParameter('PageNo');
  return success({
    Instances: instances.slice((number - 1) * size, number * size),
    TotalCount: instances.length,
    PageNo: number,
    PageSize: size,
  });
}

/** A switch that is off has neither entries nor a state. */
function getInstanceEndpoint({ internet }: AcrInstance, { EndpointType, ModuleName }: Parameters): Answer {
  if (EndpointType !== 'internet') return wrongParameter('EndpointType');
  if (ModuleName !== 'Registry' || !internet.Enable) return success({ Enable: false, AclEnable: false });
  return success(internet);
}

/** All of them are texts. */
function getInstanceUsage({ quota, namespaces, repositories }: AcrInstance): Answer {
  return success({
    NamespaceQuota: String(quota.namespaces),
    NamespaceUsage: String(namespaces.size),
    RepoQuota: String(quota.repositories),
    RepoUsage: String(repositories.size),
    ChartNamespaceQuota: '50',
    ChartNamespaceUsage: '0',
    ChartRepoQuota: '5000',
    ChartRepoUsage: '0',
    VpcQuota: '5',
    VpcUsage: '1',
  });
}

function getNamespace({ namespaces }: AcrInstance, { NamespaceName = '' }: Parameters): Answer {
  const namespace = namespaces.get(NamespaceName);
  if (!namespace) return missing('NAMESPACE');
  const RepoType = namespace.public ? 'PUBLIC' : 'PRIVATE';
  return success({
    NamespaceName,
    NamespaceStatus: namespace.status ?? 'NORMAL',
    AutoCreateRepo: namespace.autoCreate,
    DefaultRepoType: RepoType,
    DefaultRepoConfiguration: { RepoType, TagImmutability: namespace.immutable ?? false },
  });
}

// How it refuses what is there already, or one too many, is not documented: the codes are guesses.

function createNamespace({ namespaces, quota }: AcrInstance, parameters: Parameters): Answer {
  const { NamespaceName = '', AutoCreateRepo, DefaultRepoConfiguration = '{}' } = parameters;
  if (!/^[a-z0-9][a-z0-9._-]{0,118}[a-z0-9]$/.test(NamespaceName)) return wrongParameter('NamespaceName');
  if (namespaces.has(NamespaceName)) return failure({ status: 400, code: 'NAMESPACE_ALREADY_EXIST' });
  if (namespaces.size >= quota.namespaces) return failure({ status: 400, code: 'NAMESPACE_QUOTA_EXCEEDED' });
  const { RepoType, TagImmutability } = JSON.parse(DefaultRepoConfiguration);
  namespaces.set(NamespaceName, {
    autoCreate: AutoCreateRepo === 'true',
    public: RepoType === 'PUBLIC',
    immutable: TagImmutability === true,
  });
  return success({});
}

function createRepository(instance: AcrInstance, parameters: Parameters): Answer {
  const { RepoNamespaceName = '', RepoName = '', RepoType = '', Summary = '', TagImmutability } = parameters;
  const repository = `${RepoNamespaceName}/${RepoName}`;
  const { namespaces, repositories, quota } = instance;
  if (!/^[a-z0-9][a-z0-9._-]{0,118}[a-z0-9]$/.test(RepoName)) return wrongParameter('RepoName');
  if (RepoType !== 'PUBLIC' && RepoType !== 'PRIVATE') return wrongParameter('RepoType');
  if (!/^.{1,100}$/u.test(Summary)) return wrongParameter('Summary');
  if (!namespaces.has(RepoNamespaceName)) return missing('NAMESPACE');
  if (repositories.has(repository)) return failure({ status: 400, code: 'REPO_ALREADY_EXIST' });
  if (repositories.size >= quota.repositories) return failure({ status: 400, code: 'REPO_QUOTA_EXCEEDED' });
  repositories.add(repository);
  instance.visibility.set(repository, RepoType);
  instance.summaries.set(repository, Summary);
  if (TagImmutability === 'true') instance.immutable.add(repository);
  return success({ RepoId: 'crr-made' });
}

export interface Refusing {
  status: number;
  code: string;
  message?: string;
}

export function success(members: object): Answer {
  return json(200, { RequestId: 'R-1', Code: 'success', IsSuccess: true, ...members });
}

export function failure({ status, code, message = 'no' }: Refusing): Answer {
  return json(status, { RequestId: 'R-2', Code: code, Message: message, IsSuccess: false });
}

export function missing(what: 'INSTANCE' | 'NAMESPACE' | 'REPO'): Answer {
  const message = `the ${what.toLowerCase()} is not there`;
  return failure({ status: 200, code: `${what}_NOT_EXIST`, message });
}

function wrongParameter(name: string): Answer {
  return failure({ status: 400, code: 'PARAMETER_ERROR', message: name });
}
