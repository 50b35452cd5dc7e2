import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { empty, json } from '../../src/demo/registry/call.ts';
import { startCallServer } from '../support/call-server.ts';
import { expiredCertificate, selfSigned } from '../support/certificate.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { answer, redirect } from '../support/fault.ts';
import { allPermissions } from '../support/harbor-rest.ts';
import { type HarborBed, startHarborBed } from './harbor-stand.ts';

/* Each test breaks one thing of a Harbor in which all is well, and expects the one finding, with what a user needs. */

test('Harbor: where all is well, nothing is told, no cookie comes back, and nothing is written', async (t) => {
  const bed = await startHarborBed(t);
  const { told, words } = await bed.diagnose();
  assert.deepEqual(told, []);
  assert.match(
    words('harbor-tls').trim(),
    /^Harbor answers at https:\/\/.*, its certificate is verified by .*harbor-ca\.pem$/,
  );
  assert.equal(words('harbor-pull').trim(), 'robot$mirror can pull from team');
  assert.match(
    words('harbor-webhook').trim(),
    /^team: events go to http:\/\/127\.0\.0\.1:\d+\/webhooks\/harbor$/,
  );
  assert.equal(words('harbor-version').trim(), 'Harbor v2.16.0-c50c7ddd');
  assert.deepEqual(bed.rest.cookies, []);
  assert.deepEqual([...new Set(bed.server.requests.map(({ method }) => method))], ['GET']);
});

interface Broken {
  what: string;
  break: (bed: HarborBed) => unknown;
  told: string[];
  words: RegExp[];
}

const version = (text: string) => (bed: HarborBed) => (bed.rest.version = text);
const without = (permission: string) => (bed: HarborBed) => {
  bed.robot.projects.team = allPermissions.filter((one) => one !== permission);
};
const target = (change: Record<string, unknown>) => (bed: HarborBed) =>
  Object.assign(bed.policy.targets[0] ?? {}, change);

const broken: Broken[] = [
  {
    what: 'a certificate that is not verified',
    break: ({ registry }) => {
      delete registry.caFile;
      registry.insecureSkipVerify = true;
    },
    told: ['harbor-tls warn not-verified'],
    words: [/registries\.harbor\.caFile/, /systeminfo\/getcert -o harbor-ca\.pem/],
  },
  {
    what: 'an authority that is not known',
    break: ({ registry }) => delete registry.caFile,
    told: ['harbor-tls error certificate'],
    words: [
      /getcert -o harbor-ca\.pem/,
      /openssl s_client -connect 127\.0\.0\.1:\d+ -showcerts/,
      /caFile: harbor-ca\.pem/,
    ],
  },
  {
    what: 'a redirect to another address',
    break: ({ server }) => server.faults.always(/^GET/, redirect('https://harbor.example.com/', 301)),
    told: ['harbor-tls error redirect'],
    words: [
      /answered 301, a redirect to https:\/\/harbor\.example\.com/,
      /registries\.harbor\.url: https:\/\/harbor\.example\.com/,
    ],
  },
  {
    what: 'something else in its place',
    break: ({ server }) => server.faults.always(/\/api\//, answer(404, {}, 'no such page')),
    told: ['harbor-tls error no-harbor'],
    words: [/api\/v2\.0\/ping answered 404, where Harbor answers Pong/, /registries\.harbor\.type: oci/],
  },
  {
    what: 'a password that is wrong',
    break: ({ registry }) => (registry.password = 'another-hush'),
    told: ['credential error wrong-credential'],
    words: [/robot\$name/],
  },
  {
    what: 'an account that only the token service knows',
    break: ({ server }) => server.faults.always(/users\/current/, answer(401, {}, '{}')),
    told: ['harbor-pull error unknown-account'],
    words: [/Harbor does not know robot\$mirror/, /Refresh Secret/],
  },
  {
    what: 'a user in place of a robot',
    break: (bed) => {
      bed.robot.name = 'alice';
      bed.registry.username = 'alice';
    },
    told: ['harbor-pull warn user-account'],
    words: [/120-160 ms/, /New Robot Account/],
  },
  {
    what: 'a project from which the robot may not pull',
    break: without('repository:pull'),
    told: ['harbor-pull error no-pull'],
    words: [/robot\$mirror cannot pull from team/, /repository:pull/],
  },
  {
    what: 'a project that a rule spells out, and that is not there',
    break: (bed) => (bed.repositories = ['team/**', 'nosuch/app']),
    told: ['harbor-pull error no-project'],
    words: [/no project nosuch/],
  },
  {
    what: 'rules that match no project',
    break: (bed) => (bed.repositories = ['nosuch-*/**']),
    told: ['harbor-pull warn no-project', 'harbor-deliveries skipped no-policy'],
    words: [/a pattern begins with the name of a project/],
  },
  {
    what: 'rules that match nothing but a proxy cache',
    break: (bed) => {
      bed.rest.content.project('hub', { proxyCache: true });
      bed.robot.projects.hub = allPermissions;
      bed.repositories = ['hub/**'];
    },
    told: ['harbor-pull warn proxy-cache', 'harbor-deliveries skipped no-policy'],
    words: [/but proxy caches: hub$/m, /name the repositories without a pattern/],
  },
  ...['artifact:list', 'repository:list', 'log:list'].map((permission) => ({
    what: `a robot without ${permission}`,
    break: without(permission),
    told: ['harbor-pull warn no-permission'],
    words: [new RegExp(`robot\\$mirror lacks ${permission} in team`), /Robot Accounts > the robot > Edit/],
  })),
  {
    what: 'a robot that may not list policies',
    break: without('notification-policy:list'),
    told: ['harbor-webhook warn no-permission', 'harbor-deliveries skipped no-policy'],
    words: [/robot\$mirror lacks notification-policy:list in team/],
  },
  {
    what: 'a robot that may not read deliveries',
    break: without('notification-policy:read'),
    told: ['harbor-deliveries warn no-permission'],
    words: [/robot\$mirror lacks notification-policy:read in team/],
  },
  ...['v2.11.1-abc', 'v2.11.2', 'v2.12.0-rc1'].map((release) => ({
    what: `Harbor ${release}, which is silent on retags`,
    break: version(release),
    told: ['harbor-version warn no-event-for-retags'],
    words: [/Harbor v2\.1/, /2\.12\.1 or later/],
  })),
  {
    what: 'a Harbor before 2.11.1, which lists no project whole',
    break: version('v2.10.3'),
    told: ['harbor-version warn no-project-lists'],
    words: [/2\.11\.1/],
  },
  {
    what: 'a Harbor before 2.8, which remembers no deliveries',
    break: version('v2.7.4'),
    told: ['harbor-version warn no-executions', 'harbor-deliveries skipped no-executions'],
    words: [/before 2\.8 Harbor remembers no deliveries/],
  },
  {
    what: 'a jobservice that is not well',
    break: ({ rest }) => (rest.about.ill.jobservice = 'dial tcp: connection refused'),
    told: ['harbor-health error not-delivering'],
    words: [/jobservice: dial tcp: connection refused/, /not sent/],
  },
  {
    what: 'a Redis that is not well',
    break: ({ rest }) => (rest.about.ill.redis = ''),
    told: ['harbor-health error not-delivering'],
    words: [/redis: unhealthy/],
  },
  {
    what: 'another part that is not well',
    break: ({ rest }) => (rest.about.ill.registryctl = 'connection refused'),
    told: ['harbor-health warn unhealthy'],
    words: [/registryctl/],
  },
  {
    what: 'read-only mode',
    break: ({ rest }) => (rest.about.readOnly = true),
    told: ['harbor-read-only warn read-only'],
    words: [/Repository Read Only/],
  },
  {
    what: 'a clock that is behind',
    break: (bed) => (bed.rest.about.now = () => Date.now() - 600_000),
    told: ['harbor-clock warn clock-skew'],
    words: [/this machine's clock is (599|600|601) s ahead of Harbor's/, /timedatectl/],
  },
  {
    what: 'another external URL',
    break: ({ rest }) => (rest.about.externalUrl = 'https://reg.example.com'),
    told: ['harbor-external-url warn other-host'],
    words: [/calls itself https:\/\/reg\.example\.com, and is used here as https:\/\/127/, /externalURL/],
  },
  {
    what: 'an external URL of the other scheme',
    break: ({ rest, server }) => (rest.about.externalUrl = server.url.replace('https', 'http')),
    told: ['harbor-external-url warn other-scheme'],
    words: [/sends whoever wants a token to http:/],
  },
  {
    what: 'notifications that are switched off',
    break: ({ rest }) => (rest.about.notificationEnable = false),
    told: ['harbor-notifications error notifications-off'],
    words: [
      /notification_enable is false/,
      /"notification_enable":true\}' https:\/\/127\.\S+\/api\/v2\.0\/configurations/,
    ],
  },
  {
    what: 'no webhook.url',
    break: ({ webhook }) => delete webhook.url,
    told: ['harbor-webhook skipped needs-url', 'harbor-webhook-url skipped needs-url'],
    words: [/webhook\.url is not in the configuration/],
  },
  {
    what: 'no policy',
    break: ({ rest }) => (rest.content.policies.length = 0),
    told: ['harbor-webhook error missing', 'harbor-deliveries skipped no-policy'],
    words: [/no webhook policy of this mirror in team/, /tagferry webhook install/],
  },
  {
    what: 'a policy that is switched off',
    break: ({ policy }) => (policy.enabled = false),
    told: ['harbor-webhook error disabled'],
    words: [/policy "tagferry" of team: enabled is false, wanted true/],
  },
  {
    what: 'a policy that does not tell of pushes',
    break: ({ policy }) => (policy.events = ['DELETE_ARTIFACT', 'SCANNING_COMPLETED']),
    told: ['harbor-webhook error events'],
    words: [/pushes are not told/],
  },
  {
    what: 'a policy that does not tell of scans',
    break: ({ policy }) => (policy.events = ['DELETE_ARTIFACT', 'PUSH_ARTIFACT']),
    told: ['harbor-webhook warn events'],
    words: [/holds back until its scan/],
  },
  {
    what: 'a policy with the other scheme',
    break: (bed) => target({ address: `${bed.mirror.url.replace('http', 'https')}/webhooks/harbor` })(bed),
    told: ['harbor-webhook error address'],
    words: [/address is https:\/\/127.*, wanted http:\/\/127/],
  },
  {
    what: 'a policy with another secret',
    break: target({ auth_header: 'Bearer other-hush' }),
    told: ['harbor-webhook error secret'],
    words: [/auth_header is another value, wanted webhook\.secrets\[0\]/, /refuses every event with 401/],
  },
  {
    what: 'a policy with the secret that is being replaced',
    break: ({ webhook }) => (webhook.secrets = ['Bearer newer-hush', 'Bearer of-the-webhook']),
    told: ['harbor-webhook warn old-secret'],
    words: [/auth_header is webhook\.secrets\[1\]/],
  },
  {
    what: 'a policy without verification',
    break: target({ skip_cert_verify: true }),
    told: ['harbor-webhook warn verification'],
    words: [/Harbor takes any certificate/],
  },
  {
    what: 'a policy of the other format',
    break: target({ payload_format: 'CloudEvents' }),
    told: ['harbor-webhook warn format'],
    words: [/payload_format is CloudEvents, wanted Default/],
  },
  {
    what: 'a second policy to the same mirror',
    break: ({ rest, policy }) => {
      const events = [...policy.events];
      Object.assign(rest.content.policy('team', 'by hand', { ...policy.targets[0] }), { events });
    },
    told: ['harbor-webhook warn doubled'],
    words: [/further policies that send here: "by hand"/],
  },
  {
    what: 'a redirect in front of the mirror that loses events',
    break: ({ mirror }) => (mirror.answer = empty(301, { location: 'https://mirror.example.com/x?a=hush' })),
    told: ['harbor-webhook-url error redirect'],
    words: [/every event is lost in silence/, /webhook\.url \(https:\/\/mirror\.example\.com\/x\)/],
  },
  {
    what: 'a redirect in front of the mirror that keeps them',
    break: ({ mirror }) => (mirror.answer = empty(308, { location: 'https://mirror.example.com/x' })),
    told: ['harbor-webhook-url warn redirect'],
    words: [/follows it with the event/],
  },
  {
    what: 'something else in the place of the mirror',
    break: ({ mirror }) => (mirror.answer = json(404, {})),
    told: ['harbor-webhook-url error no-mirror'],
    words: [/answered 404, where the mirror answers 405/],
  },
  {
    what: 'a mirror that is not running',
    break: ({ webhook, policy }) => {
      webhook.url = 'http://127.0.0.1:1';
      policy.targets[0] = { ...policy.targets[0], address: 'http://127.0.0.1:1/webhooks/harbor' };
    },
    told: ['harbor-webhook-url warn not-reached'],
    words: [/start it: tagferry serve/],
  },
  {
    what: 'a mirror that was started with another secret',
    break: ({ mirror }) => (mirror.refuses = true),
    told: ['harbor-webhook-url error other-secret'],
    words: [/does not know webhook\.secrets\[0\]/, /the file and the variables of the mirror/],
  },
];

for (const { what, break: change, told: expected, words } of broken) {
  test(`Harbor: ${what}: exactly that is told`, async (t) => {
    const bed = await startHarborBed(t);
    change(bed);
    const { told, words: wordsOf } = await bed.diagnose();
    // Of what cannot be asked, only the check that says why is more than left out.
    const [first = ''] = expected;
    const isFirst = /^(harbor-tls error|credential)/.test(first);
    assert.deepEqual(isFirst ? told.filter((line) => !line.endsWith('skipped depends')) : told, expected);
    const all = wordsOf(first.split(' ')[0] ?? '');
    for (const word of words) assert.match(all, word);
    assert.doesNotMatch(all, /hush/);
  });
}

const post = 'error to send request: Post "http://mirror.example.com/webhooks/harbor?a=hush"';
const lost: [code: string, log: string, word: RegExp][] = [
  [
    'lost-tls',
    `${post}: tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    /trust-certificates/,
  ],
  [
    'lost-proxy',
    `${post}: proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused`,
    /no_proxy/,
  ],
  ['lost-name', `${post}: dial tcp: lookup mirror.example.com on 127.0.0.11:53: no such host`, /can look up/],
  [
    'lost-refused',
    `${post}: dial tcp 127.0.0.1:9: connect: connection refused`,
    /server\.listen must not be 127\.0\.0\.1.*\n.*curl -i https?:\/\/\S+\/webhooks\/harbor has to/,
  ],
  [
    'lost-timeout',
    `${post}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    /webhook_job_http_client_timeout/,
  ],
  [
    'lost-unauthorized',
    'abnormal response code: 401, body: Expected an Authorization header',
    /webhook install.*\n.*running mirror has another value/,
  ],
  ['lost-redirect', 'abnormal response code: 405, body: Method Not Allowed', /a GET of the event/],
  ['lost-path', 'abnormal response code: 404, body: page not found', /path prefix/],
  ['lost-server', 'abnormal response code: 500, body: storage down', /readyz/],
  ['lost', 'something that nobody has seen so far', /its executions have logs/],
];

for (const [code, log, word] of lost) {
  test(`Harbor: an event that was given up, ${code}: in Harbor's own words, and what to do`, async (t) => {
    const bed = await startHarborBed(t);
    const { content } = bed.rest;
    content.delivery(bed.policy);
    content.delivery(bed.policy, log);
    const { told, words } = await bed.diagnose();
    assert.deepEqual(told, [`harbor-deliveries error ${code}`]);
    const all = words('harbor-deliveries');
    assert.match(
      all,
      /^1 of the last 2 events of team were given up, the newest of 20\d\d-.*; Harbor says: /,
    );
    assert.match(all, word);
    assert.doesNotMatch(all, /hush/);
  });
}

test('Harbor: what was given up is a warning once a later event has arrived', async (t) => {
  const bed = await startHarborBed(t);
  const first = bed.rest.content.delivery(bed.policy, 'abnormal response code: 500, body: storage down');
  first.startedAt = '2026-11-01T00:00:00.000Z';
  bed.rest.content.delivery(bed.policy);
  const { told, words } = await bed.diagnose();
  assert.deepEqual(told, ['harbor-deliveries warn lost-server']);
  assert.match(words('harbor-deliveries'), /later events have arrived/);
});

test('Harbor: deliveries are looked at without webhook.url, too', async (t) => {
  const bed = await startHarborBed(t);
  delete bed.webhook.url;
  bed.rest.content.delivery(bed.policy, 'abnormal response code: 500, body: storage down');
  const { told } = await bed.diagnose();
  assert.deepEqual(
    told.filter((line) => line.startsWith('harbor-deliveries')),
    ['harbor-deliveries error lost-server'],
  );
});

test('Harbor: of many projects the first are looked at, and that is said', async (t) => {
  const bed = await startHarborBed(t);
  bed.repositories = ['**'];
  for (let number = 10; number < 22; number++) {
    bed.robot.projects[`p${number}`] = allPermissions;
    bed.rest.content.project(`p${number}`);
  }
  const { told, words } = await bed.diagnose();
  assert.deepEqual(told, ['harbor-webhook error missing', 'harbor-deliveries skipped no-policy']);
  assert.match(words('harbor-pull'), /^robot\$mirror can pull from p10, .*p19 \(the first 10 of 13\)/);
});

test('Harbor: a proxy cache beside other projects is no fault, and it is said that it is left out', async (t) => {
  const bed = await startHarborBed(t);
  bed.rest.content.project('hub', { proxyCache: true });
  bed.robot.projects['hub'] = allPermissions;
  bed.repositories = ['**'];
  const { told, words } = await bed.diagnose();
  assert.deepEqual(told, []);
  assert.match(words('harbor-pull'), /can pull from team; proxy caches are left out: hub$/m);
});

test('Harbor: its words are one line of bounded length, without a secret of ours', async (t) => {
  const bed = await startHarborBed(t);
  bed.rest.content.delivery(
    bed.policy,
    `abnormal response code: 500, body: Bearer of-the-webhook \u001b[31m${'x'.repeat(9_000)}`,
  );
  const { told, words } = await bed.diagnose();
  assert.deepEqual(told, ['harbor-deliveries error lost-server']);
  const [saw = ''] = words('harbor-deliveries').split('\n');
  assert.ok(saw.length < 700);
  assert.doesNotMatch(saw, /of-the-webhook|\u001b/);
});

test('Harbor: a clock of this machine that is behind is told once', async (t) => {
  const bed = await startHarborBed(t);
  bed.clock = { ...systemClock, now: () => systemClock.now() - 600_000 };
  const { told, words } = await bed.diagnose();
  assert.deepEqual(told, ['harbor-clock warn clock-skew']);
  assert.match(words('harbor-clock'), /s behind Harbor's/);
});

for (const [code, made, words] of [
  ['certificate', selfSigned, /SSL_CERT_FILE/],
  ['certificate-expired', expiredCertificate, /renew it in Harbor/],
] as const) {
  test(`Harbor: a certificate that nobody has signed, or no longer (${code})`, async (t) => {
    const bed = await startHarborBed(t, await made());
    delete bed.registry.caFile;
    const report = await bed.diagnose();
    assert.deepEqual(
      report.told.filter((line) => !line.endsWith('depends')),
      [`harbor-tls error ${code}`],
    );
    assert.match(report.words('harbor-tls'), words);
  });
}

test('Harbor: a certificate for another name, where a proxy leads to the one that is written', async (t) => {
  const bed = await startHarborBed(t);
  const proxy = await startConnectProxy(t, new URL(bed.server.url).host);
  bed.env.HTTPS_PROXY = `http://${proxy.host}`;
  // It has registry.example, which the proxy knows by this name, too.
  bed.registry.url = 'https://registry.example:443';
  assert.deepEqual((await bed.diagnose()).told, []);
  const lonely = await selfSigned();
  const other = await startHarborBed(t, lonely);
  const toOther = await startConnectProxy(t, new URL(other.server.url).host);
  other.env.HTTPS_PROXY = `http://${toOther.host}`;
  await writeFile(String(other.registry.caFile), lonely.cert);
  other.registry.url = 'https://registry.example';
  const { told, words } = await other.diagnose();
  assert.deepEqual(
    told.filter((line) => !line.endsWith('depends')),
    ['harbor-tls error certificate-name'],
  );
  assert.match(words('harbor-tls'), /write a name that the certificate has into registries\.harbor\.url/);
});

test('Harbor: plain HTTP is a warning, and what speaks it where HTTPS is written is told', async (t) => {
  const bed = await startHarborBed(t);
  const { rest } = bed;
  const plain = await startCallServer(t, (call) =>
    call.path.startsWith('/api/') ? rest.answer(call) : empty(200),
  );
  delete bed.registry.caFile;
  bed.registry.url = plain.url;
  assert.deepEqual(
    (await bed.diagnose()).told.filter((line) => line.startsWith('harbor-tls')),
    ['harbor-tls warn plain-http'],
  );
  bed.registry.url = plain.url.replace('http', 'https');
  const { told, words } = await bed.diagnose();
  assert.deepEqual(
    told.filter((line) => !line.endsWith('depends')),
    ['harbor-tls error plain-http-there'],
  );
  assert.match(words('harbor-tls'), /speaks plain HTTP at this port/);
});

test('Harbor: one that hangs is told in time, and nothing else is blamed', async (t) => {
  const bed = await startHarborBed(t);
  const never = Promise.withResolvers<'reset'>();
  t.after(() => never.resolve('reset'));
  bed.server.faults.always(/^GET/, async () => never.promise);
  bed.registry.idleTimeout = '300ms';
  const { told } = await bed.diagnose();
  assert.deepEqual(
    told.filter((line) => !line.endsWith('depends')),
    ['harbor-tls error timeout'],
  );
});

test('Harbor: who asks without an account is told what that means, and nothing is invented', async (t) => {
  const bed = await startHarborBed(t);
  delete bed.registry.username;
  delete bed.registry.password;
  bed.rest.content.project('team', { public: true });
  const { told } = await bed.diagnose();
  assert.ok(told.includes('credential warn anonymous'), told.join('\n'));
  assert.ok(told.includes('harbor-version skipped needs-account'), told.join('\n'));
});

test('Harbor: what does not answer as a mirror does gets no secret', async (t) => {
  const bed = await startHarborBed(t);
  await bed.diagnose();
  const asked = () => bed.mirror.requests.map(({ authorization }) => authorization);
  assert.deepEqual(asked(), ['none', 'bearer']);
  bed.mirror.requests.length = 0;
  bed.mirror.answer = { status: 200, headers: {} };
  await bed.diagnose();
  assert.deepEqual(asked(), ['none']);
});
