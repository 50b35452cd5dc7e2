import { stringify } from 'yaml';

/** `--output-success-images`: source → destinations, as image-syncer writes it. */
export function formatSuccessList(
  list: Readonly<Record<string, readonly string[]>>,
  format: 'json' | 'yaml',
): string {
  return format === 'json' ? `${JSON.stringify(list, null, 2)}\n` : stringify(list, { lineWidth: 0 });
}
