/**
 * Takes out of a registry's words what it was sent: the `Authorization` value, its token or encoded credential, and
 * the password within. Some servers repeat in an error what they did not like.
 */
export function maskOf(authorization: string | undefined): (text: string) => string {
  const secrets = authorization === undefined ? [] : secretsOf(authorization);
  return (text) => secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}

/** The longer ones first, for the others are parts of them. */
function secretsOf(authorization: string): string[] {
  const space = authorization.indexOf(' ');
  const token = authorization.slice(space + 1);
  const parts = [authorization, token];
  if (authorization.slice(0, space) === 'Basic') {
    const pair = Buffer.from(token, 'base64').toString();
    parts.push(pair, pair.slice(pair.indexOf(':') + 1));
  }
  return parts.filter((part) => part !== '');
}
