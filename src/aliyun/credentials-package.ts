import { createRequire } from 'node:module';
import { z } from 'zod';
import { shared } from '../abort.ts';
import { within } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { isObject } from '../oci/json.ts';
import { printable } from '../printable.ts';
import { unexpected } from './answer.ts';
import type { Identity } from './identity.ts';
import { Renewing } from './renewing.ts';

const packageName = '@alicloud/credentials';

/**
 * Milliseconds that what the package gives is held: it does not say when a key ends, but renews by itself what is good for less
 * than three minutes.
 */
const life = 120_000;

/** Milliseconds: its chain tries one source after the other, each for seconds. Beyond that it hangs. */
const patience = 30_000;

const text = z.string().min(1);
const keySchema = z.object({
  accessKeyId: text,
  accessKeySecret: text,
  securityToken: z
    .string()
    .nullish()
    .transform((token) => token || undefined),
});

type Give = () => Promise<unknown>;

/**
 * What the default chain of Alibaba's own package finds: environment, OIDC, the profile of its CLI, the ECS instance, … The package is
 * looked for when it is first needed; it is none of ours.
 */
export function packageIdentity(clock: Clock): Renewing<Identity> {
  let give: Give | undefined;
  return new Renewing(async () => {
    give ??= chain();
    const key = keySchema.safeParse(await given(give, clock));
    if (!key.success) throw unexpected(packageName, key.error);
    return { value: key.data, expiresAt: clock.now() + life };
  }, clock);
}

const hint = 'set what its default chain reads, such as ALIBABA_CLOUD_ACCESS_KEY_ID and …_SECRET';

async function given(give: Give, clock: Clock): Promise<unknown> {
  const waited = `gave no identity within ${patience / 1_000} s (aliyun.credentialsPackage)`;
  const late = new RegistryError('timeout', `${packageName} ${waited}; ${hint}, or use another identity`);
  return within(clock, patience, late, async (signal) => {
    try {
      return await shared(give(), signal);
    } catch (error) {
      throw signal.aborted ? late : noIdentity(error);
    }
  });
}

/** Without its cause: its words repeat answers, in which whatever looks like a key or a token may be one. */
function noIdentity(error: unknown): RegistryError {
  const said = error instanceof Error ? error.message : String(error);
  const words = printable(said, 300).replace(/[A-Za-z0-9+/=]{20,}/g, '***');
  return new RegistryError(
    'denied',
    `${packageName} found no identity (aliyun.credentialsPackage): ${words}; ${hint}`,
  );
}

function chain(): Give {
  const loaded = load();
  const Client = isObject(loaded) ? loaded['default'] : undefined;
  const client = isConstructor(Client) ? made(Client) : undefined;
  const give = isObject(client) ? client['getCredential'] : undefined;
  if (isFunction(give)) return async () => give.call(client);
  throw new RegistryError(
    'protocol',
    `${packageName}: expected version 2.4 or later, which has getCredential(), got another`,
  );
}

/** It reads the environment and files as it is made, and throws where they are not as it wants them. */
function made(Client: new () => unknown): unknown {
  try {
    return new Client();
  } catch (error) {
    throw noIdentity(error);
  }
}

function load(): unknown {
  try {
    return createRequire(import.meta.url)(packageName);
  } catch (cause) {
    const why = `${packageName} cannot be loaded (aliyun.credentialsPackage); install it where Tagferry is: npm i ${packageName}`;
    throw new RegistryError('denied', why, { cause });
  }
}

function isConstructor(value: unknown): value is new () => unknown {
  return typeof value === 'function';
}

function isFunction(value: unknown): value is (this: unknown) => unknown {
  return typeof value === 'function';
}
