// SPDX-License-Identifier: Apache-2.0
//
//   node web_intercom/build.mjs DIRECTORY
//
// Makes the page: one file, since Mosquitto's http_dir, which may serve it, tells no content types, which
// style sheets and modules must have; and beside it what makes it an application that can be installed.
// Leaves a contacts.json that is there alone. Needs what `npm ci` in client_js/ installs.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
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
const { outputFiles: [script], metafile } = await esbuild.build({
  entryPoints: [here('src/main.js')], bundle: true, minify: true, format: 'iife', target: 'es2022', platform: 'browser',
  charset: 'utf8', legalComments: 'inline', write: false, logLevel: 'warning',
  absWorkingDir: here('.'), metafile: true,
});
// What the script has of others comes with what they say of it.
const others = new Set(Object.keys(metafile.inputs).flatMap((input) => /.*node_modules\/(@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
const licences = [...others].sort().map((other) => {
  const { name, version, license } = JSON.parse(readFileSync(here(`${other}/package.json`), 'utf8'));
  const text = readdirSync(here(other)).filter((file) => /^licen[cs]e/i.test(file)).map((file) => readFileSync(here(`${other}/${file}`), 'utf8'));
  return [`${name} ${version}, ${license}`, ...text].join('\n\n');
});
const style = readFileSync(here('style.css'), 'utf8');

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
// This script and this style, and nothing that anybody else could bring in. The broker may be anywhere;
// mqtt.js has its timers in a worker of its own, a blob.
const policy = [
  "default-src 'none'", `script-src ${hash(script.text)}`, `style-src ${hash(style)}`, "img-src 'self'", "media-src 'self' blob:",
  "connect-src 'self' ws: wss:", "manifest-src 'self'", "worker-src 'self' blob:", "base-uri 'none'", "form-action 'none'",
].join('; ');

const put = (page, place, text) => {
  if (!page.includes(place)) throw new Error(`no ${place}`);
  return page.replace(place, () => text);
};
let page = readFileSync(here('index.html'), 'utf8');
page = put(page, 'POLICY', policy);
page = put(page, '/* style.css */', style);
page = put(page, '/* intercom.js */', script.text);
const version = createHash('sha256').update(page).digest('hex').slice(0, 16);
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, 'worker.js'), put(readFileSync(here('worker.js'), 'utf8'), 'VERSION', version));
for (const name of ['manifest.webmanifest', 'contacts.example.json', 'icon-192.png', 'icon-512.png', 'icon-maskable.png']) {
  copyFileSync(here(name.endsWith('.png') ? `icons/${name}` : name), join(directory, name));
}
writeFileSync(join(directory, 'licences.txt'), `${licences.join(`\n\n${'-'.repeat(72)}\n`)}\n`);
// Last, by which scripts/web_intercom sees that all is there.
writeFileSync(join(directory, 'index.html'), page);
