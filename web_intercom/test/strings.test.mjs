// SPDX-License-Identifier: Apache-2.0
// The table of what the page says, and what is made of what others say.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { languages, pickLanguage, table, translator } from '../src/strings.js';
import { clockTime, initialsOf, plain } from '../src/words.js';

const source = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const modules = readdirSync(new URL('../src/', import.meta.url)).map((name) => `src/${name}`);

test('each sentence is there in each language, with the same words to put in', () => {
  for (const [key, row] of Object.entries(table)) {
    assert.equal(row.length, languages.length, key);
    const words = row.map((text) => (text.match(/\{\w+\}/g) ?? []).sort().join());
    assert.ok(row.every((text) => text.trim() !== '') && new Set(words).size === 1, `${key}: ${words}`);
  }
});

test('no sentence is asked for that is not there, and none is there that is not asked for', () => {
  const all = [...modules.filter((name) => name !== 'src/strings.js'), 'index.html'].map(source).join('\n');
  const asked = [...all.matchAll(/data-(?:text|label|title)="(\w+)"|\bt\('(\w+)'|\bnotice\('(\w+)'/g)].map(([, ...keys]) => keys.find(Boolean));
  for (const key of asked) assert.ok(Object.hasOwn(table, key), key);
  const made = /^(error|state|mic|camera)_/; // a word of the wire behind them
  for (const key of Object.keys(table)) assert.ok(made.test(key) || new RegExp(`['"]${key}['"]`).test(all), `${key} is not used`);
});

test('the first language that the page speaks is taken, else English', () => {
  assert.deepEqual([['de-AT'], ['fr', 'es-MX', 'de'], ['zh-Hans-CN'], ['fr'], []].map(pickLanguage), ['de', 'es', 'zh', 'en', 'en']);
});

test('words are put in as they are', () => {
  assert.equal(translator('en')('who_rings', { who: '{data} $& <b>' }), '{data} $& <b> rings');
});

test('nothing is put into the page but as text', () => {
  for (const name of modules) assert.doesNotMatch(source(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|DOMParser/, name);
});

test('what others say is one line, not too long, and turns nothing round', () => {
  assert.equal(plain('a\u202eb\u200bc\u0000 \n\t d\u2028e\u2069'), 'abc d e');
  assert.equal(plain('  '), '');
  assert.equal(plain(undefined), '');
  assert.equal(plain(Uint8Array.of(65)), '');
  assert.equal([...plain('😀'.repeat(500))].length, 120);
  assert.match(plain('😀'.repeat(500)), /^(😀)+…$/u);
  assert.equal(plain('Grüße, 你好'), 'Grüße, 你好');
});

test('who has no picture has initials', () => {
  assert.deepEqual(['kitchen', 'Front door', 'flat-3', '你好', '😀', '.'].map(initialsOf), ['K', 'FD', 'F3', '你', '😀', '.']);
});

test('hours are told when there are any', () => {
  assert.deepEqual([0, 61_999, 3_600_000].map(clockTime), ['0:00', '1:01', '1:00:00']);
});
