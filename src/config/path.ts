import { isObject } from '../oci/json.ts';
/** Keys and list positions from the top of the document to a value. */
export type Path = readonly (string | number)[];

/** Keys below which a text is a secret, and must not be shown. Whole sections are among them on purpose. */
const secretKeys = new Set([
  'password',
  'secret',
  'secrets',
  'token',
  'tokens',
  'webhook',
  'admin',
  'aliyun',
]);

/** `rules[0].repositories[2]`, `registries["my registry"].url` */
export function formatPath(path: Path): string {
  return path.map(formatStep).join('').replace(/^\./, '');
}

function formatStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  return /^[\w-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

export function isSecretPath(path: Path): boolean {
  return path.some((step) => typeof step === 'string' && secretKeys.has(step));
}

/** The value at `path`, or `undefined`. Follows own keys only, so that `constructor` is not a key of everything. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce((current: unknown, step) => {
    if (Array.isArray(current)) return typeof step === 'number' ? (current[step] as unknown) : undefined;
    return isObject(current) && Object.hasOwn(current, step) ? current[step] : undefined;
  }, value);
}
