/** The stream that goes by this name. A file behind it would be emptied if it were opened again. */
export function standardStream(file: string): NodeJS.WriteStream | undefined {
  if (file === '/dev/stdout') return process.stdout;
  return file === '/dev/stderr' ? process.stderr : undefined;
}
