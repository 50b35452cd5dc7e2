import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../../test/support/certificate.ts';
import { type DockerRegistry, startDockerRegistry } from '../../test/support/docker-registry.ts';
import type { Stand } from './stand.ts';

/** Both ends of a copy: Debian's `docker-registry` over TLS, each with its own storage on this disk. */
export interface Ends {
  source: DockerRegistry;
  destination: DockerRegistry;
  /** File of the authority that signed their certificate. */
  caFile: string;
}

export async function startEnds(stand: Stand): Promise<Ends> {
  const caFile = await authority(stand);
  const { key, cert } = await certificate();
  const tls = { key, cert };
  const source = await startDockerRegistry(stand, { tls });
  const destination = await startDockerRegistry(stand, { tls });
  return { source, destination, caFile };
}

export async function authority(stand: Stand): Promise<string> {
  const { ca } = await certificate();
  const caFile = join(stand.folder, 'ca.crt');
  writeFileSync(caFile, ca);
  return caFile;
}
