import { createServer } from 'node:http';

/*
 * The other end of the comparison: Node's HTTP server alone. It reads the body, answers with what a mirror would
 * answer, and understands and stores nothing.
 */

const answer = JSON.stringify({ tasks: [1] });
const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) };

const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(202, headers).end(answer));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listens on http://127.0.0.1:${address?.port}`);
});
process.on('SIGTERM', () => process.exit());
