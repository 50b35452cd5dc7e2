import { RegistryError } from '../copy/error.ts';

/** Harbor knows the account, and refuses: it lacks a permission in a project. */
export class NotPermitted extends Error {
  override readonly name = 'NotPermitted';
  /** As robots are given it, e.g. `notification-policy:create`. */
  readonly permission: string;
  readonly project: string;

  constructor(permission: string, project: string, cause: RegistryError) {
    super(`the account needs ${permission} in project ${project}`, { cause });
    this.permission = permission;
    this.project = project;
  }
}

/** As whom Harbor is asked, for messages. */
export function accountName(username: string | undefined): string {
  return username ?? 'the anonymous user';
}

/** Waits for a step that takes a permission. Throws `NotPermitted` where that is what is missing. */
export async function needing<T>(permission: string, project: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof RegistryError && error.fault === 'denied' && error.status === 403)
      throw new NotPermitted(permission, project, error);
    throw error;
  }
}
