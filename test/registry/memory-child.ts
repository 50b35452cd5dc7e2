import { isDigest } from '../../src/oci/digest.ts';
import { clientOf } from './stand.ts';

/** Copies one blob from the registry at URL to itself, and writes this process's peak memory, in bytes, to stdout. */
const [url = '', digest = '', size = ''] = process.argv.slice(2);
const endings: (() => void | Promise<void>)[] = [];
const client = clientOf({ after: (end) => void endings.push(end) }, url);
if (!isDigest(digest)) throw new SyntaxError(`expected a digest, got ${digest}`);
const descriptor = { mediaType: 'application/octet-stream', digest, size: Number(size) };
const source = client.repository('from/here', 'pull');
const destination = client.repository('to/there', 'push');
await destination.writeBlob(descriptor, (signal) => source.blob(descriptor, signal), { absent: true });
for (const end of endings) await end();
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
