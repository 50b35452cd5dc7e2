import { createServer } from 'node:http';

/** What a server, in a process of its own, answers to every request once it has read it. */
export interface FixedAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
}

const { status, headers, body }: FixedAnswer = JSON.parse(process.argv[2] ?? '');

const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(status, headers).end(body));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listens on http://127.0.0.1:${address?.port}`);
});
process.on('SIGTERM', () => process.exit());
