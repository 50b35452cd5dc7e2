import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { type AdjustableLog, createLog, type Fields, type LogOptions } from '../../src/log.ts';

const now = () => Date.UTC(2026, 10, 23, 12, 0, 0, 7);
const time = '2026-11-23T12:00:00.007Z';

interface Written {
  log: AdjustableLog;
  lines(): string[];
}

function open(options: Partial<LogOptions> & { isTTY?: boolean } = {}, secrets: string[] = []): Written {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const { isTTY = false, ...rest } = options;
  const terminal = Object.assign(stream, { isTTY });
  const log = createLog({ level: 'debug', format: 'json', stream: terminal, env: {}, now, ...rest }, secrets);
  return { log, lines: () => text.split('\n').slice(0, -1) };
}

/** The fields of the one JSON line that they make. */
function fieldsOf(fields: Fields, secrets: string[] = []): Record<string, unknown> {
  const { log, lines } = open({}, secrets);
  log.info('message', fields);
  const [line = '', ...more] = lines();
  assert.deepEqual(more, []);
  const { time: _, level: __, message: ___, ...rest } = JSON.parse(line);
  return rest;
}

test('one JSON document a line: time, level, message, fields', () => {
  const { log, lines } = open();
  log.info('task completed', { task: 7, repository: 'library/nginx' });
  log.error('no fields');
  assert.deepEqual(lines(), [
    `{"time":"${time}","level":"info","message":"task completed","task":7,"repository":"library/nginx"}`,
    `{"time":"${time}","level":"error","message":"no fields"}`,
  ]);
});

test('less important levels are not written', () => {
  for (const [level, count] of [
    ['error', 1],
    ['warn', 2],
    ['info', 3],
    ['debug', 4],
  ] as const) {
    const { log, lines } = open({ level });
    log.error('e');
    log.warn('w');
    log.info('i');
    log.debug('d');
    assert.equal(lines().length, count, level);
  }
});

test('no field can replace the time, level or message', () => {
  const { log, lines } = open();
  log.warn('real', { time: 'forged', level: 'forged', message: 'forged' });
  assert.deepEqual(JSON.parse(lines()[0] ?? ''), {
    time,
    level: 'warn',
    message: 'real',
    _time: 'forged',
    _level: 'forged',
    _message: 'forged',
  });
});

test('a known secret is replaced wherever it stands', () => {
  const secret = 'pa"ss/wörd';
  const error = new Error(`refused ${secret}`, { cause: new TypeError(`caused by ${secret}`) });
  const { log, lines } = open({}, [secret, 'robot-token']);
  log.info(`message ${secret}`, {
    text: `before ${secret} after`,
    nested: [{ deep: new Map([['key', new Set([secret])]]) }],
    error,
    errors: new AggregateError([error], secret),
    url: new URL(`https://harbor.test/v2/?x=${encodeURIComponent(secret)}`),
    json: JSON.stringify({ secret }),
    [`key ${secret}`]: 1,
    twice: 'robot-token robot-token',
  });
  const [line = ''] = lines();
  assert.doesNotMatch(line, /pa\\*"ss|w(ö|%C3%B6)rd|robot-token/);
  assert.ok(line.includes('"before *** after"') && line.includes('caused by ***'), line);
});

test('secrets of another form are masked by where they stand', () => {
  const fields = fieldsOf({
    password: 'a',
    accessToken: 'b',
    Authorization: 'Basic Yg==',
    'set-cookie': 'c',
    headers: { authorization: ['d'] },
    header: 'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e.f, next',
    url: 'https://robot:hunter2@harbor.test/v2/',
    passwordFile: '/run/secrets/acr',
    tokenHosts: ['auth.test'],
  });
  assert.deepEqual(fields, {
    password: '***',
    accessToken: '***',
    Authorization: '***',
    'set-cookie': '***',
    headers: { authorization: '***' },
    header: 'Authorization: Bearer ***, next',
    url: 'https://***@harbor.test/v2/',
    passwordFile: '/run/secrets/acr',
    tokenHosts: ['auth.test'],
  });
});

test('of an error: what it says, its reason, its causes; the stack of an unexpected one', () => {
  const cause = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' });
  const expected = Object.assign(new Error('copy failed', { cause }), { reason: 'unreachable' });
  assert.deepEqual(fieldsOf({ error: expected }), {
    error: {
      name: 'Error',
      message: 'copy failed',
      reason: 'unreachable',
      cause: { name: 'Error', message: 'connect refused', code: 'ECONNREFUSED' },
    },
  });
  const { error } = fieldsOf({ error: new TypeError('a mistake of ours') });
  assert.match(JSON.stringify(error), /"stack":"TypeError: a mistake of ours\\n +at /);
});

test('whatever the fields are, the message is written', () => {
  const circle: Record<string, unknown> = { name: 'circle' };
  circle['self'] = circle;
  const hostile = {
    get getter(): string {
      throw new Error('no');
    },
  };
  assert.deepEqual(
    fieldsOf({
      circle,
      big: 10n,
      none: undefined,
      nothing: null,
      nan: NaN,
      call: () => 1,
      bytes: Buffer.from('abc'),
    }),
    {
      circle: { name: 'circle', self: '[circular]' },
      big: '10',
      nothing: null,
      nan: 'NaN',
      call: '[function]',
      bytes: '[3 bytes]',
    },
  );
  assert.deepEqual(fieldsOf({ date: new Date(NaN), when: new Date(0), symbol: Symbol('s') }), {
    date: 'Invalid Date',
    when: '1970-01-01T00:00:00.000Z',
    symbol: 'Symbol(s)',
  });
  assert.deepEqual(fieldsOf(hostile), { unreadable: true });
  assert.deepEqual(fieldsOf({ inner: hostile }), { unreadable: true });
});

test('long texts, long lists and deep nesting are cut', () => {
  const deep = Array.from({ length: 50 }).reduce<object>((inner) => ({ inner }), {});
  const { text, list, nested } = fieldsOf({
    text: 'x'.repeat(100_000),
    list: Array(1000).fill(1),
    nested: deep,
  });
  assert.equal(text, `${'x'.repeat(8192)}… (100000 characters)`);
  assert.equal(Array.isArray(list) && list.length, 100);
  assert.match(JSON.stringify(nested), /"\[too deep\]"/);
});

test('nothing in a message or field can end the line, or command a terminal', () => {
  const hostile = 'a\r\nb\u2028c\x1b[2J\x9b2J\x00d';
  for (const format of ['json', 'pretty'] as const) {
    const { log, lines } = open({ format });
    log.info(hostile, { field: hostile, [hostile]: 1 });
    assert.equal(lines().length, 1);
    assert.doesNotMatch(lines()[0] ?? '', /[\x00-\x1f\x7f-\x9f\u2028\u2029]/);
  }
});

test('for people: text, with colour only on a terminal without NO_COLOR', () => {
  const plain = `${time} WARN  two words task=7 tag=v1 text="two words" list=[1] none=null`;
  const write = (options: Partial<LogOptions> & { isTTY?: boolean }) => {
    const { log, lines } = open({ format: 'pretty', ...options });
    log.warn('two words', { task: 7, tag: 'v1', text: 'two words', list: [1], none: null, left: undefined });
    return lines();
  };
  assert.deepEqual(write({}), [plain]);
  assert.deepEqual(write({ isTTY: true, env: { NO_COLOR: '1' } }), [plain]);
  assert.deepEqual(write({ isTTY: true }), [plain.replace('WARN ', '\x1b[33mWARN \x1b[0m')]);
});

test('level, format and secrets may change; what was masked stays masked', () => {
  const { log, lines } = open({ level: 'info' }, ['the-first']);
  log.debug('not yet');
  log.adjust({ level: 'debug', format: 'pretty' });
  log.debug('the-first, the-second');
  log.mask(['the-second']);
  log.mask(['the-third', 'the-second']);
  log.debug('the-first, the-second, the-third');
  log.adjust({ level: 'error', format: 'json' });
  log.warn('no more');
  assert.deepEqual(lines(), [`${time} DEBUG ***, the-second`, `${time} DEBUG ***, ***, ***`]);
});

test('a reader that went away does not stop the program', async () => {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  const log = createLog({ level: 'info', format: 'json', stream });
  log.info('first');
  await new Promise(setImmediate); // an error without a listener would end the process now
  log.info('second');
});
