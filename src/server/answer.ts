import type { ServerResponse } from 'node:http';
import { escaped } from '../printable.ts';

/**
 * Written by hand: Express's `json()` costs a third of a delivery's time on headers that nobody needs here. What JSON
 * leaves as it is but a terminal would obey is escaped as well.
 */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  send(response, status, escaped(JSON.stringify(body)), { 'Content-Type': 'application/json', ...headers });
}

export function sendText(response: ServerResponse, status: number, contentType: string, text: string): void {
  send(response, status, text, { 'Content-Type': contentType });
}

function send(response: ServerResponse, status: number, text: string, headers: Record<string, string>): void {
  response.writeHead(status, {
    ...headers,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
}
