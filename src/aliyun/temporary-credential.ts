import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { OpenApi } from './openapi.ts';
import { Renewing } from './renewing.ts';

/** What a registry's token server takes. The password has a colon; the user name never has. */
export interface Credential {
  username: string;
  password: string;
}

const schema = z.object({
  TempUsername: z.string().regex(/^[^:\p{Cc}]+$/u),
  AuthorizationToken: z.string().min(1),
  /** Milliseconds since 1970. */
  ExpireTime: z.number(),
});

/**
 * The temporary user of an ACR EE instance, good for an hour, or for as long as the temporary key is that it was asked for with.
 * https://help.aliyun.com/document_detail/451390.htm
 */
export function temporaryCredential(openApi: OpenApi, clock: Clock): Renewing<Credential> {
  return new Renewing(async () => {
    const answer = await openApi.call('GetAuthorizationToken', {}, schema);
    const { TempUsername: username, AuthorizationToken: password, ExpireTime: expiresAt } = answer;
    return { value: { username, password }, expiresAt };
  }, clock);
}
