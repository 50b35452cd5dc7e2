import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

const dockerfile = read('Dockerfile');

test('the Dockerfile runs the steps that the packed install runs without an engine', () => {
  const script = read('test/frame/pack-install.sh');
  const steps = [...dockerfile.matchAll(/^RUN (npm (?:pack|install) .*)$/gm)].map(([, step = '']) => step);
  assert.equal(steps.length, 2);
  for (const step of steps) {
    const line = step.replace('/packed/', '"$packed"/').replace(/ \/packed$/, ' "$packed"');
    assert.ok(script.includes(`\n${line}\n`), `${line} is not in the script`);
  }
});

test('the image: not root, stopped by SIGTERM, healthy without curl, its database on a volume', () => {
  const final = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  assert.match(final, /^USER node$/m);
  assert.match(final, /^STOPSIGNAL SIGTERM$/m);
  assert.match(final, /^VOLUME \/var\/lib\/tagferry\/data$/m);
  assert.match(final, /^HEALTHCHECK .*\\\n {2}CMD \["node", /m);
  assert.doesNotMatch(dockerfile, /curl|wget/);
});

test('the health check of the image tells a healthy server from a sick and from a missing one', async (t) => {
  const [, command = ''] = /^HEALTHCHECK [^\n]*\n {2}CMD (.*)$/m.exec(dockerfile) ?? [];
  const [, ...args]: string[] = JSON.parse(command);
  let status = 200;
  const server = createServer((_, response) => response.writeHead(status).end());
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address);
  const env = { TAGFERRY_HEALTH_URL: `http://127.0.0.1:${address.port}/healthz` };
  const check = async () => {
    const [code] = await once(spawn(process.execPath, args, { env, stdio: 'ignore' }), 'exit');
    return code;
  };

  assert.equal(await check(), 0);
  status = 503;
  assert.equal(await check(), 1);
  server.close();
  assert.equal(await check(), 1);
});

test('what the image copies is not ignored', () => {
  const kept = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const { files } = JSON.parse(read('package.json'));
  for (const file of ['package.json', 'package-lock.json', 'tsconfig.build.json', 'src', ...files]) {
    if (file !== 'dist') assert.ok(kept.includes(file), `${file} is missing in .dockerignore`);
  }
});

test('the lock file names no registry, and every direct version is exact', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved"|https?:\/\/registry/);
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(String(version), /^\d+\.\d+\.\d+$/, name);
  }
});

test('CI runs the test command of the README, then every other gate', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const steps = [...read('.ci/run').matchAll(/^step npm (?:run )?([\w-]+)$/gm)].map(([, step = '']) => step);
  assert.deepEqual(steps, ['ci', 'test', 'lint', 'types', 'format', 'dead-code', 'pack-install']);
  for (const step of steps.slice(1)) assert.ok(Object.hasOwn(scripts, step), `${step} is no script`);
  assert.ok(read('README.md').includes('npm ci && npm test'));
});

test('the lock file names the packages of every platform, and builds nothing', () => {
  const lock: { packages: Record<string, { optionalDependencies?: object; gypfile?: boolean }> } = JSON.parse(
    read('package-lock.json'),
  );
  const { packages } = lock;
  const wanted = Object.values(packages).flatMap((each) => Object.keys(each.optionalDependencies ?? {}));
  // npm 11.12 and later refuse a lock file without them: `npm ci` would fail on every machine.
  assert.deepEqual(
    wanted.filter((name) => packages[`node_modules/${name}`] === undefined),
    [],
  );
  // It brings its binaries; without this npm builds it anew, which needs Python and a compiler.
  assert.equal(packages['node_modules/better-sqlite3']?.gypfile, false);
});
