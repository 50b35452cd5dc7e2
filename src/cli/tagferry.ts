#!/usr/bin/env -S node --max-semi-space-size=2
// A small young generation: blobs arrive in buffers outside of V8's heap, which a large one lets pile up until a
// full collection. It takes a third off the processor time and 60 MiB off the memory: docs/performance.md.
import { run } from './run.ts';

process.exitCode = await run(process.argv);
