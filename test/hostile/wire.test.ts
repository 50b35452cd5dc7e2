import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { EventError, parseHarbor } from '../../src/event/harbor.ts';
import { RegistryError } from '../../src/copy/error.ts';
import { systemClock } from '../../src/clock.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { all, clientOf } from '../registry/stand.ts';
import { texts } from './corpus.ts';

/**
 * What the registry client really sends, byte by byte: no name and no header of a stranger leads a request to another
 * path, or adds a header or a request to it.
 */

const token = 'a-token-of-ours';

interface Wire {
  url: string;
  /** The heads of the requests, as they came. */
  heads: string[];
}

/** A server that writes what it is told to, also what no HTTP library would. */
async function startWire(t: TestContext, answer: (target: string) => string): Promise<Wire> {
  const heads: string[] = [];
  const server = createServer((socket) => {
    let read = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1');
      const end = read.indexOf('\r\n\r\n');
      if (end < 0) return;
      heads.push(read.slice(0, end));
      socket.end(Buffer.from(answer(/^\S+ (\S+)/.exec(read)?.[1] ?? ''), 'latin1'));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, heads };
}

function ok(body: string, headers = ''): string {
  const bytes = Buffer.from(body);
  return `HTTP/1.1 200 OK\r\nConnection: close\r\n${headers}Content-Length: ${bytes.length}\r\n\r\n${bytes.toString('latin1')}`;
}

const ours = new Set(['host', 'connection', 'user-agent', 'accept', 'accept-encoding', 'authorization']);

/** One request line with one target, and no header but ours. */
function assertClean(heads: readonly string[]): void {
  for (const head of heads) {
    const [line = '', ...headers] = head.split('\r\n');
    assert.match(line, /^(GET|HEAD) \/[\x21-\x7e]* HTTP\/1\.1$/);
    for (const header of headers) {
      assert.match(header, /^[a-zA-Z-]+: [\x20-\x7e]*$/);
      assert.ok(ours.has(header.slice(0, header.indexOf(':')).toLowerCase()), header);
    }
  }
}

const targets = ({ heads }: Wire) => heads.map((head) => head.split(' ')[1] ?? '');

test('names: of a webhook’s and a tag list’s hostile names, only tags and repositories become paths, letter by letter', async (t) => {
  const listed = [...Object.values(texts), 'v1', 'sha256-0.sig', '_x'];
  const wire = await startWire(t, (target) =>
    target === '/v2/' ? ok('{}') : ok(JSON.stringify({ tags: listed })),
  );
  const client = clientOf(t, wire.url);
  for (const name of [...Object.values(texts), 'library/web', 'a/manifests/v1', 'a/blobs/uploads']) {
    const resources = Object.values({ ...texts, good: 'v1' })
      .slice(0, 900)
      .map((tag) => ({ tag }));
    for (const one of resources) {
      const event = eventOf({ repository: { repo_full_name: name }, resources: [one] });
      if (event?.kind !== 'push') continue;
      const repository = client.repository(event.repository, 'pull');
      for (const { tag } of event.references) {
        const before = wire.heads.length;
        await settled(repository.resolve(tag));
        const asked = targets(wire)
          .slice(before)
          .filter((target) => target !== '/v2/');
        assert.ok(asked.length > 0);
        for (const target of asked) assert.equal(target, `/v2/${name}/manifests/${one.tag}`);
      }
    }
  }
  const tags = await all(client.repository('library/web', 'pull').tags());
  assert.ok(tags.includes('v1') && tags.every((tag) => /^\w[\w.-]{0,127}$/.test(tag)));
  assertClean(wire.heads);
});

test('Link and redirects: whatever they say, one clean request line and our headers', async (t) => {
  for (const text of Object.values(texts)) {
    const address = text.slice(0, 12_000);
    const raw = Buffer.from(address).toString('latin1');
    const header = (name: string) =>
      name === 'link' ? `Link: <${raw}>; rel="next"\r\n` : `Location: ${raw}\r\n`;
    for (const name of ['link', 'location']) {
      const wire = await startWire(t, (target) => {
        if (target === '/v2/')
          return `HTTP/1.1 401 No\r\nConnection: close\r\nWWW-Authenticate: Bearer realm="/token"\r\nContent-Length: 0\r\n\r\n`;
        if (target.startsWith('/token')) return ok(JSON.stringify({ token }));
        if (target !== '/v2/a/b/tags/list?n=1000') return ok('{"tags":[]}');
        if (name === 'link') return ok('{"tags":["v1"]}', header(name));
        return `HTTP/1.1 307 No\r\nConnection: close\r\n${header(name)}Content-Length: 0\r\n\r\n`;
      });
      await settled(all(impatient(t, wire.url).repository('a/b', 'pull').tags()));
      assertClean(wire.heads);
    }
  }
});

test('challenge: realm, service and scope of a stranger become one clean query', async (t) => {
  for (const text of Object.values(texts)) {
    const raw = Buffer.from(text.slice(0, 5_000))
      .toString('latin1')
      .replaceAll(/["\\\r\n]/g, ' ');
    const challenge = `WWW-Authenticate: Bearer realm="/token",service="${raw}",scope="repository:${raw}:pull"\r\n`;
    const refusal = `HTTP/1.1 401 No\r\nConnection: close\r\n${challenge}Content-Length: 0\r\n\r\n`;
    const wire = await startWire(t, (target) =>
      target.startsWith('/token') ? ok(JSON.stringify({ token })) : refusal,
    );
    await settled(impatient(t, wire.url).repository('a/b', 'pull').resolve('v1'));
    assertClean(wire.heads);
    for (const target of targets(wire))
      assert.match(target, /^\/(v2\/|v2\/a\/b\/manifests\/v1|token\?[^#]*)$/);
  }
});

function eventOf(data: object) {
  try {
    return parseHarbor('', Buffer.from(JSON.stringify({ type: 'PUSH_ARTIFACT', event_data: data })), 0);
  } catch (error) {
    if (error instanceof EventError) return undefined;
    throw error;
  }
}

/** Does not wait between tries, and connects to nobody who is not there. */
function impatient(t: TestContext, url: string): Registry {
  const clock = { ...systemClock, sleep: async () => undefined };
  return clientOf(t, url, { clock, connectTimeout: 200 });
}

/** Waits for an answer or the client's own error; anything else fails the test. */
async function settled(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof RegistryError)) throw error;
  });
}
