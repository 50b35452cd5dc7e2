import { RegistryError } from '../copy/error.ts';
import type { Call } from './call.ts';
import { Wire } from './wire.ts';
import type { WireOptions } from './wire.ts';

/**
 * Where the registry at `HOST[:PORT]` is to be spoken to. By HTTPS, and nothing is asked; with `insecureSkipVerify`, which
 * here means what image-syncer calls insecure, it is asked, and is spoken to by plain HTTP if it answers by that alone.
 * Throws `RegistryError` when it answers by neither.
 */
export async function originOf(host: string, options: WireOptions, signal?: AbortSignal): Promise<URL> {
  const https = new URL(`https://${host}`);
  if (!options.insecureSkipVerify) return https;
  const wire = new Wire(options, 1);
  try {
    return await chosen(wire, https, new URL(`http://${host}`), signal);
  } finally {
    await wire.close();
  }
}

async function chosen(wire: Wire, https: URL, http: URL, signal: AbortSignal | undefined): Promise<URL> {
  const first = await ask(wire, https, signal);
  if (typeof first === 'number') return https;
  const second = await ask(wire, http, signal);
  // A server of TLS answers plain HTTP with 400, and what leads on to HTTPS is not the registry itself.
  if (typeof second === 'number' && second !== 400 && (second < 300 || second >= 400)) return http;
  const why = typeof second === 'number' ? `GET ${http.href}v2/ answered ${second}` : second.message;
  throw new RegistryError(first.fault, `${first.message}; nor by plain HTTP: ${why}`, { cause: first });
}

/** The status of whatever answers; its words are the registry's client's to read. */
async function ask(
  wire: Wire,
  origin: URL,
  signal: AbortSignal | undefined,
): Promise<number | RegistryError> {
  const call: Call = { method: 'GET', url: new URL('/v2/', origin), scopes: [], expect: [], signal };
  try {
    const { status, body } = await wire.exchange(call, call.url, undefined);
    body.once('error', () => undefined).destroy();
    return status;
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
}
