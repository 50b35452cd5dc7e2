import type { Wanted } from './rule.ts';

/** Which source repository a rule puts into which destination repository. */
export type Mapping = Pick<
  Wanted,
  'rule' | 'source' | 'sourceRepository' | 'destination' | 'destinationRepository'
>;

/** A mapping, with the reason why the destination cannot have a repository of that name, if it cannot. */
export type MappedName = Mapping & { problem: string | undefined };

/** A name that its destination forbids. */
export type InvalidName = Mapping & { problem: string };

/** A destination repository into which rules put more than one source repository. */
export interface Collision extends Pick<Mapping, 'destination' | 'destinationRepository'> {
  /** Two at least, each source repository once, in the order in which they were looked at. */
  meeting: readonly Mapping[];
  /** There may be more. */
  open?: boolean;
}

/** What is wrong with the names of whole sources. */
export interface NameFindings {
  invalid: InvalidName[];
  collisions: Collision[];
}

/** Names of source repositories that a message spells out; of more it says how many. */
const named = 4;

/** Judges where the rules put each of some source repositories. */
export function findingsOf(mapped: Iterable<MappedName>): NameFindings {
  const judge = new NameJudge();
  for (const one of mapped) judge.add(one);
  return judge.findings();
}

/** The same, for whoever has too many of them to look at all at once. A name may be wrong in both ways: then both are told. */
export class NameJudge {
  readonly #invalid: InvalidName[] = [];
  /** Who goes to a destination repository first. */
  readonly #first = new Map<string, Mapping>();
  readonly #meetings = new Map<string, Map<string, Mapping>>();

  add({ problem, ...mapping }: MappedName): void {
    if (problem !== undefined) this.#invalid.push({ ...mapping, problem });
    const place = placeOf(mapping);
    const before = this.#first.get(place);
    if (before === undefined) this.#first.set(place, mapping);
    else if (sourceOf(before) !== sourceOf(mapping)) meet(this.#meetings, place, before, mapping);
  }

  findings(): NameFindings {
    return { invalid: this.#invalid, collisions: [...this.#meetings.values()].flatMap(collisionOf) };
  }
}

function meet(meetings: Map<string, Map<string, Mapping>>, place: string, ...both: Mapping[]): void {
  const meeting = meetings.get(place) ?? new Map<string, Mapping>();
  meetings.set(place, meeting);
  for (const mapping of both) if (!meeting.has(sourceOf(mapping))) meeting.set(sourceOf(mapping), mapping);
}

function collisionOf(bySource: ReadonlyMap<string, Mapping>): Collision[] {
  const meeting = [...bySource.values()];
  const [first] = meeting;
  if (first === undefined) return [];
  const { destination, destinationRepository } = first;
  return [{ destination, destinationRepository, meeting }];
}

/** Who meets, and what to do about it. */
export function collisionWords(collision: Collision): string {
  return `${meetingWords(collision)}; give one of them another \`repository\``;
}

/** Of a copy into a destination repository of which nothing says whose it is. */
export function contestedWords(collision: Collision): string {
  return (
    `${meetingWords(collision)}, and nothing tells whose it is, so none of them is copied: ` +
    'give one of them another `repository`, or keep it out of the rule with "!"'
  );
}

/** Of a copy that would go where another source repository goes. */
export function takenWords(owner: Pick<Mapping, 'source' | 'sourceRepository'>, other: Mapping): string {
  return (
    `${placeOf(other)} is where ${sourceOf(owner)} goes; ${sourceOf(other)} would meet it there by rule ` +
    `${other.rule}: give one of them another name`
  );
}

/** Which name cannot be, and why. */
export function invalidWords({ problem, ...mapping }: InvalidName): string {
  const { rule, destination, destinationRepository } = mapping;
  return (
    `${sourceOf(mapping)} would become ${JSON.stringify(destinationRepository)}, which ${destination} cannot have: ` +
    `${problem}; change \`repository\` of rule ${rule}`
  );
}

function meetingWords(collision: Collision): string {
  const { meeting } = collision;
  const words = meeting.slice(0, named).map((one) => `${sourceOf(one)} (rule ${one.rule})`);
  const rest = meeting.length - words.length;
  const last = rest > 0 ? `${collision.open ? 'at least ' : ''}${rest} more` : words.pop();
  const all = meeting.length === 2 ? 'both' : 'all';
  return `${words.join(', ')} and ${last} would ${all} become ${placeOf(collision)}`;
}

/** The full name of a destination repository. */
export function placeOf({
  destination,
  destinationRepository,
}: Pick<Mapping, 'destination' | 'destinationRepository'>): string {
  return `${destination}/${destinationRepository}`;
}

/** The full name of a source repository. */
export function sourceOf({ source, sourceRepository }: Pick<Mapping, 'source' | 'sourceRepository'>): string {
  return `${source}/${sourceRepository}`;
}
