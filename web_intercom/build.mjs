// SPDX-License-Identifier: Apache-2.0
//
//   node web_intercom/build.mjs DIRECTORY
//
// Makes the page: one file, since Mosquitto's http_dir, which may serve it, tells no content types, which
// style sheets and modules must have. Needs what `npm ci` in client_js/ installs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const esbuild = createRequire(new URL('../client_js/package.json', import.meta.url))('esbuild');
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const [directory] = process.argv.slice(2);
if (!directory) {
  console.error('usage: node build.mjs DIRECTORY');
  process.exit(2);
}
const { outputFiles: [script] } = await esbuild.build({
  entryPoints: [here('intercom.js')], bundle: true, minify: true, format: 'iife', target: 'es2022', platform: 'browser',
  charset: 'utf8', legalComments: 'inline', write: false, logLevel: 'warning',
});
const put = (page, place, text) => page.replace(place, () => text);
let page = readFileSync(here('index.html'), 'utf8');
page = put(page, '/* style.css */', readFileSync(here('style.css'), 'utf8'));
page = put(page, '/* intercom.js */', script.text);
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, 'index.html'), page);
