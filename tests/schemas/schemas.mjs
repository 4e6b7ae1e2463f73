// SPDX-License-Identifier: Apache-2.0
// The JSON Schemas of schemas/json, by kind of message: `request:accept` is request.accept.schema.json.
import { readFileSync, readdirSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';

export const root = new URL('../../schemas/', import.meta.url);
export const readJson = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));

const suffix = '.schema.json';
const ajv = new Ajv2020.default({ allErrors: true, allowUnionTypes: true, strictTypes: true });
const files = readdirSync(new URL('json/', root));
for (const file of files) ajv.addSchema(readJson(`json/${file}`), file);

export const kinds = files
  .filter((file) => file !== `common${suffix}`)
  .map((file) => file.slice(0, -suffix.length).replace('.', ':'));

/** What is wrong with a message, as JSON has it: ajv's errors, none when it fits. */
export function faults(kind, message) {
  const validate = ajv.getSchema(kind.replace(':', '.') + suffix);
  return validate(message) ? [] : validate.errors;
}
