import * as http from 'node:http';
import * as https from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Answer, Call } from '../../src/demo/registry/call.ts';

/** Passes the call on; host and scheme stay known there, so that each `Location` leads back here. */
export async function forward(
  upstream: string,
  call: Call,
  agent: http.Agent | false = false,
): Promise<Answer> {
  const query = call.query.toString();
  const url = new URL(`${call.path}${query === '' ? '' : `?${query}`}`, upstream);
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const { host, protocol } = new URL(call.origin);
  const headers = { ...endToEnd(call.headers), host, 'x-forwarded-proto': protocol.replace(':', '') };
  const options = { method: call.method, headers, agent };
  const request = (url.protocol === 'https:' ? https : http).request(url, options, resolve);
  request.on('error', reject);
  if (call.method === 'HEAD' || call.method === 'GET') request.end();
  else pipeline(call.body, request).catch(reject);
  const answer = await promise;
  const given = { status: answer.statusCode ?? 502, headers: endToEnd(answer.headers) };
  if (call.method !== 'HEAD' && answer.headers['content-length'] !== '0') return { ...given, body: answer };
  answer.resume();
  return given;
}

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'expect']);

/** Without what belongs to one connection. */
function endToEnd(headers: http.IncomingHttpHeaders): Answer['headers'] {
  const kept = Object.entries(headers).filter(([name]) => !hopByHop.has(name));
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
