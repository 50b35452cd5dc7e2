#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=2
// A small young generation: blobs arrive in buffers outside of V8's heap, which a large one lets pile up until a
// full collection. It takes a third off the processor time and 60 MiB off the memory: docs/performance.md. And one arena of
// glibc's for all threads: each further one keeps what it was once given, 10 MiB in all.
// Nothing is imported before it is known that it can be: an older Node fails in the middle of a dependency.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`tagferry: needs Node 22.19 or later, this is ${process.versions.node}`);
  process.exitCode = 1;
} else {
  // What a mirror needs takes a while to load, and a reload asked for meanwhile must not end it.
  if (process.argv[2] === 'serve') (await import('./hang-up.ts')).catchHangUps();
  const { run } = await import('./run.ts');
  process.exitCode = await run(process.argv);
}
