import winston from 'winston';
import { jsonLine, logrusLine, prettyLine, type Entry } from './log/line.ts';
import { Redaction, type Fields } from './log/redact.ts';

export type { Fields } from './log/redact.ts';

/** Writes one line per call. Never throws, whatever the fields are; never writes a secret that it knows. */
export interface Log {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
}

/** A log whose settings may change while it is written to. */
export interface AdjustableLog extends Log {
  adjust(settings: Pick<LogOptions, 'level' | 'format'>): void;
  /** Further texts that stand in no line from now on; the earlier ones do not either. */
  mask(secrets: readonly string[]): void;
}

export type Level = keyof Log;

export interface LogOptions {
  /** The least important level that is still written. */
  level: Level;
  /** One JSON document per line, text for people, or text as image-syncer (logrus) writes it. */
  format: 'json' | 'pretty' | 'logrus';
  /** Default: standard error. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean };
  /** Its NO_COLOR decides about colour on a terminal. Default: the process's. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** Takes the secrets out of what is written elsewhere than in the log. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const redact = new Redaction(secrets);
  return (text) => redact.text(text);
}

/** `secrets` are texts that stand in no line, not even within another text. */
export function createLog(options: LogOptions, secrets: readonly string[] = []): AdjustableLog {
  let { format } = options;
  const { level, stream = process.stderr, env = process.env, now = Date.now } = options;
  const masked = new Set(secrets);
  let redact = new Redaction(secrets);
  const colour = stream.isTTY === true && !env['NO_COLOR'];
  const logger = winston.createLogger({
    level,
    format: winston.format.printf(({ message }) => String(message)),
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
  });
  // Whoever reads the log may go away. That must not stop the mirror, and there is nowhere left to say it.
  stream.on('error', () => undefined);

  function write(at: Level, message: string, fields: Fields = {}): void {
    if (!logger.isLevelEnabled(at)) return;
    const time = new Date(now()).toISOString();
    const entry: Entry = { time, level: at, message: redact.text(message), fields: redact.fields(fields) };
    logger.log(at, lineOf(entry));
  }

  function lineOf(entry: Entry): string {
    if (format === 'json') return jsonLine(entry);
    return format === 'logrus' ? logrusLine(entry) : prettyLine(entry, colour);
  }

  function mask(more: readonly string[]): void {
    if (more.every((secret) => masked.has(secret))) return;
    for (const secret of more) masked.add(secret);
    redact = new Redaction([...masked]);
  }

  return {
    mask,
    adjust(settings) {
      logger.level = settings.level;
      format = settings.format;
    },
    error: (message, fields) => write('error', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    info: (message, fields) => write('info', message, fields),
    debug: (message, fields) => write('debug', message, fields),
  };
}
