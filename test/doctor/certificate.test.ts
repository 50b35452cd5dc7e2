import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { empty } from '../../src/demo/registry/call.ts';
import { accessKey, instanceId } from '../support/acr-openapi.ts';
import { startAcr } from '../support/acr-standin.ts';
import { pusher } from '../support/acr-tokens.ts';
import { startCallServer } from '../support/call-server.ts';
import { certificate, expiredCertificate, selfSigned, type Signer } from '../support/certificate.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { diagnose, told, wordsOf } from './stand.ts';

/* Certificates at an ACR and at its OpenAPI: one cause is one finding, and says what is wrong with it. */

interface Row {
  code: string;
  signer: () => Promise<Signer>;
  /** Under which name the server is asked. */
  host: string;
  trusted: boolean;
  words: RegExp;
}

const rows: Row[] = [
  {
    code: 'certificate-expired',
    signer: expiredCertificate,
    host: '127.0.0.1',
    trusted: true,
    words: /not valid today.*\ndate shows the clock.* openssl s_client -connect 127\.0\.0\.1:\d+ /,
  },
  {
    code: 'certificate-name',
    signer: selfSigned,
    host: 'localhost',
    trusted: true,
    words: /for another name.*\nopenssl s_client -connect localhost:\d+ .*subjectAltName/,
  },
  {
    code: 'certificate',
    signer: selfSigned,
    host: '127.0.0.1',
    trusted: false,
    words: /not trusted here.*\nopenssl s_client -connect 127\.0\.0\.1:\d+ .*\n.*`caFile`/,
  },
];

/** A server with that certificate, and the file with what signed it, or did not. */
async function served(t: Ending, { signer, host, trusted }: Row): Promise<{ url: string; caFile: string }> {
  const tls = await signer();
  const { url } = await startCallServer(t, () => empty(200), tls);
  const caFile = join(await temporaryFolder(t), 'ca.pem');
  await writeFile(caFile, trusted ? tls.cert : (await certificate()).ca);
  return { url: `https://${host}:${new URL(url).port}`, caFile };
}

async function errorsOf(t: Ending, registry: object) {
  const acr = { type: 'acr-ee', username: pusher.name, password: pusher.password, ...registry };
  const report = await diagnose(t, {
    registries: { source: { url: 'http://127.0.0.1:1' }, acr },
    rules: [{ name: 'all', source: 'source', repositories: ['mirror/app'], destination: 'acr' }],
  });
  return { errors: told(report).filter((line) => /^acr .* error /.test(line)), report };
}

for (const row of rows) {
  test(`ACR: ${row.code}`, async (t) => {
    const { errors, report } = await errorsOf(t, await served(t, row));
    assert.deepEqual(errors, [`acr whitelist error ${row.code}`]);
    assert.match(wordsOf(report, 'whitelist'), row.words);
  });

  test(`the OpenAPI of an ACR: ${row.code}`, async (t) => {
    const { url: openapiUrl, caFile } = await served(t, row);
    const { url, tokens } = await startAcr(t);
    const tokenHosts = [new URL(tokens.trust.realm).host];
    const aliyun = { ...accessKey, instanceId, region: 'cn-shanghai', openapiUrl };
    const { errors, report } = await errorsOf(t, { url, tokenHosts, caFile, aliyun });
    assert.deepEqual(errors, [`acr instance error ${row.code}`]);
    assert.match(wordsOf(report, 'instance'), row.words);
  });
}
