import { RegistryError } from '../copy/error.ts';
import { isRepository } from '../oci/reference.ts';

/** Throws `RegistryError` for what is no name of a project, and could lead elsewhere. */
export function pathOf(project: string): string {
  if (isRepository(project) && !project.includes('/')) return `/projects/${project}`;
  throw new RegistryError(
    'name-invalid',
    `expected the name of a Harbor project, got ${JSON.stringify(project.slice(0, 80))}`,
  );
}
