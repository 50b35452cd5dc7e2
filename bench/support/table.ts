import type { Row } from '../scenario.ts';
import { shown } from './number.ts';

/** All lines, in columns. */
export function table(results: readonly { scenario: string; rows: readonly Row[] }[]): string {
  const lines = results.flatMap(({ scenario, rows }) => rows.map((row) => cells(scenario, row)));
  const all = [['scenario', 'what', 'figures', 'ratio', 'peak memory'], ...lines];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? [];
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells(scenario: string, { what, figures, ratio, memory }: Row): string[] {
  return [
    scenario,
    what,
    figures.map(({ name, value, unit }) => `${name} ${shown(value)} ${unit}`.trimEnd()).join(', '),
    ratio === undefined ? '' : `${shown(ratio.value)} × ${ratio.to}`,
    memory === undefined ? '' : `${Math.round(memory)} MiB`,
  ];
}
