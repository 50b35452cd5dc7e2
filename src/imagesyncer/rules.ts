import type { Environment } from '../config.ts';
import type { DefaultDestination } from './default-destination.ts';
import { expandDestination } from './expand.ts';
import type { Findings } from './findings.ts';
import { checkPairing, PairingError, type SyncRule } from './pairs.ts';
import { masked, parseReference, shown, type Reference } from './reference.ts';
import type { Entry, Mapping, Written } from './written.ts';

/** Where rules come from, and where what is wrong with them goes. */
export interface RuleContext {
  file: string;
  env: Environment;
  /** `undefined`: no destination may be empty. */
  defaults: DefaultDestination | undefined;
  findings: Findings;
}

/** A rule, and whether its destination was left to the defaults. */
export interface ReadRule {
  rule: SyncRule;
  isDefault: boolean;
}

/** One for each source and destination, in the file's order. What is wrong costs its own rule, or aborts the run. */
export function readRules(images: Mapping | undefined, context: RuleContext): ReadRule[] {
  return [...(images?.entries.values() ?? [])].flatMap((entry) => readEntry(entry, context));
}

/** A destination as the file has it, and what it is after variables and defaults. */
interface Destination {
  line: number;
  text: string;
  isDefault: boolean;
}

function readEntry(entry: Entry, context: RuleContext): ReadRule[] {
  const { key, line } = entry;
  if (key === '') {
    context.findings.abort('source url should not be empty: name a repository', context.file, line);
    return [];
  }
  const reference = attempt(() => parseReference(key), { line, source: key }, context);
  const destinations = destinationsOf(entry, reference, context);
  if (reference === undefined) return [];
  remark(key, reference, line, context);
  return destinations.flatMap((destination) => ruleOf(key, reference, destination, context));
}

function ruleOf(
  source: string,
  from: Reference,
  { text: destination, line, isDefault }: Destination,
  context: RuleContext,
): ReadRule[] {
  const ends = { line, source, destination };
  const to = attempt(() => parseReference(destination), ends, context);
  if (to === undefined) return [];
  if (!isDefault) remark(destination, to, line, context);
  const rule = attempt(() => paired(source, destination, from, to), ends, context);
  return rule === undefined ? [] : [{ rule, isDefault }];
}

function paired(source: string, destination: string, from: Reference, to: Reference): SyncRule {
  if (to.selection.kind === 'matching')
    throw new SyntaxError(
      `a regex selects nothing at a destination: write ${shown(destination.slice(0, destination.indexOf(':/')))}, and the regex behind the source ${shown(source)}`,
    );
  const references = to.selection.kind === 'listed' ? to.selection.references : [];
  const rule = { source, destination, from: from.place, to: to.place, selection: from.selection, references };
  checkPairing(rule);
  return rule;
}

/** `undefined` when the rule is lost. */
function attempt<T>(
  run: () => T,
  place: { line: number; source: string; destination?: string },
  { file, findings }: RuleContext,
): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof PairingError)) throw error;
    const message =
      error instanceof PairingError
        ? `${error.message} (${shown(place.source)} -> ${shown(place.destination ?? '')})`
        : error.message;
    findings.lose({ file, ...maskedEnds(place), message });
    return undefined;
  }
}

function maskedEnds<Place extends { source: string; destination?: string }>(place: Place): Place {
  const { source, destination } = place;
  const to = destination === undefined ? {} : { destination: masked(destination) };
  return { ...place, source: masked(source), ...to };
}

/** What is right, but perhaps not meant. */
function remark(
  url: string,
  { place, isImplied, droppedTag }: Reference,
  line: number,
  { file, findings }: RuleContext,
): void {
  const name = `${place.registry}/${place.repository}`;
  if (isImplied)
    findings.warn(
      `${shown(url)} names no registry, so that it is ${name} of Docker Hub: write that if it is meant`,
      file,
      line,
    );
  if (droppedTag === undefined) return;
  findings.warn(
    `the tag ${droppedTag} of ${shown(url)} means nothing beside a digest: it is copied by digest, and the tag is not made`,
    file,
    line,
  );
}

/** Each destination once. */
function destinationsOf(
  { key, line, value }: Entry,
  source: Reference | undefined,
  context: RuleContext,
): Destination[] {
  const items = value.kind === 'list' ? value.items : [value];
  if (!items.every(isText)) {
    const expected = 'destination should only be string or []string';
    const message = `invalid destination ${inGo(value)} for source "${shown(key)}", ${expected}: write a text in quotes, or a list of such`;
    context.findings.abort(message, context.file, line);
    return [];
  }
  if (items.length === 0) abortEmpty(key, line, context);
  const all = items.flatMap((item) =>
    destinationOfItem(key, { line: item.line, text: item.source }, source, context),
  );
  return [...new Map(all.map((destination) => [destination.text, destination])).values()];
}

function destinationOfItem(
  key: string,
  written: { line: number; text: string },
  source: Reference | undefined,
  context: RuleContext,
): Destination[] {
  const { defaults, findings, file, env } = context;
  const { line } = written;
  if (written.text === '') {
    if (defaults === undefined) abortEmpty(key, line, context);
    const text = source && defaults?.of(source);
    return text === undefined ? [] : [{ line, text, isDefault: true }];
  }
  const { text, unset } = expandDestination(written.text, env);
  for (const name of new Set(unset)) {
    const message = `the environment variable ${name} is not set, or empty: the destination ${shown(written.text)} of ${shown(key)} needs it`;
    findings.lose({ file, ...maskedEnds({ line, source: key, destination: written.text }), message });
  }
  return unset.length > 0 ? [] : [{ line, text, isDefault: false }];
}

function abortEmpty(key: string, line: number, { file, findings }: RuleContext): void {
  findings.abort(
    `empty destination is not supported for source: ${shown(key)}: name one, or give --registry (and --namespace)`,
    file,
    line,
  );
}

type TextValue = Extract<Written, { kind: 'scalar' }>;

function isText(value: Written): value is TextValue {
  return value.kind === 'scalar' && value.type === 'text';
}

/** As Go prints a value: scripts look for it. */
function inGo(value: Written): string {
  if (value.kind === 'mapping') return 'map[…]';
  if (value.kind === 'scalar') return value.type === 'null' ? '<nil>' : masked(value.source).slice(0, 80);
  const shownItems = value.items.slice(0, 5).map((item) => (item.kind === 'list' ? '[…]' : inGo(item)));
  return `[${shownItems.join(' ')}${value.items.length > 5 ? ' …' : ''}]`;
}
