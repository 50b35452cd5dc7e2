import { z } from 'zod';
import { isDigest } from '../oci/digest.ts';
import { essence } from '../oci/media-type.ts';
import { isRepository, isTag } from '../oci/reference.ts';
import { type Envelope, readCloudEvent, readDefault } from './envelope.ts';
import { EventError } from './error.ts';
import type { Event, PushEvent, ScanEvent } from './event.ts';

export { EventError } from './error.ts';

/** No Harbor names more than one; a million would become a million tasks. */
const maxResources = 1_000;

/*
 * Unknown members are dropped, since Harbor adds some from version to version. Members that are only sometimes
 * there may be missing or null; `resource_url` is not read at all: its host is Harbor's own idea of its name.
 */
const named = z.object({ repo_full_name: z.string().refine(isRepository, 'expected a repository') });
const resource = z.object({ tag: z.string().nullish(), digest: z.string().nullish() });
const pushed = z.object({ repository: named, resources: z.array(resource).min(1).max(maxResources) });
const scanned = z.object({ repository: named });

/** What Harbor's event types mean here; both names of each. Types not listed are `unknown-type`. */
const ignoredTypes: ReadonlyMap<string, string> = new Map([
  ['DELETE_ARTIFACT', 'deletion'],
  ['harbor.artifact.deleted', 'deletion'],
  ['PULL_ARTIFACT', 'pull'],
  ['harbor.artifact.pulled', 'pull'],
  ['QUOTA_EXCEED', 'quota'],
  ['harbor.quota.exceeded', 'quota'],
  ['QUOTA_WARNING', 'quota'],
  ['harbor.quota.warned', 'quota'],
  ['REPLICATION', 'replication'],
  ['harbor.replication.status.changed', 'replication'],
  ['TAG_RETENTION', 'retention'],
  ['harbor.tag_retention.finished', 'retention'],
  ['SCANNING_FAILED', 'scan-not-completed'],
  ['harbor.scan.failed', 'scan-not-completed'],
  ['SCANNING_STOPPED', 'scan-not-completed'],
  ['harbor.scan.stopped', 'scan-not-completed'],
]);

/**
 * Reads the body of a Harbor webhook, in the Default or the CloudEvents format. `receivedAt` (milliseconds)
 * stands in for the time of an event that has none. Throws `EventError`, and nothing else.
 */
export function parseHarbor(contentType: string, body: Uint8Array, receivedAt: number): Event {
  const json = parseJson(body);
  const cloudEvent = essence(contentType) === 'application/cloudevents+json' || 'specversion' in json;
  const envelope = cloudEvent ? readCloudEvent(json, receivedAt) : readDefault(json, receivedAt);
  switch (envelope.common.type) {
    case 'PUSH_ARTIFACT':
    case 'harbor.artifact.pushed':
      return readPush(envelope);
    case 'SCANNING_COMPLETED':
    case 'harbor.scan.completed':
      return readScan(envelope);
    default:
      return ignore(envelope, ignoredTypes.get(envelope.common.type) ?? 'unknown-type');
  }
}

function parseJson(body: Uint8Array): object {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new EventError(`not a Harbor event: expected JSON, got ${body.length} bytes of something else`, {
      cause,
    });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new EventError('not a Harbor event: expected a JSON object');
}

function readPush(envelope: Envelope): Event {
  const { repository, resources } = read(pushed, envelope);
  const references = new Map<string, PushEvent['references'][number]>();
  for (const { tag, digest } of resources) {
    // Without a tag Harbor puts the digest into `tag`; a tag cannot contain a colon.
    if (tag?.includes(':') || (!tag && digest)) continue;
    if (!tag || !isTag(tag))
      throw new EventError(`${envelope.common.type}: expected a tag, got ${quote(tag)}`);
    references.set(tag, { tag, ...(digest && isDigest(digest) && { digest }) });
  }
  if (references.size === 0) return ignore(envelope, 'by-digest');
  return {
    kind: 'push',
    ...envelope.common,
    repository: repository.repo_full_name,
    references: [...references.values()],
  };
}

function readScan(envelope: Envelope): ScanEvent {
  const { repository } = read(scanned, envelope);
  return { kind: 'scan', ...envelope.common, repository: repository.repo_full_name };
}

/** Nothing of an event that is not for us may make it fail; some have no repository. */
function ignore({ common, content }: Envelope, ignored: string): Event {
  const result = scanned.safeParse(content);
  return {
    kind: 'ignored',
    ...common,
    ...(result.success && { repository: result.data.repository.repo_full_name }),
    ignored,
  };
}

function read<Content>(schema: z.ZodType<Content>, { common, content }: Envelope): Content {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  throw new EventError(`${common.type}: ${path}: ${issue?.message ?? 'not valid'}`);
}

function quote(text: string | null | undefined): string {
  return typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : 'none';
}
