import { z } from 'zod';
import { EventError } from './error.ts';
import type { Event } from './event.ts';

/** What both payload formats have: what happened and when, and the content that depends on the type. */
export interface Envelope {
  common: Pick<Event, 'type' | 'id' | 'occurredAt'>;
  content: object;
}

/** The last moment that a `Date` can hold; milliseconds. */
const lastMoment = 8.64e15;

const word = z.string().regex(/^[\x21-\x7e]{1,100}$/, 'expected a word');
const members = z.object({}).catchall(z.unknown());

const defaultFormat = z.object({
  type: word,
  /** Seconds. */
  occur_at: z
    .number()
    .min(0)
    .max(lastMoment / 1000)
    .nullish(),
  event_data: members,
});

const cloudEvent = z.object({
  type: word,
  id: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'expected a word')
    .nullish(),
  time: z.iso
    .datetime({ offset: true })
    .refine((time) => Date.parse(time) >= 0, 'expected a time after 1970')
    .nullish(),
  data: members,
});

/** Reads Harbor's Default format. Throws `EventError`. */
export function readDefault(json: object, receivedAt: number): Envelope {
  const { type, occur_at: seconds, event_data: content } = read(defaultFormat, json);
  const occurredAt = typeof seconds === 'number' ? Math.round(seconds * 1000) : receivedAt;
  return { common: { type, occurredAt }, content };
}

/** Reads a CloudEvent in structured mode: https://github.com/cloudevents/spec. Throws `EventError`. */
export function readCloudEvent(json: object, receivedAt: number): Envelope {
  const { type, id, time, data: content } = read(cloudEvent, json);
  const occurredAt = time ? Date.parse(time) : receivedAt;
  return { common: { type, ...(id && { id }), occurredAt }, content };
}

function read<Format>(schema: z.ZodType<Format>, json: object): Format {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join('.') || 'body';
  throw new EventError(`not a Harbor event: ${path}: ${issue?.message ?? 'not valid'}`);
}
