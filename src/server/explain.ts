import { z } from 'zod';
import type { Explained, Explanation } from '../task/explain.ts';
import { nothing, operation, type Operation } from './operation.ts';
import { explainQuery, schemas } from './schema.ts';
import { optional, timestamp } from './view.ts';

export type Explain = (reference: { repository: string; tag: string }) => Promise<Explanation>;

export type ExplanationView = z.input<typeof schemas.Explanation>;

export function explainOperation(explain: Explain): Operation {
  return operation({
    method: 'GET',
    path: '/explain',
    summary: 'Why a source tag is, or is not yet, at each destination; asks both ends, for 3 s at most',
    input: z.object({ ...nothing, query: explainQuery }),
    success: {
      status: 200,
      description: 'By destination; none when no rule takes the tag.',
      schema: schemas.Explanation,
    },
    problems: {},
    run: async ({ query }) => explanationView(await explain(query)),
  });
}

/** As the API and the command give it. */
export function explanationView({ destinations, ...tag }: Explanation): ExplanationView {
  return { ...tag, destinations: destinations.map(explainedView) };
}

function explainedView(explained: Explained): ExplanationView['destinations'][number] {
  const { rule, reason, words, cause, ends, record, immutable, task, hint } = explained;
  return {
    rule,
    destination: {
      registry: explained.destination,
      repository: explained.destinationRepository,
      tag: explained.destinationTag,
    },
    reason,
    words,
    since: optional(explained.since),
    cause,
    hint,
    ends,
    record: record && { ...record, verifiedAt: timestamp(record.verifiedAt) },
    immutable,
    task,
    nextAttemptAt: optional(explained.nextAttemptAt),
  };
}
