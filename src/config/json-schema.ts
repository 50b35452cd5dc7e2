import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The JSON Schema of the file as it is written, for editors; ends with a newline. */
export function jsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return `${JSON.stringify({ ...schema, title: 'Tagferry configuration' }, undefined, 2)}\n`;
}
