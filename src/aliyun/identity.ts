/** A key of Alibaba Cloud. */
export interface Identity {
  accessKeyId: string;
  accessKeySecret: string;
  /** Belongs to a temporary key of STS. */
  securityToken?: string | undefined;
}

/** Where the key comes from that the next request is signed with. */
export interface IdentitySource {
  /** Throws `RegistryError` when there is none that is still good. */
  get(): Promise<Identity>;
  /** Called with a key that was refused as one that is not in force: it is not given out again. */
  forget?(identity: Identity): void;
}

/** The key that the configuration holds. */
export function fixedIdentity(identity: Identity): IdentitySource {
  return { get: () => Promise.resolve(identity) };
}

/** A text without what is secret in the key, whoever repeats it. */
export function masked(text: string, { accessKeySecret, securityToken = '' }: Identity): string {
  return [accessKeySecret, securityToken]
    .filter((secret) => secret !== '')
    .reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}
