import type { RegistryConfig } from '../config.ts';
import type { Reason, Side } from '../copy/error.ts';
import { isPersonalHost, parseInstanceHost } from '../oci/aliyun-host.ts';
import type { Wanted } from '../rule/rule.ts';
import type { Hint } from '../task/explain.ts';
import { firstPart } from '../oci/reference.ts';
import { proxyWords } from './by-proxy.ts';

/*
 * One exact next step for each reason that a copy fails: from what the failure says, and from what the configuration says of the
 * registry. Nothing is asked; where a denial may have several causes, `tagferry doctor` asks which.
 */

interface Failed {
  message: string;
  copy: Wanted;
  source: RegistryConfig;
  destination: RegistryConfig;
  /** The end that the message names. */
  at: RegistryConfig;
}

/** Throws nothing: a registry that is no longer in the configuration has its own hint. */
export function hintFor(registries: readonly RegistryConfig[]): Hint {
  const named = (name: string) => registries.find((one) => one.name === name);
  return function hint({ reason, message }, copy) {
    const [source, destination] = [named(copy.source), named(copy.destination)];
    if (source === undefined || destination === undefined)
      return missing(source ? copy.destination : copy.source);
    const at = sideOf(reason, message) === 'source' ? source : destination;
    return hints[reason]({ message, copy, source, destination, at });
  };
}

function missing(registry: string): string {
  return `put registry ${registry} back into \`registries\`, or cancel the task: \`tagferry tasks cancel ID\``;
}

/** A failure of a copy says its end: "read the index at the source: …". */
function sideOf(reason: Reason, message: string): Side {
  if (reason.startsWith('source-')) return 'source';
  return / at the source: /.test(message) ? 'source' : 'destination';
}

const hints: Record<Reason, (failed: Failed) => string> = {
  'source-denied': sourceDenied,
  'source-policy': sourcePolicy,
  'destination-denied': destinationDenied,
  'destination-immutable': destinationImmutable,
  'artifact-refused': artifactRefused,
  'name-invalid': ({ copy: { rule } }) =>
    `change \`repository\` (or \`tag\`) of rule ${rule} to a name that the destination takes; \`tagferry plan --rule ${rule}\` shows the names`,
  'name-collision': ({ copy: { rule } }) =>
    `give one of the two repositories another \`repository\` in its rule; \`tagferry plan --rule ${rule}\` names all that meet`,
  'not-found': ({ copy: { sourceRepository, sourceTag } }) =>
    `push ${sourceRepository}:${sourceTag} again at the source: a part of it is gone there (garbage collection, or an upload that broke off)`,
  'rate-limited': ({ at }) =>
    `lower \`concurrency\`, or set \`requestsPerSecond\`, of registry ${at.name}; what waits goes on by itself`,
  unreachable,
  timeout: ({ message, at }) =>
    `${proxyHint(message) ?? fromHere(at)}; if the registry is only slow, raise \`idleTimeout\` (${at.idleTimeout / 1_000} s) of registry ${at.name}`,
  tls: tlsHint,
  corrupt: ({ source, copy: { sourceRepository, sourceTag } }) =>
    `look whether a proxy between here and ${hostOf(source)} changes answers; if not, its storage is damaged: push ${sourceRepository}:${sourceTag} again`,
  protocol: ({ at }) =>
    `see whether a registry answers at ${at.url}: \`curl -i ${at.url}/v2/\` has to answer 200 or 401 with JSON; if not, correct \`url\` of registry ${at.name}, or the proxy in front of it`,
  internal: () => 'report it with the log lines of the task: this should not happen',
};

function sourceDenied({ message, source, copy }: Failed): string {
  const login = loginHint(message, source);
  if (login !== undefined) return login;
  const project = firstPart(copy.sourceRepository);
  if (anonymous(source))
    return `set \`username\` and \`passwordFile\` of registry ${source.name}: it is asked without a login`;
  if (source.type !== 'harbor')
    return `let ${userOf(source)} pull ${copy.sourceRepository} at ${hostOf(source)}`;
  return (
    `give ${userOf(source)} the permission to pull repositories in project ${project}: Harbor, ` +
    `Administration → Robot Accounts → Edit → Permissions; if it has it, its secret is another by now. \`tagferry doctor\` tells which`
  );
}

/** The texts are Harbor's: https://github.com/goharbor/harbor/blob/main/src/server/middleware/vulnerable/vulnerable.go */
function sourcePolicy({ message, copy: { sourceRepository, sourceTag } }: Failed): string {
  const artifact = `Harbor, ${sourceRepository}, tag ${sourceTag}`;
  if (/not signed|content.?trust/i.test(message)) {
    return `sign it, and push the signature (\`cosign sign\`): ${artifact}; the signature's webhook starts the copy`;
  }
  if (/with \d+ vulnerabilit/i.test(message)) {
    return `mend the image and push it again, or allow its CVEs: ${artifact.replace(/, tag .*/, '')}, its project's Configuration → Deployment security`;
  }
  return `start a scan: ${artifact}, Scan vulnerability; its end starts the copy. Once for all: the project's Configuration → Automatically scan images on push`;
}

function destinationDenied({ message, destination, copy }: Failed): string {
  if (isPersonalHost(hostOf(destination))) return personal(destination);
  const login = loginHint(message, destination);
  if (login !== undefined) return login;
  if (anonymous(destination)) {
    const how = destination.type === 'acr-ee' ? ', or `aliyun`' : '';
    return `set \`username\` and \`passwordFile\`${how} of registry ${destination.name}: it is asked without a login`;
  }
  const namespace = firstPart(copy.destinationRepository);
  if (destination.type === 'acr-ee') return acrDenied(destination, namespace);
  if (destination.type === 'harbor') {
    return `let ${userOf(destination)} push in project ${namespace} of ${hostOf(destination)}, and make the project if it is missing: Harbor → Projects`;
  }
  return `let ${userOf(destination)} push ${copy.destinationRepository} at ${hostOf(destination)}, or make that repository if it is missing`;
}

function acrDenied(destination: RegistryConfig, namespace: string): string {
  const { instanceId = 'INSTANCE', region = regionOf(destination) } = destination.aliyun ?? {};
  const resource = `acs:cr:${region}:UID:repository/${instanceId}/${namespace}`;
  return (
    `run \`tagferry doctor\`; it tells which of these it is: namespace ${namespace} is missing, it does not create repositories by itself, ` +
    `or ${userOf(destination)} lacks cr:PushRepository, cr:PullRepository and cr:CreateRepository on ${resource} and ${resource}/*` +
    (destination.credential === undefined
      ? ''
      : ', or its password is not the one of the Access Credential page of this instance')
  );
}

function personal({ name }: RegistryConfig): string {
  return (
    `set \`url\` of registry ${name} to https://NAME-registry.REGION.cr.aliyuncs.com of your Enterprise Edition instance ` +
    '(console: Container Registry → Instances): this host is the Personal Edition'
  );
}

/** https://help.aliyun.com/en/acr/user-guide/turn-on-immutable-image-version */
function destinationImmutable({ destination, copy }: Failed): string {
  const { destinationRepository: repository, destinationTag: tag, rule } = copy;
  const place =
    destination.type === 'harbor'
      ? `Harbor, project ${firstPart(repository)}, Policy → Tag immutability: exclude ${repository}`
      : `Container Registry console → instance → Repositories → ${repository} → Details: let tags be overwritten`;
  return (
    `if ${tag} is meant to move: ${place}, then \`tagferry tasks retry ID\`; ` +
    `if not, leave it out by \`tags\` of rule ${rule}`
  );
}

function artifactRefused({ message, copy: { rule, sourceTag } }: Failed): string {
  const away = `leave the tag out of rule ${rule}: \`tags: [..., "!${sourceTag}"]\``;
  if (/unknown manifest class/i.test(message)) {
    return `build it without attestations (\`docker buildx build --provenance=false --sbom=false\`) and push it again, or ${away}`;
  }
  if (/schema 1/i.test(message)) return `push it again with a current docker or skopeo, or ${away}`;
  return away;
}

function unreachable(failed: Failed): string {
  const { message, at } = failed;
  const proxy = proxyHint(message);
  if (proxy !== undefined) return proxy;
  if (/\b5\d\d\b/.test(/answered \d+/.exec(message)?.[0] ?? '')) {
    return `look at the log of ${hostOf(at)}: it answers, with an error of its own; what waits goes on by itself`;
  }
  if (/ENOTFOUND|EAI_AGAIN|getaddrinfo/.test(message)) {
    const vpc = parseInstanceHost(hostOf(at))?.vpc
      ? ' (a -vpc name is known only inside of a linked VPC)'
      : '';
    return `correct \`url\` of registry ${at.name}, or the name server of this machine: ${hostOf(at)} is not found${vpc}`;
  }
  return fromHere(at);
}

/** Where a proxy was on the way, neither whitelist nor name server of this machine is what has to be looked at first. */
function proxyHint(message: string): string | undefined {
  const words = proxyWords(message);
  return words && `${words.means}: ${words.next.join('; ')}`;
}

function fromHere(at: RegistryConfig): string {
  const whitelist =
    at.type === 'acr-ee'
      ? ', and see to public access and its whitelist (console: instance → Access Control), which must have the address of this machine; `tagferry doctor` tells which'
      : ', and see to firewall and proxy (HTTPS_PROXY, NO_PROXY)';
  return `try \`curl -i ${at.url}/v2/\` on this machine${whitelist}`;
}

function tlsHint({ message, at }: Failed): string {
  const { name, url } = at;
  if (/expected TLS, got something else/.test(message)) {
    return `write http:// in \`url\` of registry ${name} if plain HTTP is meant, or correct its port`;
  }
  if (/expired|CERT_HAS_EXPIRED/i.test(message))
    return `renew the certificate of ${hostOf(at)}, or set this machine's clock`;
  if (/altnames|ALTNAME|hostname/i.test(message)) {
    return `write a name that is in the certificate into \`url\` of registry ${name}, or renew the certificate for ${hostOf(at)}`;
  }
  const ask = `openssl s_client -showcerts -connect ${hostOf(at)}:${new URL(url).port || '443'}`;
  return `set \`caFile\` of registry ${name} to the PEM file of the authority that has signed its certificate (\`${ask}\` shows who that is)`;
}

/** What keeps a login from being tried, or makes it fail, before it is asked what it may do. */
function loginHint(message: string, registry: RegistryConfig): string | undefined {
  const { name, type, credential } = registry;
  const host = /token server (\S+) named by \S+ may not get the credential/.exec(message)?.[1];
  if (host !== undefined) {
    return `if ${host} is the own token server of registry ${name}, add it to its \`tokenHosts\`; if not, correct its \`url\`: somebody else answers there`;
  }
  if (/credential cannot be read/.test(message)) return unreadable(message, registry);
  // The token server knows nothing of repositories: it refuses who somebody is.
  if (type !== 'acr-ee' || credential === undefined || !/\/auth answered 401/.test(message)) return undefined;
  return (
    `set the password of ${credential.username} on the Access Credential page of this very instance, and write it into ` +
    `registry ${name}; a RAM user logs in as NAME@ACCOUNT, and a RAM role by \`aliyun\` only`
  );
}

function unreadable(message: string, { name, credential }: RegistryConfig): string | undefined {
  if (/NoPrivilege|NoPermission|Forbidden/.test(message)) {
    return `allow the identity in \`aliyun\` of registry ${name} cr:GetAuthorizationToken on "*": RAM console, Grant Permission`;
  }
  if (credential === undefined)
    return `run \`tagferry doctor\`: the identity in \`aliyun\` of registry ${name} gets no temporary password`;
  if ('password' in credential) return undefined;
  return `let the mirror read ${credential.passwordFile} (\`passwordFile\` of registry ${name})`;
}

function anonymous({ credential, aliyun }: RegistryConfig): boolean {
  return credential === undefined && aliyun === undefined;
}

function userOf({ credential, aliyun, name }: RegistryConfig): string {
  if (credential !== undefined) return credential.username;
  return aliyun === undefined
    ? `the user of registry ${name}`
    : `the identity in \`aliyun\` of registry ${name}`;
}

function hostOf({ url }: RegistryConfig): string {
  return new URL(url).hostname;
}

function regionOf(registry: RegistryConfig): string {
  return parseInstanceHost(hostOf(registry))?.region ?? 'REGION';
}
