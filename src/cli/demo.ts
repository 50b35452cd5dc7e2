import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { startDemo } from '../demo/demo.ts';
import type { Demo } from '../demo/demo.ts';
import { demoImage } from '../demo/image.ts';
import { basic, password } from '../demo/login.ts';
import { push } from '../demo/push.ts';
import { stopSignal } from './stop-signal.ts';

const source = { repository: 'library/team/web', tag: '1.0' };
const destination = { repository: 'library/team-web', tag: '1.0' };

/** Milliseconds for a tag to arrive: a hundred times what it takes. */
const patience = 30_000;

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'Everything in one process on an empty machine: a push, its webhook, the copy, and what to look at.',
    )
    .option('--once', 'end when the tag has arrived (exit 0) or has not (exit 1)')
    .action(async (options: { once?: boolean }) => demo(options.once === true));
}

async function demo(once: boolean): Promise<void> {
  const running = await startDemo({ verbose: !once });
  try {
    await show(running);
    console.log(once ? afterwards : whatToTry(running));
    if (!once) await stopSignal();
  } finally {
    await running.close();
  }
}

async function show({ harbor, acr, mirror, deliveries }: Demo): Promise<void> {
  console.log(`Harbor    ${harbor.url}   (embedded)`);
  console.log(`ACR EE    ${acr.url}   (embedded)`);
  console.log(`Tagferry  ${mirror.url}\n`);
  const image = demoImage('hello');
  const begun = performance.now();
  await push(harbor.url, source.repository, source.tag, image);
  console.log(`pushed    ${source.repository}:${source.tag}   ${image.index.digest}`);
  const digest = await arrival(acr.url, image.index.digest);
  const ms = Math.round(performance.now() - begun);
  console.log(`webhook   ${deliveries[0] ?? 'not answered yet'}`);
  console.log(`arrived   ${destination.repository}:${destination.tag}   ${digest}`);
  console.log(`          the same digest: an index of two platforms, ${ms} ms after the push began\n`);
}

async function arrival(acr: string, wanted: string): Promise<string> {
  const url = `${acr}/v2/${destination.repository}/manifests/${destination.tag}`;
  const headers = { authorization: basic, accept: 'application/vnd.oci.image.index.v1+json' };
  for (let waited = 0; waited < patience; waited += 20) {
    const answer = await fetch(url, { method: 'HEAD', headers });
    const digest = answer.headers.get('docker-content-digest');
    if (answer.ok && digest === wanted) return digest;
    await systemClock.sleep(20);
  }
  throw new Error(`the tag did not arrive within ${patience / 1000} s; \`tagferry demo\` shows the log`);
}

/** How this very program is called again: from a checkout by npm, installed by its name. */
const tagferry = ['run', 'run-script'].includes(process.env['npm_command'] ?? '')
  ? 'npm run tagferry --'
  : 'tagferry';

const example = fileURLToPath(new URL('../../config/tagferry.example.yaml', import.meta.url));

const afterwards = `What to try next:
  ${tagferry} demo
      the same, left running, to push to and to look at
  ${tagferry} serve --config FILE
      the mirror itself; every setting is in ${example}
  README.md, "Point Harbor at it"`;

function whatToTry({ harbor, acr, mirror }: Demo): string {
  const hosts = [harbor, acr].map(({ url }) => new URL(url).host);
  const login = `${password}:${password}`;
  return `What to try next, in another terminal (Ctrl-C ends the demo):
  curl -s -H 'Authorization: Bearer ${password}' ${mirror.url}/api/v1/tasks
  curl -s ${mirror.url}/metrics | grep ^tagferry
  curl -s -u ${login} http://${hosts[1]}/v2/${destination.repository}/tags/list
  TAGFERRY_ADMIN_TOKEN=${password} ${tagferry} tasks list --server ${mirror.url}
  skopeo copy --all --src-tls-verify=false --src-creds ${login} --dest-tls-verify=false --dest-creds ${login} \\
    docker://${hosts[0]}/${source.repository}:${source.tag} docker://${hosts[0]}/library/app:1
`;
}
