import { createServer } from 'node:http';

/*
 * A registry whose tags all name the same manifest. As both ends of a mirror it makes every task a short one:
 * two requests, and the outcome `unchanged`.
 */

const headers = {
  'Content-Type': 'application/vnd.oci.image.manifest.v1+json',
  'Content-Length': 500,
  'Docker-Content-Digest': `sha256:${'0'.repeat(64)}`,
};

const server = createServer((_request, response) => void response.writeHead(200, headers).end());
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listens on http://127.0.0.1:${address?.port}`);
});
process.on('SIGTERM', () => process.exit());
