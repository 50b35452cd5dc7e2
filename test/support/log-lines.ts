import { Writable } from 'node:stream';

/** A stream for a log, and the lines that came; `onLine` is told of each. */
export function logLines(onLine: (line: string) => void = () => undefined): {
  stream: Writable;
  lines: string[];
} {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      for (const line of chunk.toString().trimEnd().split('\n')) {
        lines.push(line);
        onLine(line);
      }
      done();
    },
  });
  return { stream, lines };
}
