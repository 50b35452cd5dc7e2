import { parseChallenges } from '../../src/oci/challenge.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import { covers } from '../../src/oci/scope.ts';
import { parseHarbor } from '../../src/event/harbor.ts';
import { nextLink } from '../../src/registry/list.ts';
import { parseRetryAfter } from '../../src/registry/retry-after.ts';
import { follow } from '../../src/registry/url.ts';
import { compilePatterns } from '../../src/rule/pattern.ts';
import { bytes, texts } from './corpus.ts';

/** Puts the whole corpus through every parser, ROUNDS times, and writes by how many bytes the heap has grown since the third of them. */
const rounds = Number(process.argv[2]);
const from = new URL('https://registry.example.com/v2/');

const parsers: ((text: string, body: Uint8Array) => unknown)[] = [
  (_, body) => parseHarbor('', body, 0),
  (text) => parseHarbor('', Buffer.from(JSON.stringify({ type: text, event_data: { repository: text } })), 0),
  (_, body) => parseManifest(body, ociIndex),
  (text) => parseManifest(Buffer.from(JSON.stringify({ manifests: [{ digest: text }] })), ociIndex),
  (text) => parseChallenges(text),
  (text) => covers([text], text),
  (text) => nextLink(`<a>${text}`),
  (text) => parseRetryAfter(text, 0),
  (text) => follow(from, text, 'a redirect'),
  (text) => compilePatterns([text.slice(0, 500)]),
];

function round(number: number): void {
  const bodies = Object.values(bytes).map((body) => Buffer.concat([body, Buffer.from(String(number))]));
  for (const [index, text] of Object.values(texts).entries())
    for (const parse of parsers)
      attempt(() => parse(text + number, bodies[index % bodies.length] ?? Buffer.alloc(0)));
}

/** That it throws only what it should is the other tests' concern. */
function attempt(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

let before = 0;
for (let number = 0; number < rounds; number++) {
  round(number);
  if (number === 3) before = heap();
}
process.stdout.write(String(heap() - before));
