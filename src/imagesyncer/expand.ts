import type { Environment } from '../config.ts';

const reference = /\$(?:\{([^{}]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g;

export interface Expanded {
  text: string;
  /** Names of variables that are not set, or empty: a piece of a destination may not vanish. */
  unset: string[];
}

/** Replaces `${NAME}` and `$NAME` in a destination. No reference to a registry holds any other dollar sign. */
export function expandDestination(text: string, env: Environment): Expanded {
  const unset: string[] = [];
  const expanded = text.replaceAll(reference, (_, braced: string | undefined, bare: string | undefined) => {
    const name = braced ?? bare ?? '';
    const value = env[name];
    if (value === undefined || value === '') unset.push(name);
    return value ?? '';
  });
  return { text: expanded, unset };
}

const whole = /^\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))$/;
const embedded = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces in a user name or password of `--auth` what is certainly meant: a value that is wholly `$NAME` or `${NAME}`,
 * and `${NAME}` anywhere. Passwords hold dollar signs; an unset variable therefore leaves the text as it is.
 */
export function expandCredential(text: string, env: Environment): { text: string; isUnset: boolean } {
  let isUnset = false;
  const valueOf = (written: string, name: string) => {
    const value = env[name];
    if (value === undefined) isUnset = true;
    return value ?? written;
  };
  const [, braced, bare] = whole.exec(text) ?? [];
  const name = braced ?? bare;
  if (name !== undefined) return { text: valueOf(text, name), isUnset };
  return { text: text.replaceAll(embedded, valueOf), isUnset };
}
