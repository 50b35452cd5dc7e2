import { collisionWords, findingsOf } from '../rule/mapping.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { byNumbers, destinationOf, sourceOf } from './outcome.ts';
import type { Copy } from './outcome.ts';
import type { Plan } from './plan.ts';

type Found = Wanted | Refused;

/** A source repository in a destination repository. */
interface Mapped {
  example: Wanted;
  /** Tags that are the same at both ends. */
  same: number;
}

/** What a sweep compares and would enqueue, kept to be looked at: the plan of a mirror that has done nothing yet. */
export class Differences {
  /** Wanted copies that were compared so far. */
  compared = 0;
  readonly #found: Found[] = [];
  /** By destination repository, then by source repository. */
  readonly #meetings = new Map<string, Map<string, Mapped>>();

  compares(copy: Wanted): void {
    this.compared++;
    const meeting = this.#meetings.get(placeOf(copy)) ?? new Map<string, Mapped>();
    this.#meetings.set(placeOf(copy), meeting);
    const mapped = meeting.get(repositoryOf(copy)) ?? { example: copy, same: 0 };
    meeting.set(repositoryOf(copy), mapped);
    mapped.same++;
  }

  add(wanted: readonly Found[]): void {
    for (const one of wanted) {
      this.#found.push(one);
      const mapped = this.#meetings.get(placeOf(one))?.get(repositoryOf(one));
      if (mapped !== undefined) mapped.same--;
    }
  }

  /** Source repositories that meet in one destination repository: one line each, whether or not anything differs there. */
  get collisions(): string[] {
    const mapped = [...this.#meetings.values()].flatMap((meeting) => inOrder(meeting));
    return findingsOf(mapped.map((one) => ({ ...one, problem: undefined }))).collisions.map(collisionWords);
  }

  /** By the names of the sources. The first of them has what two want; the mirror gives it to the first to come. */
  plan(): Pick<Plan, 'copies' | 'skipped'> {
    const copies = new Map<string, Copy>();
    const skipped: Plan['skipped'] = [];
    for (const wanted of this.#found.toSorted(bySource)) {
      const copy = { ...wanted, named: false };
      const why = this.#refusalOf(wanted) ?? meetingOf(copy, copies.get(destinationOf(copy)));
      if (why !== undefined) skipped.push({ copy, ...why });
      else copies.set(destinationOf(copy), copy);
    }
    return { copies: [...copies.values()], skipped };
  }

  #refusalOf(wanted: Found): Omit<Plan['skipped'][number], 'copy'> | undefined {
    if ('reason' in wanted) return { reason: wanted.reason, message: wanted.message };
    const [owner] = inOrder(this.#meetings.get(placeOf(wanted)) ?? new Map<string, Mapped>());
    if (owner === undefined || repositoryOf(owner) === repositoryOf(wanted)) return undefined;
    return { reason: 'name-collision', message: `${placeOf(wanted)} is where ${repositoryOf(owner)} goes` };
  }
}

/** Whoever has something at the destination was there first. */
function inOrder(meeting: ReadonlyMap<string, Mapped>): Wanted[] {
  const byName = [...meeting.values()].toSorted((a, b) => bySource(a.example, b.example));
  const [there, others] = [byName.filter(({ same }) => same > 0), byName.filter(({ same }) => same === 0)];
  return [...there, ...others].map(({ example }) => example);
}

/** A sweep leaves the task that stands for a destination tag as it is. */
function meetingOf(copy: Copy, first: Copy | undefined): Omit<Plan['skipped'][number], 'copy'> | undefined {
  if (first === undefined || sourceOf(first) === sourceOf(copy)) return undefined;
  const message = `${sourceOf(first)} goes to the same tag; without webhooks nobody knows which is newer`;
  return { reason: 'name-collision', message };
}

function placeOf({ destination, destinationRepository }: Wanted): string {
  return `${destination}/${destinationRepository}`;
}

function repositoryOf({ source, sourceRepository }: Wanted): string {
  return `${source}/${sourceRepository}`;
}

function bySource(one: Wanted, other: Wanted): number {
  return byNumbers(sourceOf(one), sourceOf(other)) || byNumbers(destinationOf(one), destinationOf(other));
}
