// SPDX-License-Identifier: Apache-2.0
// What contacts.json may say, and what is told of it when it is wrong.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nameOf, readContacts, wordOf } from '../src/contacts.js';

const read = (value) => readContacts(typeof value === 'string' ? value : JSON.stringify(value));

test('the example is right', () => {
  const contacts = readContacts(readFileSync(new URL('../contacts.example.json', import.meta.url), 'utf8'));
  assert.equal(contacts.problem, undefined);
  assert.deepEqual([nameOf(contacts, 'door'), wordOf(contacts, 'door'), nameOf(contacts, 'flat-3', true)], ['Front door', 'open-please', 'Flat 3']);
});

test('all of it may be left out, and who has no name is called by the id', () => {
  assert.deepEqual(read('{}'), { given: true, people: [], ice: [], server: undefined, ring_seconds: undefined, problem: undefined });
  const contacts = read({ contacts: [{ user: 'door' }] });
  assert.deepEqual([nameOf(contacts, 'door'), nameOf(contacts, 'else'), wordOf(contacts, 'door')], ['door', 'else', undefined]);
});

test('a user and a group of the same id are two', () => {
  const contacts = read({ contacts: [{ user: 'flat', name: 'One' }, { group: 'flat', name: 'All' }] });
  assert.deepEqual([nameOf(contacts, 'flat'), nameOf(contacts, 'flat', true)], ['One', 'All']);
});

test('one word is one url of a server', () => {
  assert.deepEqual(read({ ice: [{ urls: 'stun:a:1' }, { urls: ['turn:b', 'turns:c'], username: 'u', credential: 'c' }] }).ice,
    [{ urls: ['stun:a:1'] }, { urls: ['turn:b', 'turns:c'], username: 'u', credential: 'c' }]);
});

const wrong = [
  ['', '', 'not_json'], ['[1', '', 'not_json'], ['null', 'contacts.json', 'must_be_object'], ['[]', 'contacts.json', 'must_be_object'], ['7', 'contacts.json', 'must_be_object'],
  [{ contact: [] }, 'contacts.json.contact', 'not_known'], [{ contacts: {} }, 'contacts', 'must_be_list'], [{ contacts: [7] }, 'contacts[0]', 'must_be_object'],
  [{ contacts: [{}] }, 'contacts[0]', 'must_be_user_or_group'], [{ contacts: [{ user: 'a', group: 'b' }] }, 'contacts[0]', 'must_be_user_or_group'],
  [{ contacts: [{ user: 'a/b' }] }, 'contacts[0].user', 'must_be_id'], [{ contacts: [{ group: 7 }] }, 'contacts[0].group', 'must_be_id'],
  [{ contacts: [{ user: 'a', name: '' }] }, 'contacts[0].name', 'must_be_text'], [{ contacts: [{ user: 'a', name: ['x'] }] }, 'contacts[0].name', 'must_be_text'],
  [{ contacts: [{ group: 'a', open: 'x' }] }, 'contacts[0].open', 'open_needs_user'], [{ contacts: [{ user: 'a' }, { user: 'a' }] }, 'contacts[1]', 'twice'],
  [{ contacts: Array(201).fill({ user: 'a' }) }, 'contacts.length', 'must_be_number'], [{ contacts: [{ user: 'a', role: 'x' }] }, 'contacts[0].role', 'not_known'],
  [{ ice: [{}] }, 'ice[0].urls', 'must_be_ice'], [{ ice: [{ urls: 'http://x' }] }, 'ice[0].urls', 'must_be_ice'], [{ ice: [{ urls: ['stun:a', 7] }] }, 'ice[0].urls', 'must_be_ice'],
  [{ server: 'http://x' }, 'server', 'must_be_server'], [{ server: ['ws://x'] }, 'server', 'must_be_server'], [{ ring_seconds: 0 }, 'ring_seconds', 'must_be_number'], [{ ring_seconds: '30' }, 'ring_seconds', 'must_be_number'],
];
for (const [value, where, why] of wrong) {
  test(`${JSON.stringify(value).slice(0, 60)}: ${where} ${why}`, () => {
    const { given, people, problem } = read(value);
    assert.deepEqual([given, people, problem.where ?? '', problem.why], [false, [], where, why]);
  });
}
