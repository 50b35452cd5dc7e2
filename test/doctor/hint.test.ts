import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RegistryConfig } from '../../src/config.ts';
import { reasons } from '../../src/copy/error.ts';
import type { Reason } from '../../src/copy/error.ts';
import { hintFor } from '../../src/doctor/hint.ts';
import { wanted } from '../state/open.ts';
import { harborConfig, registryConfig } from '../support/registry-config.ts';

const copy = wanted({ destinationRepository: 'mirror/app' });

interface Given {
  source?: Partial<RegistryConfig>;
  destination?: Partial<RegistryConfig>;
}

function hintOf(reason: Reason, message: string, { source = {}, destination = {} }: Given = {}): string {
  return hintFor([harborConfig(source), registryConfig(destination)])({ reason, message }, copy);
}

const aliyun = {
  identity: { kind: 'access-key', accessKeyId: 'LTAI-key', accessKeySecret: 'of-the-access-key' },
  instanceId: 'cri-abc',
  region: 'cn-beijing',
} as const;
const anonymous = { credential: undefined };
const at = (side: 'source' | 'destination', what: string) =>
  `resolve v1 at the ${side}: HEAD https://x/v2/: ${what}`;

const rows: [what: string, reason: Reason, message: string, given: Given, hint: RegExp][] = [
  [
    'a proxy that lets nobody through',
    'unreachable',
    at('destination', 'failed by the proxy proxy.example:3128: Proxy response (403) !== 200'),
    { destination: { type: 'acr-ee', aliyun } },
    /^the proxy proxy\.example:3128 does not let this machine go there: have whoever runs the proxy allow CONNECT /,
  ],
  [
    'a proxy that is silent',
    'timeout',
    at('destination', 'failed by the proxy proxy.example:3128: no answer'),
    { destination: { type: 'acr-ee' } },
    /^there is no proxy at proxy\.example:3128, .*; if the registry is only slow, raise `idleTimeout`/,
  ],
  [
    'robot without the permission',
    'source-denied',
    at('source', '401'),
    {},
    /^give robot\$mirror the permission to pull repositories in project library: Harbor, .*`tagferry doctor` tells which$/,
  ],
  [
    'no login at the source',
    'source-denied',
    at('source', '401'),
    { source: anonymous },
    /^set `username` and `passwordFile` of registry harbor: it is asked without a login$/,
  ],
  [
    'another registry as source',
    'source-denied',
    at('source', '401'),
    { source: { type: 'oci' } },
    /^let robot\$mirror pull library\/app at harbor\.example\.com$/,
  ],
  [
    'a password file that cannot be read',
    'source-denied',
    'registry harbor: its credential cannot be read: ENOENT',
    { source: { credential: { username: 'u', passwordFile: '/run/secrets/harbor' } } },
    /^let the mirror read \/run\/secrets\/harbor \(`passwordFile` of registry harbor\)$/,
  ],
  [
    'never scanned',
    'source-policy',
    at('source', 'without vulnerability scanning'),
    {},
    /^start a scan: Harbor, library\/app, tag v1, Scan vulnerability; its end starts the copy\. /,
  ],
  [
    'a scan that has failed',
    'source-policy',
    at('source', 'with "Error" status of vulnerability scanning'),
    {},
    /^start a scan: /,
  ],
  [
    'vulnerable',
    'source-policy',
    at('source', 'image with 3 vulnerabilities cannot be pulled'),
    {},
    /^mend the image and push it again, or allow its CVEs: Harbor, library\/app, /,
  ],
  [
    'unsigned',
    'source-policy',
    at('source', 'The image is not signed by cosign.'),
    {},
    /^sign it, and push the signature \(`cosign sign`\)/,
  ],
  [
    'ACR: one of three',
    'destination-denied',
    at('destination', '401 denied'),
    {},
    /^run `tagferry doctor`; it tells which .*namespace mirror is missing, .*pusher@1000000000000001 lacks cr:PushRepository, .* on acs:cr:cn-shanghai:UID:repository\/INSTANCE\/mirror and acs:.*\/mirror\/\*, or its password /,
  ],
  [
    'ACR with an identity: its own ids',
    'destination-denied',
    at('destination', '401 denied'),
    { destination: { ...anonymous, aliyun } },
    /the identity in `aliyun` of registry acr lacks .* acs:cr:cn-beijing:UID:repository\/cri-abc\/mirror and acs:cr:cn-beijing:UID:repository\/cri-abc\/mirror\/\*$/,
  ],
  [
    'ACR: the identity may not fetch passwords',
    'destination-denied',
    'registry acr: its credential cannot be read: POST https://cr.cn-beijing.aliyuncs.com/ (GetAuthorizationToken) answered 403 (NoPrivilege)',
    { destination: { ...anonymous, aliyun } },
    /^allow the identity in `aliyun` of registry acr cr:GetAuthorizationToken on "\*": /,
  ],
  [
    'ACR: the token server does not know the login',
    'destination-denied',
    at('destination', 'GET https://dockerauth.cn-shanghai.aliyuncs.com/auth answered 401 (UNAUTHORIZED)'),
    {},
    /^set the password of pusher@1000000000000001 on the Access Credential page of this very instance, /,
  ],
  [
    'a token server that is not known',
    'destination-denied',
    at(
      'destination',
      'the token server auth.example named by demo-registry.cn-shanghai.cr.aliyuncs.com may not get the credential; if it is right, add it to tokenHosts',
    ),
    {},
    /^if auth\.example is the own token server of registry acr, add it to its `tokenHosts`; if not, /,
  ],
  [
    'ACR: no temporary password',
    'destination-denied',
    'registry acr: its credential cannot be read: 403 InvalidAccessKeyId',
    { destination: { ...anonymous, aliyun } },
    /^run `tagferry doctor`: the identity in `aliyun` of registry acr gets no temporary password$/,
  ],
  [
    'the Personal Edition, old',
    'destination-denied',
    at('destination', '401'),
    { destination: { url: 'https://registry-vpc.cn-hangzhou.aliyuncs.com' } },
    /^set `url` of registry acr to .*this host is the Personal Edition$/,
  ],
  [
    'the Personal Edition, new',
    'destination-denied',
    at('destination', '401'),
    { destination: { url: 'https://crpi-abc.cn-hangzhou.personal.cr.aliyuncs.com' } },
    /Personal Edition$/,
  ],
  [
    'no login at the destination',
    'destination-denied',
    at('destination', '401'),
    { destination: anonymous },
    /^set `username` and `passwordFile`, or `aliyun` of registry acr: it is asked without a login$/,
  ],
  [
    'a Harbor as destination',
    'destination-denied',
    at('destination', '401'),
    { destination: { type: 'harbor' } },
    /^let pusher@1000000000000001 push in project mirror of .*make the project if it is missing/,
  ],
  [
    'another registry as destination',
    'destination-denied',
    at('destination', '401'),
    { destination: { type: 'oci' } },
    /^let pusher@1000000000000001 push mirror\/app at demo-registry/,
  ],
  [
    'an immutable tag at ACR',
    'destination-immutable',
    at('destination', 'cannot be overwritten'),
    {},
    /^if v1 is meant to move: Container Registry console → instance → Repositories → mirror\/app → .*`tagferry tasks retry ID`; if not, leave it out by `tags` of rule library$/,
  ],
  [
    'an immutable tag at Harbor',
    'destination-immutable',
    at('destination', 'immutable'),
    { destination: { type: 'harbor' } },
    /Harbor, project mirror, Policy → Tag immutability: exclude mirror\/app, then /,
  ],
  [
    'attestations',
    'artifact-refused',
    at('destination', 'unknown manifest class for x'),
    {},
    /^build it without attestations .*, or leave the tag out of rule library: `tags: \[\.\.\., "!v1"\]`$/,
  ],
  [
    'schema 1',
    'artifact-refused',
    at('destination', 'it takes no Docker schema 1'),
    {},
    /^push it again with a current docker or skopeo, or leave /,
  ],
  ['too large', 'artifact-refused', at('destination', '413'), {}, /^leave the tag out of rule library/],
  [
    'a name',
    'name-invalid',
    'acr cannot have it',
    {},
    /^change `repository` .*of rule library .*`tagferry plan --rule library` shows the names$/,
  ],
  [
    'two names',
    'name-collision',
    'both',
    {},
    /^give one of the two repositories another `repository` in its rule; /,
  ],
  ['a blob that is gone', 'not-found', at('source', '404'), {}, /^push library\/app:v1 again at the source/],
  [
    'a pause at the destination',
    'rate-limited',
    at('destination', '429'),
    {},
    /of registry acr; what waits goes on by itself$/,
  ],
  ['a pause at the source', 'rate-limited', at('source', '429'), {}, /of registry harbor; /],
  [
    'refused by ACR',
    'unreachable',
    at('destination', 'connect ECONNRESET'),
    {},
    /^try `curl -i https:\/\/demo-registry.*\/v2\/` on this machine, and see to public access and its whitelist .*`tagferry doctor` tells which$/,
  ],
  [
    'refused by Harbor',
    'unreachable',
    at('source', 'connect ECONNREFUSED'),
    {},
    /^try `curl -i https:\/\/harbor\.example\.com\/v2\/` on this machine, and see to firewall and proxy/,
  ],
  [
    '5xx',
    'unreachable',
    at('destination', 'answered 502 (bad gateway)'),
    {},
    /^look at the log of demo-registry/,
  ],
  [
    'no such name',
    'unreachable',
    at('source', 'getaddrinfo ENOTFOUND harbor.example.com'),
    {},
    /^correct `url` of registry harbor, .*: harbor\.example\.com is not found$/,
  ],
  [
    'a VPC name outside',
    'unreachable',
    at('destination', 'getaddrinfo ENOTFOUND x'),
    { destination: { url: 'https://demo-registry-vpc.cn-shanghai.cr.aliyuncs.com' } },
    /is not found \(a -vpc name is known only inside of a linked VPC\)$/,
  ],
  [
    'silence',
    'timeout',
    at('source', 'no answer'),
    {},
    /; if the registry is only slow, raise `idleTimeout` \(60 s\) of registry harbor$/,
  ],
  [
    'an authority that is not known',
    'tls',
    at('source', 'unable to verify the first certificate'),
    {},
    /^set `caFile` of registry harbor to .*openssl s_client -showcerts -connect harbor\.example\.com:443/,
  ],
  [
    'plain HTTP',
    'tls',
    at('destination', 'expected TLS, got something else, probably plain HTTP'),
    {},
    /^write http:\/\/ in `url` of registry acr/,
  ],
  [
    'expired',
    'tls',
    at('source', 'certificate has expired'),
    {},
    /^renew the certificate of harbor\.example\.com, or set this machine's clock$/,
  ],
  [
    'another name',
    'tls',
    at('source', "Hostname/IP does not match certificate's altnames"),
    {},
    /^write a name that is in the certificate into `url` of registry harbor/,
  ],
  [
    'other bytes',
    'corrupt',
    at('source', 'expected sha256:1'),
    {},
    /^look whether a proxy between here and harbor\.example\.com changes answers/,
  ],
  [
    'no registry',
    'protocol',
    at('destination', 'expected JSON'),
    {},
    /^see whether a registry answers at https:\/\/demo-registry.*: `curl -i /,
  ],
  ['a defect', 'internal', 'undefined is not a function', {}, /^report it with the log lines/],
];

for (const [what, reason, message, given, expected] of rows) {
  test(`${reason}: ${what}`, () => {
    const hint = hintOf(reason, message, given);
    assert.match(hint, expected);
    assert.doesNotMatch(hint, /fixed-password|Harbor12345|of-the-access-key|undefined/);
  });
}

test('each reason has its hint', () => {
  assert.deepEqual(new Set(rows.map(([, reason]) => reason)), new Set(reasons));
});

test('a registry that is not in the configuration any more is named', () => {
  const hint = hintFor([harborConfig()])({ reason: 'internal', message: '' }, copy);
  assert.match(hint, /^put registry acr back into `registries`, or cancel the task/);
});
