import { z } from 'zod';
import { reasons } from '../copy/error.ts';
import { isRepository, isTag } from '../oci/reference.ts';
import { lookProblems } from '../task/both-ends.ts';
import { foundations } from '../task/explain.ts';
import { standings } from '../task/standing.ts';
import { sweepStates } from '../task/store.ts';
import { causes, doors, outcomes, taskStates } from '../task/task.ts';
import { untakenReasons } from '../task/untaken.ts';
import { parseCursor } from './cursor.ts';

/*
 * What the admin API takes and gives. Requests are validated by these schemas; answers are built to them, which
 * the tests check by the OpenAPI document.
 */

const time = z.string().meta({ format: 'date-time' });
const count = z.int().min(0);
const id = z.int().min(1);
const repository = z.string().max(255).refine(isRepository, 'Expected a repository without its registry');
const tag = z.string().max(128).refine(isTag, 'Expected a tag');

/** As text, because a path has nothing else. */
export const idParams = z.strictObject({
  id: z
    .string()
    .regex(/^[1-9][0-9]{0,14}$/)
    .transform(Number),
});

const page = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .transform((text, context) => {
      const before = parseCursor(text);
      if (before !== undefined) return before;
      context.addIssue('Expected the `next` of an earlier answer');
      return z.NEVER;
    })
    .exactOptional()
    .describe('The `next` of the page before.'),
};

const end = z.strictObject({ registry: z.string(), repository: z.string(), tag: z.string() });

const last = {
  outcome: z.enum(outcomes).optional(),
  reason: z.enum(reasons).optional(),
  message: z.string().optional(),
  digest: z.string().optional(),
};

const task = z.strictObject({
  id,
  state: z.enum(taskStates),
  rule: z.string(),
  source: end,
  destination: end,
  door: z.enum(doors).describe('The way it came in.'),
  cause: z.enum(causes).optional().describe('Why no webhook told of it; absent where one did.'),
  force: z.boolean().describe('Copied even if the destination already has the digest.'),
  attemptCount: count.describe('Attempts spent; waiting and stops cost none.'),
  createdAt: time,
  wantedAt: time.describe('When the change was made at the source, or first seen.'),
  nextAttemptAt: time.optional().describe('Of a retryable task.'),
  startedAt: time.optional(),
  finishedAt: time.optional(),
  ...last,
  bytes: count.optional().describe('Of the blobs that the last attempt copied.'),
});

const attempt = z.strictObject({
  number: count,
  startedAt: time,
  finishedAt: time,
  ...last,
  bytes: count,
  blobs: z.strictObject({ copied: count, mounted: count, skipped: count }),
});

const sweep = z.strictObject({
  id,
  state: z.enum(sweepStates),
  trigger: z.enum(['schedule', 'start', 'admin']),
  rule: z.string().optional().describe('Only this rule.'),
  dryRun: z.boolean(),
  startedAt: time,
  finishedAt: time.optional(),
  listed: count.describe('Source tags looked at.'),
  unchanged: count.describe('The same digest at both ends.'),
  enqueued: count.describe('Differences for which a task stands, or in a dry run would stand.'),
  missed: count.describe('Changes that no webhook had told of.'),
  causes: z
    .strictObject(Object.fromEntries(causes.map((cause) => [cause, count.optional()])))
    .describe('The same by their causes.'),
  audited: count.describe('Tags known to be right that the destination was asked for all the same.'),
  mismatched: count.describe('Of these, the ones that were wrong: somebody else writes there.'),
  failed: count.describe('Repositories or tags that could not be compared.'),
  errors: z.array(z.string()).describe('What went wrong, the first few.'),
  invalidNames: count.describe('Source repositories whose name the destination cannot have.'),
  collisions: count.describe('Destination repositories in which several source repositories would meet.'),
  nameErrors: z.array(z.string()).describe('Both by their names, the first few.'),
});

const rule = z.strictObject({
  name: z.string(),
  source: z.string(),
  repositories: z.array(z.string()),
  tags: z.array(z.string()),
  immutable: z.array(z.string()).optional().describe('Tags that never move at the source.'),
  destination: z.string(),
  destinationType: z.enum(['harbor', 'acr-ee', 'oci']),
  repository: z.string(),
  tag: z.string(),
});

const decision = {
  matches: z.boolean(),
  pattern: z.string().optional().describe('The one that decided; absent when none of the patterns fits.'),
};

const member = z.union([z.string(), z.array(z.string())]);

const difference = z.strictObject({
  rules: z
    .strictObject({
      added: z.array(rule),
      removed: z.array(rule),
      changed: z.array(
        z.strictObject({
          name: z.string(),
          members: z.array(z.strictObject({ member: z.string(), before: member, after: member })),
        }),
      ),
      reordered: z.boolean().describe('Those in both stand in another order.'),
    })
    .describe('Of the effective rules, by their names.'),
  settings: z
    .array(
      z.strictObject({
        path: z.string().describe('As in the file. Its value is not shown: it may be a secret.'),
        change: z.enum(['added', 'removed', 'changed']),
        restart: z.boolean().describe('Holds after a restart only: until then it is as before.'),
      }),
    )
    .describe('All other keys.'),
});

const ruleTest = z.strictObject({
  rule: z.string(),
  source: z.string(),
  destination: z.string(),
  repository: z.strictObject(decision),
  destinationRepository: z.string().optional().describe('Its name there, when the repository matches.'),
  problem: z.string().optional().describe('Why the destination cannot have that name.'),
  tags: z.array(
    z.strictObject({
      tag: z.string(),
      ...decision,
      destinationTag: z.string().optional().describe('Its name there, when repository and tag match.'),
      problem: z.string().optional(),
      immutable: z.literal(true).optional().describe('Declared so: it never moves at the source.'),
    }),
  ),
});

const ruling = z.strictObject({
  rule: z.string(),
  source: z.string(),
  destination: z.string(),
  taken: z.boolean(),
  repositories: z.strictObject(decision).describe('How its `repositories` decide.'),
  tags: z.strictObject(decision).optional().describe('How its `tags` do, if the repository matches.'),
  words: z.string().describe('For a person: taken or not, and by which pattern.'),
});

const look = z.union([
  z.strictObject({ digest: z.string() }),
  z.strictObject({
    problem: z
      .enum(lookProblems)
      .describe('`absent`: no such tag; `no-answer`: none within 3 s; else why it could not be asked.'),
    words: z.string(),
  }),
]);

const explained = z.strictObject({
  rule: z.string(),
  destination: end,
  reason: z
    .enum(standings)
    .describe('One word for programs: why it failed; else how it ended; else how it stands.'),
  words: z.string().describe('For a person: what, since when, what next.'),
  since: time.optional(),
  cause: z
    .strictObject({ code: z.enum(causes), words: z.string() })
    .optional()
    .describe('Why no webhook told of the last change, if none did.'),
  hint: z.string().optional().describe('What to do next about the failure that is told.'),
  ends: z
    .strictObject({ source: look, destination: look })
    .describe('What both ends name just now, or why that is not known.'),
  record: z
    .strictObject({
      digest: z.string(),
      verifiedAt: time,
      trusted: z.boolean().describe('Nothing is known that could have changed it since.'),
    })
    .optional()
    .describe('What the destination tag named when it was last looked at.'),
  immutable: z
    .literal(true)
    .optional()
    .describe('Declared so: while its record is trusted, no sweep asks for it.'),
  task: id.optional().describe('The one that stands for it.'),
  nextAttemptAt: time.optional(),
});

const next = z.string().optional().describe('The `cursor` of the next page; absent on the last.');
const tasks = z.strictObject({ tasks: z.array(id) });

const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z
    .array(
      z.strictObject({
        detail: z.string(),
        pointer: z.string().optional().describe('Into the body.'),
        parameter: z.string().optional().describe('Of the query.'),
      }),
    )
    .optional(),
  sweep: id.optional().describe('The sweep that is running.'),
  mistakes: z
    .array(
      z.strictObject({
        file: z.string(),
        line: count.optional(),
        path: z.string().describe('Of the key; empty for the file as a whole.'),
        expected: z.string(),
        got: z.string(),
        nearest: z.string().optional().describe('The known name that was probably meant.'),
      }),
    )
    .optional()
    .describe('Of the configuration file.'),
});

export const taskQuery = z.strictObject({
  state: z.enum(taskStates).exactOptional(),
  repository: z.string().max(255).exactOptional().describe('Of the source.'),
  tag: z.string().max(128).exactOptional().describe('Of the source.'),
  ...page,
});

export const explainQuery = z.strictObject({
  repository: repository.describe('Of the source.'),
  tag: tag.describe('Of the source.'),
});

export const sweepQuery = z.strictObject(page);

/** By their names in the OpenAPI document. */
export const schemas = {
  Task: task,
  TaskWithAttempts: task.extend({ attempts: z.array(attempt) }),
  TaskPage: z.strictObject({ tasks: z.array(task), next }),
  Resync: z.strictObject({
    repository,
    tag: tag.exactOptional().describe('Without it, all tags that the rules match.'),
    force: z.boolean().default(false),
  }),
  Tasks: tasks,
  Sweep: sweep,
  SweepPage: z.strictObject({ sweeps: z.array(sweep), next }),
  SweepStart: z.strictObject({ rule: z.string().exactOptional(), dryRun: z.boolean().default(false) }),
  SweepStarted: z.strictObject({ id }),
  Rules: z.strictObject({ rules: z.array(rule) }),
  RuleTest: z.strictObject({ repository, tags: z.array(tag).max(100) }),
  RuleTestResult: z.strictObject({ repository: z.string(), rules: z.array(ruleTest) }),
  Explanation: z.strictObject({
    repository: z.string(),
    tag: z.string(),
    reason: z
      .enum([...standings, ...untakenReasons])
      .describe('Of the destination that matters most; why there is none, if none.'),
    words: z.string().describe('The same for a person.'),
    from: z
      .enum(foundations)
      .describe(
        'Besides the rules and both ends: what a mirror keeps, the database it has left, or nothing.',
      ),
    rules: z.array(ruling).describe('Every rule that could concern the repository.'),
    destinations: z.array(explained),
  }),
  Difference: difference,
  Problem: problem,
};
