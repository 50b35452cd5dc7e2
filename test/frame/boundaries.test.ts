import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTemporary, removeTemporary } from '../support/temporary.ts';

/*
 * A canary: files that break the rules, put in a folder of their own under our own lint configuration, are
 * reported, each kind of them. A configuration that silently matches nothing would report none.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));

const edges = ['server', 'state', 'registry', 'harbor', 'aliyun', 'sync'];
const below = [
  'abort',
  'printable',
  'oci',
  'clock',
  'event',
  'copy',
  'rule',
  'task',
  'config',
  'log',
  'metrics',
  'imagesyncer',
];

/** What each part may import; nothing else of ours. */
const mayImport: Record<string, string[]> = {
  abort: [],
  printable: [],
  oci: ['abort', 'printable'],
  clock: ['abort', 'printable'],
  log: ['abort', 'printable'],
  event: ['abort', 'printable', 'oci', 'clock'],
  copy: ['abort', 'printable', 'oci', 'clock', 'event'],
  rule: ['abort', 'printable', 'oci', 'clock', 'event'],
  task: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule'],
  server: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task'],
  state: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task'],
  registry: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task'],
  harbor: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task'],
  aliyun: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task'],
  sync: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task', 'imagesyncer'],
  metrics: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule', 'task'],
  config: ['abort', 'printable', 'oci', 'clock', 'event', 'copy', 'rule'],
  imagesyncer: ['abort', 'printable', 'oci', 'clock', 'event', 'rule', 'config'],
  doctor: [
    'abort',
    'printable',
    'oci',
    'clock',
    'event',
    'copy',
    'rule',
    'task',
    'registry',
    'harbor',
    'aliyun',
  ],
  main: [...below, ...edges, 'doctor'],
  demo: [...below, 'main'],
  cli: [...below, 'main', 'demo', 'sync', 'doctor'],
};

/** Where each vendor may be imported, by folder or file. */
const vendors: Record<string, string[]> = {
  'better-sqlite3': ['state/x'],
  commander: ['cli/x'],
  croner: ['config/x', 'task/schedule'],
  express: ['server/x'],
  'log-update': ['cli/x'],
  minimatch: ['rule/x'],
  'p-queue': ['task/dispatcher'],
  'prom-client': ['metrics'],
  re2js: ['rule/x'],
  undici: ['registry/x', 'harbor/x', 'aliyun/x'],
  winston: ['log'],
  yaml: ['config/x', 'imagesyncer/x'],
  zod: [
    'config/x',
    'event/x',
    'oci/document',
    'oci/manifest',
    'oci/schema1',
    'server/x',
    'harbor/x',
    'aliyun/x',
    'cli/x',
  ],
};

/** Parts that are one file rather than a folder, or a folder beside their file. */
const files = new Set(['abort', 'printable', 'clock', 'log', 'metrics', 'main', 'config']);
const parts = Object.keys(mayImport);

/** One file of every part, without `.ts`, and of what has rules of its own. */
const places = [
  ...parts.map((part) => (files.has(part) ? part : `${part}/x`)),
  'config/x',
  'log/x',
  'main/x',
  'demo/registry/x',
  'elsewhere/x',
  'oci/document',
  'oci/manifest',
  'oci/schema1',
  'task/dispatcher',
  'task/schedule',
];

let folder: string;

before(async () => {
  folder = await makeTemporary();
});
after(() => removeTemporary(folder));

interface Report {
  files: number;
  found: { code: string; filename: string; line: number }[];
}

/** Lints these files, by path below `src` and text, under our configuration. */
async function lint(name: string, sources: Record<string, string>): Promise<Report> {
  const cwd = join(folder, name);
  for (const [path, text] of Object.entries(sources)) {
    await mkdir(join(cwd, 'src', dirname(path)), { recursive: true });
    await writeFile(join(cwd, 'src', path), text);
  }
  await copyFile(join(root, '.oxlintrc.json'), join(cwd, '.oxlintrc.json'));
  const compilerOptions = {
    strict: true,
    module: 'nodenext',
    allowImportingTsExtensions: true,
    noEmit: true,
  };
  await writeFile(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const output = await new Promise<string>((resolve) => {
    const binary = join(root, 'node_modules/.bin/oxlint');
    execFile(binary, ['-f', 'json', 'src'], { cwd, maxBuffer: 2 ** 26 }, (_, stdout) => resolve(stdout));
  });
  const { number_of_files, diagnostics } = JSON.parse(output);
  const found = diagnostics.map(({ code, filename, labels }: Diagnostic) => ({
    code,
    filename: filename.replace(/^src\//, ''),
    line: labels[0]?.span.line ?? 0,
  }));
  return { files: number_of_files, found };
}

interface Diagnostic {
  code: string;
  filename: string;
  labels: { span: { line: number } }[];
}

/** The imports, given by place and specifiers, that are reported: `PLACE SPECIFIER`. */
async function restricted(name: string, specifiers: Record<string, string[]>): Promise<string[]> {
  const sources = Object.entries(specifiers).map(
    ([place, each]) => [`${place}.ts`, importAll(each)] as const,
  );
  const report = await lint(name, Object.fromEntries(sources));
  assert.equal(report.files, sources.length);
  return report.found
    .filter(({ code }) => code === 'eslint(no-restricted-imports)')
    .map(({ filename, line }) => {
      const place = filename.replace(/\.ts$/, '');
      return `${place} ${specifiers[place]?.[line - 1]}`;
    })
    .toSorted();
}

function importAll(specifiers: readonly string[]): string {
  const names = specifiers.map((_, index) => `x${index}`);
  const imports = specifiers.map((specifier, index) => `import { x as x${index} } from '${specifier}';\n`);
  return `${imports.join('')}export const all = [${names.join(', ')}];\n`;
}

/** What `place` writes to import a part. */
function specifierOf(place: string, part: string): string {
  const up = '../'.repeat(place.split('/').length - 1) || './';
  return `${up}${part}${files.has(part) ? '.ts' : '/x.ts'}`;
}

test('imports go downwards only', async () => {
  const partOf = (place: string) => place.split('/')[0] ?? '';
  const all = places
    .filter((place) => partOf(place) !== 'elsewhere')
    .map((place) => [place, parts.filter((part) => part !== partOf(place))] as const);
  const wrong = all.flatMap(([place, others]) =>
    others
      .filter((part) => !mayImport[partOf(place)]?.includes(part))
      .map((part) => `${place} ${specifierOf(place, part)}`),
  );
  const specifiers = all.map(
    ([place, others]) => [place, others.map((part) => specifierOf(place, part))] as const,
  );
  assert.ok(wrong.length > 100);
  assert.deepEqual(await restricted('direction', Object.fromEntries(specifiers)), wrong.toSorted());
});

test('each vendor is imported where it belongs and nowhere else', async () => {
  const all = Object.keys(vendors);
  const wrong = places.flatMap((place) =>
    all.filter((vendor) => !vendors[vendor]?.includes(place)).map((vendor) => `${place} ${vendor}`),
  );
  const specifiers = places.map((place) => [place, all] as const);
  assert.deepEqual(await restricted('vendors', Object.fromEntries(specifiers)), wrong.toSorted());
});

test('every runtime dependency has its place', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.deepEqual(Object.keys(vendors).toSorted(), Object.keys(dependencies).toSorted());
});

test('other ways to import, and part of a vendor, are seen too; a type from the frame is allowed', async () => {
  const { found } = await lint('ways', {
    'oci/export.ts': `export { x } from '../state/x.ts';\n`,
    'oci/star.ts': `export * from '../state/x.ts';\n`,
    'oci/type.ts': `import type { X } from '../state/x.ts';\nexport type Y = X;\n`,
    'oci/part.ts': `import { x } from 'zod/mini';\nexport const y = x;\n`,
    'task/type.ts': `import type { Log } from '../log.ts';\nexport type Y = Log;\n`,
    'task/value.ts': `import { createLog } from '../log.ts';\nexport const y = createLog;\n`,
  });
  const names = found.filter(({ code }) => code.includes('restricted')).map(({ filename }) => filename);
  assert.deepEqual(names.toSorted(), [
    'oci/export.ts',
    'oci/part.ts',
    'oci/star.ts',
    'oci/type.ts',
    'task/value.ts',
  ]);
});

test('cycles, forgotten promises, `any` and doors left open are reported', async () => {
  const { found } = await lint('rules', {
    'oci/a.ts': `import { b } from './b.ts';\nexport const a = (): unknown => b;\n`,
    'oci/b.ts': `import { c } from './c.ts';\nexport const b = (): unknown => c;\n`,
    'oci/c.ts': `import { a } from './a.ts';\nexport const c = (): unknown => a;\n`,
    'oci/promise.ts': `async function later(): Promise<void> {}\nexport function now(): void {\n  later();\n}\n`,
    'oci/any.ts': `export function any(value: any): void {\n  console.log(value);\n}\n`,
    'oci/catch.ts': `export function quiet(run: () => void): void {\n  try {\n    run();\n  } catch {}\n}\n`,
  });
  const got = new Set(found.map(({ code, filename }) => `${filename} ${code}`));
  for (const expected of [
    'oci/a.ts import(no-cycle)',
    'oci/b.ts import(no-cycle)',
    'oci/c.ts import(no-cycle)',
    'oci/promise.ts typescript(no-floating-promises)',
    'oci/any.ts typescript(no-explicit-any)',
    'oci/any.ts eslint(no-console)',
    'oci/catch.ts eslint(no-empty)',
  ]) {
    assert.ok(got.has(expected), `${expected} is not among\n${[...got].join('\n')}`);
  }
});
