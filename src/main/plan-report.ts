import type { Digest } from '../oci/digest.ts';
import type { Copy, TagOutcome } from '../sync/outcome.ts';
import type { Plan } from '../sync/plan.ts';
import type { Report } from '../sync/report.ts';
import type { Sweep } from '../task/store.ts';

/** A tag for which a sweep would make a task. */
export interface PlannedTag extends TagOutcome {
  rule: string;
  /** Of what would be copied: the destination has no such tag, or one that names something else. */
  why?: 'missing' | 'different';
  /** What the destination tag names now. */
  replaces?: Digest;
  /** Declared so: it never moves at the source. */
  immutable?: true;
}

/** `--json`. Members may be added, never taken away. */
export interface PlanReport extends Report {
  /** Only this rule was looked at. */
  rule?: string;
  /** Without those that are unchanged, which are only counted. */
  tags: PlannedTag[];
  /** Source repositories that meet in one destination repository, with or without a tag to copy. */
  collisions: string[];
  /** Source repositories whose name the destination cannot have. */
  invalidNames: string[];
  /** What could not be compared, the first lines; `counts.failed` has them all. */
  errors: string[];
}

/** What is known of a plan beside the rehearsal of its copies. */
export interface Comparison {
  rule: string | undefined;
  /** `undefined` when it was not even begun. */
  sweep: Sweep | undefined;
  plan: Pick<Plan, 'copies' | 'skipped'>;
  collisions: string[];
  invalidNames: string[];
  /** What a destination tag names now. */
  found(copy: Copy): Digest | undefined;
  isImmutable(copy: Copy): boolean;
  /** Takes secrets out of what registries said. */
  redact(text: string): string;
}

/** `rehearsed`: the copies of the plan, in its order. */
export function planReportOf(rehearsed: Report, comparison: Comparison): PlanReport {
  const { rule, sweep, collisions, invalidNames, redact } = comparison;
  const { unchanged = 0, failed = 0, state, errors = [] } = sweep ?? {};
  const { counts } = rehearsed;
  // A sweep that has failed as a whole has a line more than failures.
  const more = failed + (state === 'failed' ? 1 : 0);
  return {
    ...rehearsed,
    ...(rule !== undefined && { rule }),
    counts: { ...counts, unchanged: counts.unchanged + unchanged, failed: counts.failed + more },
    tags: plannedOf(rehearsed, comparison),
    collisions,
    invalidNames,
    errors: errors.map(redact),
  };
}

function plannedOf({ tags }: Report, { plan, found, isImmutable }: Comparison): PlannedTag[] {
  const copies = [...plan.copies, ...plan.skipped.map(({ copy }) => copy)];
  return copies.flatMap((copy, index) => {
    const tag = tags[index];
    return tag === undefined
      ? []
      : [{ ...planned(copy, tag, found(copy)), ...(isImmutable(copy) && { immutable: true }) }];
  });
}

function planned({ rule }: Copy, tag: TagOutcome, replaces: Digest | undefined): PlannedTag {
  return {
    rule,
    ...tag,
    ...(tag.outcome === 'copied' && { why: replaces === undefined ? 'missing' : 'different' }),
    ...(replaces !== undefined && { replaces }),
  };
}
