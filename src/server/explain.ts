import { z } from 'zod';
import type { Explained, Explanation } from '../task/explain.ts';
import { nothing, operation, type Operation } from './operation.ts';
import { explainQuery, schemas } from './schema.ts';
import { optional, timestamp } from './view.ts';

export type Explain = (reference: { repository: string; tag: string }) => Explanation;

export function explainOperation(explain: Explain): Operation {
  return operation({
    method: 'GET',
    path: '/explain',
    summary: 'Why a source tag is, or is not yet, at each destination; asks no registry',
    input: z.object({ ...nothing, query: explainQuery }),
    success: {
      status: 200,
      description: 'By destination; none when no rule takes the tag.',
      schema: schemas.Explanation,
    },
    problems: {},
    run({ query }) {
      const { destinations, ...tag } = explain(query);
      return { ...tag, destinations: destinations.map(explainedView) };
    },
  });
}

function explainedView(explained: Explained): z.input<typeof schemas.Explanation>['destinations'][number] {
  const { rule, reason, words, cause, record, task } = explained;
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
    record: record && { ...record, verifiedAt: timestamp(record.verifiedAt) },
    task,
    nextAttemptAt: optional(explained.nextAttemptAt),
  };
}
