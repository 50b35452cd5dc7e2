import type { Descriptor } from '../oci/descriptor.ts';
import { CopyError, RegistryError } from './error.ts';

/** How deep indexes may nest, and how many manifests one tag may bring: a hostile graph ends here. */
const maxDepth = 8;
const maxManifests = 5000;

/** Counts what is met on one walk through a graph. */
export class Bounds {
  #manifests = 0;

  take({ digest }: Descriptor, depth: number): void {
    this.#manifests++;
    if (depth <= maxDepth && this.#manifests <= maxManifests) return;
    const message = `${digest}: expected at most ${maxDepth} levels and ${maxManifests} manifests under one tag, got more`;
    throw new CopyError('read the index', 'source', new RegistryError('artifact-refused', message));
  }
}
