import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { pushPayload } from './delivery.ts';

/*
 * A process of its own that posts pushes over keep-alive connections, each as soon as the one before is
 * answered, and prints what it measured. It speaks HTTP by hand: on a machine that both share, a client
 * should cost as little as it can.
 */

export interface Load {
  url: string;
  authorization: string;
  connections: number;
  repositories: number;
  tags: number;
  /** Milliseconds. */
  warmUp: number;
  duration: number;
}

export interface Measured {
  /** Answers with 202, and all others. */
  accepted: number;
  other: number;
  /** Of the accepted; per second, and milliseconds from the request's first byte to the answer's last. */
  rate: number;
  p50: number;
  p99: number;
  max: number;
}

const load: Load = JSON.parse(process.argv[2] ?? '');
const { hostname, port } = new URL(load.url);
const pushes = 10;
const requests = makeRequests();
const latencies: number[] = [];
let other = 0;
let next = 0;

const begin = performance.now() + load.warmUp;
const end = begin + load.duration;
await Promise.all(Array.from({ length: load.connections }, () => drive()));
console.log(JSON.stringify(measured()));

/** Every tag several times, with a new digest each time, in an order in which neighbours are of different repositories. */
function makeRequests(): Buffer[] {
  const perRepository = load.tags / load.repositories;
  return Array.from({ length: load.tags * pushes }, (_, index) => {
    const repository = `project-${index % 7}/application-${index % load.repositories}`;
    const tag = `v1.${Math.floor(index / load.repositories) % perRepository}.0`;
    const digest = `sha256:${createHash('sha256').update(String(index)).digest('hex')}`;
    return request(pushPayload(repository, tag, digest));
  });
}

function request(body: string): Buffer {
  const head = [
    'POST /webhooks/harbor HTTP/1.1',
    `Host: ${hostname}:${port}`,
    'User-Agent: Go-http-client/1.1',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Authorization: ${load.authorization}`,
    'Content-Type: application/json',
    'Accept-Encoding: gzip',
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** One connection, until the time is over. */
function drive(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let sentAt = 0;
    let received = '';
    const send = (): void => {
      sentAt = performance.now();
      if (sentAt >= end) return void socket.end(resolve);
      socket.write(requests[next++ % requests.length] ?? '');
    };
    socket.setNoDelay(true).setEncoding('latin1').on('connect', send).on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection')));
    socket.on('data', (chunk) => {
      received += String(chunk);
      if (!isWhole(received)) return;
      count(received, sentAt);
      received = '';
      send();
    });
  });
}

function isWhole(answer: string): boolean {
  const body = answer.indexOf('\r\n\r\n') + 4;
  const [, length] = /content-length: (\d+)/i.exec(answer) ?? [];
  return body > 3 && length !== undefined && answer.length >= body + Number(length);
}

function count(answer: string, sentAt: number): void {
  const now = performance.now();
  if (now < begin || now > end) return;
  if (answer.startsWith('HTTP/1.1 202 ') && /"tasks":\[\d/.test(answer)) latencies.push(now - sentAt);
  else other++;
}

function measured(): Measured {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
  const rate = latencies.length / (load.duration / 1000);
  return { accepted: latencies.length, other, rate, p50: at(0.5), p99: at(0.99), max: at(1) };
}
