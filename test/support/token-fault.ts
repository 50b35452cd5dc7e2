import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { change, editJson } from './fault.ts';

/** For `GET /token`: answers of token services that are odd but allowed, or odd and met. */

export const onlyAccessToken = editJson(({ token, ...rest }) => ({ ...rest, access_token: token }));

/** Harbor's: the member is there, and empty. */
export const emptyAccessToken = editJson((document) => ({ ...document, access_token: '' }));

/** No `issued_at`, no `expires_in`: 60 s from now is meant. */
export const withoutTimes = editJson(({ token }) => ({ token }));

/** A token of so many characters. */
export function length(characters: number): Misbehaviour {
  return editJson((document) => ({ ...document, token: 'x'.repeat(characters) }));
}

/** Seconds that the answer promises, whatever the token's life is. */
export function promisedLife(seconds: number): Misbehaviour {
  return editJson((document) => ({ ...document, expires_in: seconds }));
}

/** Grants less than was asked, and says nothing of it: only the scopes that the expression fits. */
export function lessScope(keep: RegExp): Misbehaviour {
  return (call, next) => {
    const scopes = call.query.getAll('scope').flatMap((scope) => scope.split(' '));
    call.query.delete('scope');
    // A request without any scope would be another question.
    for (const scope of scopes)
      call.query.append('scope', keep.test(scope) ? scope : 'repository:nothing:pull');
    return next();
  };
}

/** For any request: what a 401 asks for. `undefined` is a 401 without a challenge, `''` an empty one. */
export function challenge(value: string | string[] | undefined): Misbehaviour {
  return change((given) => {
    if (given.status !== 401) return given;
    const { 'www-authenticate': _, ...rest } = given.headers;
    return { ...given, headers: value === undefined ? rest : { ...rest, 'www-authenticate': value } };
  });
}

/** Harbor: once any `Authorization` was sent, a refusal asks for Basic. */
export const basicAfterBearer: Misbehaviour = (call, next) =>
  call.headers.authorization === undefined ? next() : challenge('Basic realm="harbor"')(call, next);
