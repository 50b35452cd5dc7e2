import type { IncomingMessage } from 'node:http';
import { HttpError } from './error.ts';

const maxBodyBytes = 1024 * 1024;

/**
 * The whole body, at most `maxBodyBytes`. Throws `HttpError` 413 for more.
 *
 * The rest of a body that is too long is thrown away as it arrives instead of closing the connection, because
 * closing it while the client still sends would reset it, and the client would not see the answer. How long that
 * may take is bounded by the server's request time-out.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', function take(chunk: Buffer) {
      size += chunk.length;
      if (size <= maxBodyBytes) return void chunks.push(chunk);
      chunks.length = 0;
      request.off('data', take).resume();
      reject(tooLarge());
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', (cause) => reject(new HttpError(400, 'The body ended early.', { cause })));
  });
}

/** Throws `HttpError` 415 unless the body is of one of these media types, sent as it is. */
export function checkContentType(request: IncomingMessage, expected: readonly string[]): string {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new HttpError(415, 'Expected a body without Content-Encoding.', {
      headers: { 'Accept-Encoding': 'identity' },
    });
  }
  const contentType = request.headers['content-type'] ?? '';
  const mediaType = contentType.split(';', 1).join('').trim().toLowerCase();
  if (expected.includes(mediaType)) return contentType;
  throw new HttpError(415, `Expected Content-Type ${expected.join(' or ')}, got ${quoted(mediaType)}.`);
}

function quoted(mediaType: string): string {
  return mediaType === '' ? 'none' : JSON.stringify(mediaType.slice(0, 80));
}

function tooLarge(): HttpError {
  return new HttpError(413, `Expected a body of at most ${maxBodyBytes} bytes.`);
}
