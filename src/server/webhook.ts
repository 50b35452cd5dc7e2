import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import type { Clock } from '../clock.ts';
import type { Event } from '../event/event.ts';
import { parseHarbor } from '../event/harbor.ts';
import type { Received } from '../task/enqueue.ts';
import { sendJson } from './answer.ts';
import { checkContentType, readBody } from './body.ts';
import { HttpError, httpError, methodNotAllowed, type Log } from './error.ts';
import { RefusalLog } from './refusal-log.ts';
import { secretCheck } from './secret.ts';

/** What became of a delivery, for the metrics. */
export type DeliveryOutcome =
  'accepted' | 'ignored' | 'unauthorized' | 'invalid' | 'too-large' | 'unsupported' | 'unavailable';

export interface WebhookProtection {
  /** Whole values of the `Authorization` header that are let in. */
  secrets: readonly string[];
  /** Let everyone in; counts only without any secret. */
  allowUnauthenticated: boolean;
}

export interface WebhookOptions {
  /** The one that holds now. */
  protection(): WebhookProtection;
  /** Resolves once the event is durable; rejects with `StorageError` when it cannot be stored now. */
  receive(event: Event): Promise<Received>;
}

const mediaTypes = ['application/json', 'application/cloudevents+json'];

/** `POST /webhooks/harbor`. Harbor writes a refusal's body to its job log: one line that helps there. */
export function webhook(
  { protection, receive }: WebhookOptions,
  clock: Clock,
  log: Log,
  onDelivery: (outcome: DeliveryOutcome) => void,
): RequestHandler {
  const isOneOf = secretCheck(() => protection().secrets);

  function isKnown(header: string | undefined): boolean {
    const { secrets, allowUnauthenticated } = protection();
    return (allowUnauthenticated && secrets.length === 0) || isOneOf(header);
  }

  const refusals = new RefusalLog(clock, log);

  async function takeIn(request: IncomingMessage): Promise<Received> {
    if (request.method !== 'POST') throw methodNotAllowed(request.method ?? '', 'POST');
    if (!isKnown(request.headers.authorization)) throw unauthorized(request);
    const contentType = checkContentType(request, mediaTypes);
    const body = await readBody(request);
    return receive(parseHarbor(contentType, body, clock.now()));
  }

  return async function receiveDelivery(request, response) {
    try {
      const received = await takeIn(request);
      onDelivery(received.ignored === undefined ? 'accepted' : 'ignored');
      sendJson(response, 202, received);
    } catch (error) {
      const { status, message } = httpError(error);
      onDelivery(refusal(status));
      // What fails on our side is logged with its cause where it is answered.
      if (status < 500) refusals.tell({ status, detail: message, sender: request.socket.remoteAddress });
      throw error;
    }
  };
}

function unauthorized(request: IncomingMessage): HttpError {
  const got = request.headers.authorization === undefined ? 'no Authorization header' : 'another value';
  return new HttpError(401, `Expected an Authorization header with one of webhook.secrets, got ${got}.`);
}

function refusal(status: number): DeliveryOutcome {
  switch (status) {
    case 400:
      return 'invalid';
    case 401:
      return 'unauthorized';
    case 405:
    case 415:
      return 'unsupported';
    case 413:
      return 'too-large';
    default:
      return 'unavailable';
  }
}
