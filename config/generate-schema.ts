import { writeFileSync } from 'node:fs';
import { jsonSchema } from '../src/config/json-schema.ts';

writeFileSync(new URL('tagferry.schema.json', import.meta.url), jsonSchema());
