// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeEvent, decodeReply, encodeRequest, fitsRequest, isId, requests, topicOf } from '../src/wire.js';

const schemas = new URL('../../schemas/', import.meta.url);
const vectors = (file) => JSON.parse(readFileSync(new URL(`vectors/${file}.json`, schemas), 'utf8'));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** A vector's JSON as a message: `data_b64` is binary `data`. No number here is beyond what a number holds. */
function fromJson(value) {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) =>
    key === 'data_b64' ? ['data', Uint8Array.from(Buffer.from(field, 'base64'))] : [key, fromJson(field)]));
}
const isExact = (json) => !/[:[,]-?\d{16,}/.test(json);

test('every request is written as the golden vectors have it', () => {
  let checked = 0;
  for (const { kind, name, json, msgpack } of vectors('requests').filter((one) => isExact(one.json))) {
    const { req, ...body } = fromJson(JSON.parse(json));
    const written = encodeRequest(kind.slice('request:'.length), body, req);
    assert.equal(Buffer.from(written).toString('hex'), msgpack, `${kind} ${name}`);
    checked += 1;
  }
  assert.ok(checked > 100, `${checked} vectors`);
});

test('what is left out of a request has the default that the vectors spell out', () => {
  const plain = vectors('requests').filter(({ json }) => !json.includes('"req"'));
  for (const kind of ['invite', 'group_join', 'sync']) {
    const shortest = plain.filter((one) => one.kind === `request:${kind}`)
      .sort((one, other) => one.msgpack.length - other.msgpack.length)[0];
    assert.equal(Buffer.from(encodeRequest(kind, {})).toString('hex'), shortest.msgpack, kind);
  }
});

test('every request of the vectors can be made', () => {
  for (const { kind } of vectors('requests')) assert.ok(requests[kind.slice('request:'.length)], kind);
});

/** With what the broker leaves out. */
const filledIn = (event) => event.event !== 'new_invitation' ? event : {
  by: event.inviter, call: false, answer: 'all', visibility: event.group ? 'members' : 'invitees', online_only: false,
  role: 'invitee', ...event,
};

test('every event of the golden vectors is read', () => {
  for (const { kind, name, json, msgpack } of vectors('events')) {
    const event = decodeEvent(bytes(msgpack));
    assert.ok(event, `${kind} ${name}`);
    if (isExact(json)) assert.deepEqual(event, filledIn(fromJson(JSON.parse(json))), `${kind} ${name}`);
  }
});

test('an event that lacks what it must have, or has it wrong, is none', () => {
  for (const { kind, name, json } of vectors('events').filter((one) => isExact(one.json))) {
    const event = fromJson(JSON.parse(json));
    const optional = new Set(['group', 'data', 'remaining_ms', 'name', 'profile', 'join_mode', 'reason', 'seq', 'to', 'by', 'by_device', 'invitees', 'call', 'answer', 'visibility', 'online_only', 'role', 'replaces', 'more']);
    for (const field of Object.keys(event)) {
      const { [field]: _, ...rest } = event;
      if (!optional.has(field)) assert.equal(decodeEvent(encodeAny(rest)), undefined, `${kind} ${name} without ${field}`);
      assert.equal(decodeEvent(encodeAny({ ...event, [field]: { no: true } })), undefined, `${kind} ${name}: ${field}`);
    }
  }
});

test('every reply of the golden vectors is read as what it answers', () => {
  for (const { kind, name, json, msgpack } of vectors('replies')) {
    const reply = decodeReply(bytes(msgpack));
    assert.ok(reply, `${kind} ${name}`);
    if (isExact(json)) assert.deepEqual(reply, fromJson(JSON.parse(json)), `${kind} ${name}`);
    const answers = Object.keys(requests).some((one) => fitsRequest(reply, one));
    assert.ok(answers || kind === 'reply:refused', `${kind} ${name}`);
  }
});

test('a reply that lacks what it must have, or has it wrong, answers nothing', () => {
  const ok = (re, body) => ({ re, ok: true, device: 'a1', ...body });
  const item = { id: 'x', inviter: 'alice', invitees: [{ user: 'bob' }] };
  for (const [kind, right, ...wrong] of [
    ['online', { online: [{ user: 'bob', devices: 2 }], next: 'bob' }, {}, { online: [{ user: 'bob' }] }, { online: [{ user: 'bob', devices: '2' }] }],
    ['open', { invitations: [item], next: '1' }, {}, { invitations: [{ id: 'x' }] }, { invitations: [{ ...item, invitees_left_out: 'many' }] }],
    ['add', { id: 'x', rev: 2, dup: true, remaining_ms: 5 }, { id: 'x', rev: 2, dup: 1 }, { id: 'x', rev: 2, remaining_ms: -1 }],
    ['group_join', { dup: true }, { dup: 'yes' }],
    ...['signal', 'join', 'hangup', 'resume'].map((one) => [one, { rev: 2, dup: true }, {}, { rev: '2' }, { rev: 2, dup: 'yes' }]),
  ]) {
    const verb = requests[kind][1];
    assert.ok(fitsRequest(ok(verb, structuredClone(right)), kind), kind);
    for (const one of wrong) assert.ok(!fitsRequest(ok(verb, structuredClone(one)), kind), `${kind} ${JSON.stringify(one)}`);
  }
});

test('garbage is no message', () => {
  for (const { hex } of JSON.parse(readFileSync(new URL('samples/malformed.json', schemas), 'utf8'))) {
    assert.equal(decodeEvent(bytes(hex)), undefined, hex);
    assert.equal(decodeReply(bytes(hex)), undefined, hex);
  }
  for (let length = 0; length < 64; length += 1) {
    const noise = Uint8Array.from({ length }, (_, at) => (at * 73 + length * 31) % 256);
    assert.equal(decodeEvent(noise), undefined);
  }
});

test('the bytes of ids, and where requests go', () => {
  for (const id of ['a', 'dave@example.org', 'x'.repeat(64), 'A-Z.a_z:0']) assert.ok(isId(id), id);
  for (const id of ['', 'x'.repeat(65), 'a/b', '+', '#', 'ä', 'a b', 7, undefined]) assert.ok(!isId(id), String(id));
  assert.equal(topicOf('beckon/v1', 'invite', 'bob'), 'beckon/v1/user/bob/invite');
  assert.equal(topicOf('beckon/v1', 'group_invite', 'flat'), 'beckon/v1/group/flat/invite');
  assert.equal(topicOf('beckon/v1', 'signal', 'x'), 'beckon/v1/invitation/x/signal');
  assert.equal(topicOf('beckon/v1', 'history', 'bob'), 'beckon/v1/user/bob/history');
});

function encodeAny(message) {
  return encodeRequest('group_join', message);
}
