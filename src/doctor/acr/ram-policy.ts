/** What a policy is for, as far as it is known; what is not stands as a placeholder in angle brackets. */
export interface PolicyFor {
  instanceId?: string | undefined;
  namespaces: readonly string[];
  /** Temporary passwords are fetched. */
  temporary: boolean;
  /** The checks that ask the OpenAPI are to be allowed, too. */
  doctor: boolean;
  /** Namespaces are to be created. */
  createNamespaces?: boolean;
}

interface Statement {
  Effect: 'Allow';
  Action: string[];
  Resource: string | string[];
}

/**
 * The RAM policy for a mirror's user, as JSON to paste: region and account may be `*`, the instance may not be left out.
 * https://help.aliyun.com/en/acr/user-guide/ram-authorization-information
 */
export function ramPolicy(wanted: PolicyFor): string {
  const { instanceId = '<instance id, cri-…>', namespaces, temporary, doctor } = wanted;
  const instance = `acs:cr:*:*:instance/${instanceId}`;
  const repositories = `acs:cr:*:*:repository/${instanceId}`;
  const within = (namespaces.length > 0 ? namespaces : ['<namespace>']).flatMap((namespace) => [
    `${repositories}/${namespace}`,
    `${repositories}/${namespace}/*`,
  ]);
  const anywhere = [
    ...(temporary ? ['cr:GetAuthorizationToken'] : []),
    ...(doctor ? ['cr:ListInstance'] : []),
  ];
  const look = ['GetNamespace', 'GetRepository', 'ListRepository', 'ListRepositoryTag'];
  const statements = [
    ...(anywhere.length > 0 ? [allow(anywhere, '*')] : []),
    allow(['cr:PushRepository', 'cr:PullRepository', 'cr:CreateRepository'], within),
    ...(doctor
      ? [
          allow(questions, instance),
          allow(
            look.map((name) => `cr:${name}`),
            [repositories, ...within],
          ),
        ]
      : []),
    ...(wanted.createNamespaces ? [allow(['cr:CreateNamespace'], repositories)] : []),
  ];
  return JSON.stringify({ Version: '1', Statement: statements }, null, 2);
}

const questions = [
  'cr:GetInstance',
  'cr:GetInstanceEndpoint',
  'cr:GetInstanceVpcEndpoint',
  'cr:GetInstanceUsage',
];

function allow(Action: string[], Resource: string | string[]): Statement {
  return { Effect: 'Allow', Action, Resource };
}
