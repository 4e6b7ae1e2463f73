// SPDX-License-Identifier: Apache-2.0
// Writes ../vectors/*.json and ../samples/malformed.json; with --check only tells whether they are
// up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { malformed } from './malformed.mjs';
import { vectors } from './vectors.mjs';
import { isJsonOnly, toJson, toMsgpack } from './wire.mjs';

const written = ({ kind, name, message }) => ({
  name,
  kind,
  json: toJson(message),
  ...(!isJsonOnly(kind) && { msgpack: Buffer.from(toMsgpack(message)).toString('hex') }),
});

const files = {
  ...Object.fromEntries(
    Object.entries(vectors).map(([name, list]) => [`vectors/${name}.json`, list.map(written)]),
  ),
  'samples/malformed.json': malformed,
};

const check = process.argv.includes('--check');
for (const [path, list] of Object.entries(files)) {
  const names = new Set(list.map(({ kind, name }) => `${kind} ${name}`));
  if (names.size !== list.length) throw new Error(`${path}: a name stands twice`);
  const text = `${JSON.stringify(list, null, 2)}\n`;
  const url = new URL(`../${path}`, import.meta.url);
  if (!check) {
    writeFileSync(url, text);
  } else if (readFileSync(url, 'utf8') !== text) {
    console.error(`schemas/${path} is not what schemas/tools/generate.mjs writes; run it`);
    process.exitCode = 1;
  }
}
