import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { spawn } from 'node:child_process';
import { Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Shown } from '../../src/cli/frame.ts';
import { canShowProgress, ProgressDisplay } from '../../src/cli/progress.ts';
import type { Call } from '../../src/demo/registry/call.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { Screen } from '../support/screen.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { hostOf, startRegistry, writeConfig } from '../sync/embedded.ts';

/** A terminal in memory. */
class FakeTerminal extends Writable {
  readonly isTTY = true;
  readonly screen: Screen;

  constructor(columns: number, rows: number) {
    super({
      write: (text: Buffer, _encoding, done) => {
        this.screen.write(text.toString());
        done();
      },
    });
    this.screen = new Screen(columns, rows);
  }

  get columns(): number {
    return this.screen.columns;
  }

  get rows(): number {
    return this.screen.rows;
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    this.emit('resize');
  }
}

const shown: Shown = {
  tags: 10,
  ended: 2,
  failed: 0,
  underWay: ['one', 'two', 'three'].map((name) => ({
    source: `harbor.example.com/library/${name}:v1`,
    age: 0,
  })),
  bytes: 0,
};

function display(t: TestContext, columns: number, rows: number) {
  const terminal = new FakeTerminal(columns, rows);
  const display = new ProgressDisplay(terminal, { NO_COLOR: '1' });
  t.after(() => display.stop());
  let now = shown;
  display.start(() => now);
  const log = (line: string) => void display.lines.write(`${line}\n`);
  return { terminal, screen: terminal.screen, display, log, show: (next: Shown) => (now = next) };
}

const names = shown.underWay.map(({ source }) => `  ${source}  0 s`);

test('lines of the log scroll by above the frame, which stays the last on the screen', (t) => {
  const { screen, log, show } = display(t, 80, 24);
  log('first');
  show({ ...shown, underWay: shown.underWay.slice(0, 1) });
  log('second');
  show(shown);
  log('third');
  assert.deepEqual(screen.text.slice(0, 3), ['first', 'second', 'third']);
  assert.match(screen.text[3] ?? '', /^\[#+-+\] {2}2 of 10 tags, /);
  assert.deepEqual(screen.text.slice(4), names);
});

test('at the end nothing is left of it but the lines of the log', (t) => {
  const { screen, display: shownOn, log } = display(t, 20, 5);
  for (let line = 1; line <= 30; line++)
    log(`line ${line}, ${'which is a long one '.repeat(line % 4)}`.trimEnd());
  shownOn.stop();
  log('after');
  const joined = screen.text.join('');
  assert.ok(!joined.includes('tags') && !joined.includes('harbor'), joined);
  assert.match(screen.text.at(-1) ?? '', /^after$/);
  assert.equal(screen.text.filter((line) => line.startsWith('line ')).length, 30);
});

test('a terminal that becomes narrower or wider keeps the log, and one frame', (t) => {
  const { screen, terminal, log } = display(t, 100, 24);
  log('first');
  for (const columns of [30, 100, 60, 20, 80, 79]) {
    terminal.resize(columns, 24);
    log(`at ${columns}`);
  }
  assert.deepEqual(screen.text.slice(0, 7), ['first', 'at 30', 'at 100', 'at 60', 'at 20', 'at 80', 'at 79']);
  assert.match(screen.text[7] ?? '', /^\[#+-+\] {2}2 of 10 tags, /);
  assert.deepEqual(screen.text.slice(8), names);
});

test('no frame is ever wider or higher than the terminal', (t) => {
  for (const [columns, rows] of [
    [20, 5],
    [1, 1],
    [10, 2],
    [300, 60],
  ] as const) {
    const { screen, show, log } = display(t, columns, rows);
    show({ ...shown, failed: 3, underWay: [...shown.underWay, ...shown.underWay] });
    log('x');
    assert.equal(screen.wrapped, 0, `${columns}`);
    assert.ok(screen.rowsOfText.length <= rows + 1);
    assert.equal(screen.text[0], 'x');
  }
});

test('progress is for a terminal that understands it, with somebody before it', () => {
  const terminal = { isTTY: true };
  assert.equal(canShowProgress(terminal, { TERM: 'xterm' }), true);
  assert.equal(canShowProgress(terminal, { TERM: 'dumb' }), false);
  assert.equal(canShowProgress(terminal, { TERM: 'xterm', CI: 'true' }), false);
  assert.equal(canShowProgress({}, { TERM: 'xterm' }), false);
});

/** Runs in a pseudo-terminal of that size; standard output and error are the same there. */
async function inTerminal(t: TestContext, args: string[], columns: number, rows: number, env = {}) {
  const program = fileURLToPath(new URL('../../src/cli/tagferry.ts', import.meta.url));
  const command = `stty cols ${columns} rows ${rows} && exec ${process.execPath} ${program} ${args.join(' ')}`;
  const { NO_COLOR: _, CI: __, ...rest } = process.env;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { ...rest, TERM: 'xterm', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const seen = new EventEmitter();
  let written = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text;
    seen.emit('more', written);
  });
  const closed = once(child, 'close');
  return {
    async until(pattern: RegExp): Promise<void> {
      while (!pattern.test(written)) await once(seen, 'more');
    },
    async end(): Promise<{ code: unknown; written: string }> {
      const [code] = await closed;
      return { code, written };
    },
  };
}

test('in a real terminal of 20 columns and 5 rows: a frame while it runs, and the summary in the end', async (t) => {
  const { promise: release, resolve } = Promise.withResolvers<void>();
  const source = await startRegistry(t);
  const destination = await startRegistry(t, {
    misbehave: async (call: Call, next) => {
      if (call.path.includes('/manifests/v2') && call.method === 'PUT') await release;
      return next();
    },
  });
  for (const tag of ['v1', 'v2']) await push(source.url, 'p/x', tag, ociImage(tag));
  const config = await writeConfig(t, {
    images: {
      [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x`,
      [`${hostOf(source)}/p/none:v1`]: `${hostOf(destination)}/n/none`,
    },
    registries: [source, destination],
  });
  const terminal = await inTerminal(t, ['sync', `--config=${config}`], 20, 5);
  await terminal.until(/2\/3, .*1 failed/s);
  resolve();
  const { code, written } = await terminal.end();
  assert.equal(code, 1);
  const screen = new Screen(20, 5);
  screen.write(written);
  assert.equal(screen.cursorHidden, false);
  const text = screen.text.join('\n');
  assert.ok(!/\d+\/3|and \d+ more| {2}\d+ s$/m.test(text), `no rest of a frame: ${text}`);
  assert.match(text, /level=error msg="Failed to executed synchronizing manifest from .*p\/none/);
  assert.ok(!text.includes('level=info'));
  assert.match(text, /copied 2, unchanged 0, skipped 0, failed 1; .*\nfailed tasks exist$/);
  assert.match(written, /\u001B\[31m1 failed/);
});

test('a terminal that is dumb gets lines, and no codes', async (t) => {
  const source = await startRegistry(t);
  await push(source.url, 'p/x', 'v1', ociImage('v1'));
  const images = { [`${hostOf(source)}/p/x`]: `${hostOf(source)}/n/x` };
  const config = await writeConfig(t, { images, registries: [source] });
  const folder = await temporaryFolder(t);
  const terminal = await inTerminal(t, ['sync', `--config=${config}`, `--report=${folder}/r.json`], 80, 24, {
    TERM: 'dumb',
  });
  const { code, written } = await terminal.end();
  assert.equal(code, 0);
  assert.ok(!written.includes('\u001B'));
  assert.match(written, /level=info msg="Finish synchronizing manifest from /);
});
