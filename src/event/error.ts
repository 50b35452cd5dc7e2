/** A delivery that is not an event. The message is one short printable line: for the sender and for the log. */
export class EventError extends Error {
  override readonly name = 'EventError';

  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/[^\x20-\x7e]/g, '?').slice(0, 200), options);
  }
}
