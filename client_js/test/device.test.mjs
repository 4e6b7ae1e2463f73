// SPDX-License-Identifier: Apache-2.0
// The rules of tests/core/device_test.cpp, which the C++ client obeys, too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from '@msgpack/msgpack';
import { failures } from '../src/device.js';
import { Alone, announce, elsewhere, here, inPart, of, over, ring } from './alone.mjs';

const users = (told) => told.map(({ body }) => body.invitee ?? body.invitees);
const ends = (told) => told.filter(({ news }) => news === 'ended');
const heard = (told) => told.filter(({ news }) => news === 'heard');
/** A test for each of the cases, which has them by name. */
function cases(name, all) {
  for (const [one, run] of Object.entries(all)) test(`${name}: ${one}`, run);
}

test('a failure has a code of its own, and a sentence', () => {
  const codes = Object.values(failures).map(([code]) => code);
  assert.equal(new Set(codes).size, codes.length);
  for (const [, message] of Object.values(failures)) assert.ok(message);
});

// ---------------------------------------------------------------------- calls

test('a call gets its result exactly once', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  const call = alone.call('accept', 'x');
  const request = alone.sent('accept');
  assert.equal(alone.result(call), undefined);
  alone.reply(request, { rev: 2 });
  assert.ok(alone.result(call).reply.ok);
  alone.reply(request, { rev: 2, dup: true });
  alone.wait(60_000);
  alone.disconnect();
  alone.close();
  assert.ok(alone.result(call).reply.ok);
});

test('a call without a reply fails at its patience, and what comes later is no result', () => {
  const alone = new Alone({ patience: 7_000 });
  alone.connectAndSync([ring()]);
  const call = alone.call('reject', 'x');
  const request = alone.sent('reject');
  alone.wait(6_999);
  assert.equal(alone.result(call), undefined);
  alone.wait(1);
  assert.equal(alone.failure(call), 'no_reply');
  alone.reply(request, { rev: 2 });
  assert.equal(alone.failure(call), 'no_reply');
});

test('nothing is asked later than it could ring', () => {
  const alone = new Alone();
  const invites = alone.invite('alice', { timeout_ms: 2_000 });
  const adds = alone.call('add', 'y', { invitees: ['carol'], timeout_ms: 2_000 });
  alone.wait(2_000);
  assert.equal(alone.failure(invites), 'not_connected');
  assert.equal(alone.failure(adds), 'not_connected');
});

test('each request has a req of its own, and a reply to another is none', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  const call = alone.call('accept', 'x');
  const other = alone.call('get', 'x');
  const request = alone.sent('accept');
  assert.notEqual(request.body.req, alone.sent('get').body.req);
  for (const req of ['q-:1', 1, 'r-:', 'r-:x', 'r-:99999999999999999999', 'r-:0', undefined]) {
    alone.reply({ verb: 'accept', body: { req } }, { rev: 2 }, elsewhere);
    assert.equal(alone.result(call), undefined, String(req));
  }
  // To something else than was asked.
  alone.reply({ ...request, verb: 'sync' }, { server_epoch: 'e', invitations: [] });
  assert.equal(alone.result(call), undefined);
  alone.reply(request, { rev: 2 });
  assert.ok(alone.result(call).reply.ok);
  assert.equal(alone.result(other), undefined);
});

test('on each connect a sync comes before anything else, and calls keep their order', () => {
  const alone = new Alone();
  alone.call('get', 'x');
  alone.call('get', 'y');
  assert.ok(alone.silent);
  alone.connect();
  const sync = alone.sent('sync');
  assert.ok(alone.silent);
  alone.call('get', 'z');
  assert.ok(alone.silent);
  alone.reply(sync, { server_epoch: 'epoch', invitations: [] });
  assert.deepEqual([alone.sent(), alone.sent(), alone.sent()].map(({ about }) => about), ['x', 'y', 'z']);
});

test('the application is told of each change of the link', () => {
  const alone = new Alone();
  const links = () => alone.told('link').map(({ link }) => link);
  alone.connect();
  assert.deepEqual(links(), ['syncing']);
  alone.sync();
  assert.deepEqual(links(), ['ready']);
  alone.disconnect();
  alone.disconnect();
  assert.deepEqual(links(), ['offline']);
});

test('no more than max_in_flight requests are out, and more than max_waiting are refused', () => {
  const alone = new Alone({ max_in_flight: 2, max_waiting: 3 });
  alone.connectAndSync();
  for (let i = 0; i < 5; ++i) assert.equal(alone.result(alone.call('get', 'x')), undefined);
  assert.equal(alone.failure(alone.call('get', 'x')), 'too_many_waiting');
  const out = [alone.sent(), alone.sent()];
  for (let i = 0; i < 3; ++i) {
    assert.ok(alone.silent);
    alone.refuse(out[i], 'unknown_invitation', 8010);
    out.push(alone.sent());
  }
  assert.equal(alone.open.length, 0);
});

test('who would not wait for a connection is told at once that there is none', () => {
  const alone = new Alone();
  assert.equal(alone.failure(alone.call('get', 'x', {}, 'fail')), 'not_connected');
  alone.connectAndSync();
  const call = alone.call('get', 'x', {}, 'fail');
  alone.sent('get');
  alone.disconnect();
  assert.equal(alone.failure(call), 'no_reply'); // it was sent: who knows
});

test('close ends every call', () => {
  const alone = new Alone({ max_in_flight: 1 });
  alone.connectAndSync();
  const calls = [alone.call('get', 'x'), alone.call('get', 'y'), alone.invite('alice')];
  alone.close();
  assert.deepEqual(calls.map((call) => alone.failure(call)), ['closed', 'closed', 'closed']);
});

test('without Beckon every call fails with no_beckon, and it is asked again', () => {
  const alone = new Alone({ patience: 25_000 });
  alone.connect();
  alone.sent('sync');
  const waiting = alone.call('get', 'x');
  alone.wait(9_999);
  assert.equal(alone.device.link, 'syncing');
  alone.wait(1);
  assert.equal(alone.device.link, 'no_beckon');
  assert.equal(alone.failure(waiting), 'no_beckon');
  assert.equal(alone.failure(alone.invite('alice')), 'no_beckon');
  assert.ok(alone.silent);
  alone.wait(30_000);
  alone.sync([ring()]);
  assert.equal(alone.device.link, 'ready');
});

test('a broker that answers after all is asked at once', () => {
  const alone = new Alone();
  alone.connect();
  const late = alone.sent('sync');
  alone.wait(10_000);
  assert.equal(alone.device.link, 'no_beckon');
  while (!alone.silent) alone.sent('sync'); // the same again
  alone.reply(late, { invitations: [], server_epoch: 'e1' });
  alone.wait(0);
  alone.sync([ring()]);
  assert.equal(alone.device.link, 'ready');
});

test('a sync that is refused for the moment is asked again', () => {
  const alone = new Alone();
  alone.connect();
  alone.refuse(alone.sent('sync'), 'rate_limited', 20102);
  assert.ok(alone.silent);
  alone.wait(9_000);
  alone.sync([ring()]);
  assert.equal(alone.device.link, 'ready');
  assert.equal(alone.told('new_invitation').length, 1);
});

test('a sync goes over several pages, and what is on none has ended', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.disconnect();
  alone.told();
  alone.connect();
  alone.sync([ring('y')], { next: 'the next' });
  assert.equal(alone.device.link, 'syncing');
  assert.equal(alone.sends[0].body.after, 'the next');
  alone.sync([ring('z')]);
  assert.equal(alone.device.link, 'ready');
  assert.equal(alone.told('new_invitation').length, 2);
  assert.equal(alone.sent('get').about, 'x');
  assert.ok(alone.silent);
});

test('what was in flight when the connection was lost is sent again after the sync', () => {
  const alone = new Alone({ max_in_flight: 2 });
  alone.connectAndSync([ring()]);
  const accept = alone.call('accept', 'x', { data: 'yes' });
  const get = alone.call('get', 'x');
  alone.call('get', 'y');
  const sent = [alone.sent('accept'), alone.sent('get')];
  alone.disconnect();
  alone.wait(2_000);
  alone.connect();
  assert.equal(alone.sends.length, 1);
  alone.sync([ring()]);
  assert.deepEqual([alone.sent(), alone.sent()], sent);
  assert.ok(alone.silent);
  alone.reply(sent[0], { rev: 2, dup: true });
  assert.equal(alone.sent('get').about, 'y');
  assert.ok(alone.result(accept).reply.ok);
  alone.wait(8_000);
  assert.equal(alone.failure(get), 'no_reply');
});

// -------------------------------------------------------------------- invites

test('an invite that waits has its age taken off its timeout', () => {
  const alone = new Alone();
  alone.invite('alice', { timeout_ms: 8_000 });
  alone.invite('alice', { id: 'y', timeout_ms: 0 });
  alone.wait(3_000);
  alone.connect();
  alone.wait(500);
  alone.sync();
  assert.equal(alone.sent('invite').body.timeout_ms, 4_500);
  assert.equal(alone.sent('invite').body.timeout_ms, 0);
});

test('a cancel of an invite that was not sent withdraws both', () => {
  const alone = new Alone();
  alone.invite('carol', { id: 'y' });
  const invite = alone.invite('alice');
  const cancel = alone.call('cancel', 'x');
  assert.equal(alone.failure(invite), 'withdrawn');
  assert.deepEqual(alone.result(cancel).reply.cancelled, ['alice']);
  alone.connectAndSync();
  assert.equal(alone.sent('invite').body.id, 'y');
  assert.ok(alone.silent);
  assert.equal(alone.told('ended').length, 0);
});

test('a cancel of an invite that was sent once waits behind it', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.invite('alice');
  alone.sent('invite');
  alone.disconnect();
  const cancel = alone.call('cancel', 'x');
  assert.equal(alone.result(cancel), undefined);
  alone.connectAndSync();
  alone.sent('invite');
  alone.sent('cancel');
});

cases('an invite that failed for want of a reply is called off, as it may have been made', {
  'while connected, and it was made'() {
    const alone = new Alone({}, 'alice');
    alone.connectAndSync();
    const call = alone.invite('bob');
    alone.sent('invite');
    alone.wait(10_000);
    assert.equal(alone.failure(call), 'no_reply');
    alone.reply(alone.sent('cancel'), { rev: 2, cancelled: ['bob'], already: [] });
    quiet(alone);
  },
  'when there is a connection again'() {
    const alone = new Alone({}, 'alice');
    alone.connectAndSync();
    alone.invite('bob');
    alone.sent('invite');
    alone.disconnect();
    alone.wait(10_000);
    assert.ok(alone.silent);
    alone.connectAndSync();
    alone.sent('cancel');
    alone.disconnect();
    alone.connectAndSync();
    alone.refuse(alone.sent('cancel'), 'unknown_invitation', 8010);
    quiet(alone);
  },
  'as soon as the broker has time for it'() {
    const alone = new Alone({}, 'alice');
    alone.connectAndSync();
    alone.invite('bob');
    alone.sent('invite');
    alone.wait(10_000);
    alone.refuse(alone.sent('cancel'), 'rate_limited', 20102);
    alone.wait(5_000);
    alone.reply(alone.sent('cancel'), { rev: 2, cancelled: ['bob'], already: [] });
    quiet(alone);
  },
});
function quiet(alone) {
  alone.wait(60_000);
  alone.disconnect();
  alone.connectAndSync();
  assert.ok(alone.silent);
  const told = alone.told();
  assert.deepEqual([heard(told), ends(told)], [[], []]);
}

test('an invite that was sent again and refused for the moment is called off, as the first may have been made', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  alone.invite('bob');
  alone.sent('invite');
  alone.disconnect();
  alone.connectAndSync();
  alone.refuse(alone.sent('invite'), 'storage_unavailable', 20104);
  alone.reply(alone.sent('cancel'), { rev: 2, cancelled: ['bob'], already: [] });
  quiet(alone);
});

test('an invite that was refused is no invitation', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  const call = alone.invite('bob');
  alone.refuse(alone.sent('invite'), 'user_offline', 20101);
  assert.equal(alone.result(call).reply.error, 'user_offline');
  assert.equal(alone.open.length, 0);
  quiet(alone);
});

/** alice rings these, and the broker has said so. */
function inviter(...invitees) {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  alone.invite(invitees[0], { also: invitees.slice(1) });
  alone.reply(alone.sent('invite'), { id: 'x', rev: 1, remaining_ms: 30_000 });
  alone.told();
  return alone;
}

cases('an invite that succeeded ends once', {
  rejected() {
    const alone = inviter('bob');
    for (let i = 0; i < 2; ++i) alone.event('invitee_rejected', 'x', 2, 'bob', { invitee: 'bob', reason: 'busy' });
    const told = alone.told();
    assert.deepEqual(told.map(({ news, body }) => body?.event ?? news), ['invitee_rejected', 'ended']);
    const { state, reason, by, by_device, here: mine } = told[1];
    assert.deepEqual({ state, reason, by, by_device, mine }, { state: 'rejected', reason: 'busy', by: 'bob', by_device: here, mine: false });
    quiet(alone);
  },
  'timed out'() {
    const alone = inviter('bob');
    alone.event('invitation_timeout', 'x', 2, undefined, { invitees: ['bob'] });
    assert.equal(alone.told('ended')[0].state, 'timed_out');
    quiet(alone);
  },
  'cancelled by this device'() {
    const alone = inviter('bob');
    alone.call('cancel', 'x');
    alone.reply(alone.sent('cancel'), { rev: 2, cancelled: ['bob'], already: [] });
    alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' }, here);
    const told = alone.told();
    assert.equal(heard(told).length, 0);
    assert.deepEqual(ends(told).map(({ state, here: mine }) => [state, mine]), [['cancelled', true]]);
    quiet(alone);
  },
  'cancelled by another device'() {
    const alone = inviter('bob');
    alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
    const told = alone.told();
    assert.ok(heard(told)[0].ends_ours);
    assert.deepEqual(ends(told).map(({ state, here: mine, by }) => [state, mine, by]), [['cancelled', false, 'alice']]);
    quiet(alone);
  },
});

test("an inviter's end is the best that anybody's part ended in", () => {
  const alone = inviter('bob', 'carol', 'dave');
  alone.event('invitation_timeout', 'x', 2, undefined, { invitees: ['bob'] });
  alone.event('invitee_rejected', 'x', 3, 'carol', { invitee: 'carol', reason: 'busy' });
  assert.equal(alone.told('ended').length, 0);
  alone.event('invitee_accepted', 'x', 4, 'dave', { invitee: 'dave' });
  assert.equal(alone.told('ended')[0].state, 'accepted');
});

// ---------------------------------------------------------------- invitations

test('an invitation is announced once, however often it is delivered', () => {
  const alone = new Alone();
  alone.connectAndSync();
  for (let i = 0; i < 3; ++i) announce(alone);
  alone.call('get', 'x');
  alone.reply(alone.sent('get'), { invitation: ring() });
  alone.disconnect();
  alone.connectAndSync([ring()]);
  announce(alone);
  const told = alone.told('new_invitation');
  assert.equal(told.length, 1);
  assert.equal(told[0].remaining_ms, 30_000);
  assert.equal(alone.open.length, 1);
});

test('what a sync tells is announced as if it had been delivered, and what happened since is told', () => {
  const alone = new Alone();
  alone.connectAndSync([ring('x', [{ user: 'carol', state: 'rejected', reason: 'busy' }, 'bob'], { rev: 3, data: 'hello', remaining_ms: 12_000 })]);
  const told = heard(alone.told());
  assert.deepEqual(told.map(({ body }) => body.event), ['new_invitation', 'invitee_rejected']);
  assert.equal(told[0].remaining_ms, 12_000);
  assert.equal(told[0].body.data, 'hello');
  assert.deepEqual(told[0].body.invitees, ['carol', 'bob']);
});

test('an invitation that this user has answered already does not ring', () => {
  const alone = new Alone();
  const answered = ring('x', [{ user: 'bob', state: 'accepted', device: elsewhere }, 'carol'], { rev: 2 });
  alone.connectAndSync([answered]);
  announce(alone, ring('x', ['bob', 'carol'])); // delivered late
  assert.equal(alone.open.length, 1);
  alone.event('invitee_accepted', 'x', 3, 'carol', { invitee: 'carol' });
  const told = alone.told();
  assert.deepEqual([heard(told).map(({ body }) => body.event), ends(told)], [['invitee_accepted'], []]);
});

cases('what has ended does not ring again when it is delivered late', {
  'after a cancel': () => late((alone) => alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' })),
  'after an answer of its own': () => late((alone) => {
    alone.call('accept', 'x');
    alone.reply(alone.sent('accept'), { rev: 2 });
  }),
  'after a sync': () => late((alone) => {
    alone.disconnect();
    alone.connectAndSync();
    alone.reply(alone.sent('get'), { invitation: over('timed_out') });
  }),
});
function late(end) {
  const alone = new Alone();
  alone.connectAndSync();
  announce(alone);
  end(alone);
  assert.equal(alone.told('ended').length, 1);
  announce(alone);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  const told = alone.told();
  assert.deepEqual([heard(told), ends(told)], [[], []]);
}

cases('an echo of its own is not told', {
  'before the reply': () => echo(['event', 'reply']),
  'after the reply': () => echo(['reply', 'event']),
});
function echo(sequence) {
  const alone = new Alone();
  alone.connectAndSync([ring('x', ['bob', 'carol'])]);
  alone.told();
  alone.call('accept', 'x');
  const request = alone.sent('accept');
  for (const one of sequence) {
    if (one === 'event') alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' });
    else alone.reply(request, { rev: 2 });
  }
  const told = alone.told();
  assert.equal(heard(told).length, 0);
  assert.deepEqual(ends(told).map(({ state, here: mine, by_device }) => [state, mine, by_device]), [['accepted', true, here]]);
  assert.equal(alone.open.length, 1); // others may still answer
  alone.event('invitee_accepted', 'x', 3, 'carol', { invitee: 'carol' });
  assert.equal(alone.told('invitee_accepted').length, 1);
  assert.equal(alone.open.length, 0);
}

test('answered elsewhere is told with who and which device', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.told();
  const call = alone.call('accept', 'x');
  alone.refuse(alone.sent('accept'), 'already_accepted', 8010, { by: 'bob', by_device: elsewhere, rev: 2 });
  assert.equal(alone.result(call).reply.error, 'already_accepted');
  alone.reply(alone.sent('get'), { invitation: over('accepted', { device: elsewhere }) });
  const [end] = alone.told('ended');
  assert.deepEqual([end.state, end.by, end.by_device, end.here], ['accepted', 'bob', elsewhere, false]);
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' }, elsewhere); // comes later
  assert.equal(alone.told('ended').length, 0);
});

cases('what ended while the device was away stops ringing after the sync, told how', {
  'accepted elsewhere': () => away(over('accepted', { device: elsewhere }), 'accepted', ['invitee_accepted']),
  cancelled: () => away(over('cancelled', { reason: 'inviter_lost' }), 'cancelled', ['invitation_cancelled']),
  'timed out': () => away(over('timed_out'), 'timed_out', ['invitation_timeout']),
  'and the broker no longer knows': () => away(undefined, undefined, []),
});
function away(info, state, events) {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.disconnect();
  alone.wait(5_000);
  alone.told();
  alone.connectAndSync();
  assert.equal(alone.told('ended').length, 0);
  const get = alone.sent('get');
  if (info) alone.reply(get, { invitation: info });
  else alone.refuse(get, 'unknown_invitation', 8010);
  const told = alone.told();
  assert.deepEqual(heard(told).map(({ body }) => body.event), events);
  assert.deepEqual(ends(told).map((end) => end.state), [state]);
  assert.equal(alone.open.length, 0);
}

test('after a gap get tells what was missed', () => {
  const alone = new Alone();
  const info = ring('x', ['bob', 'carol', 'dave']);
  alone.connectAndSync([info]);
  alone.told();
  alone.event('invitee_accepted', 'x', 4, 'carol', { invitee: 'carol' });
  const get = alone.sent('get');
  assert.ok(alone.silent);
  Object.assign(info, { rev: 4, data: 'modified' });
  Object.assign(info.invitees[1], { state: 'accepted', device: of.carol });
  Object.assign(info.invitees[2], { state: 'rejected', reason: 'busy' });
  alone.reply(get, { invitation: info });
  const told = alone.told();
  assert.deepEqual(heard(told).map(({ body }) => body.event), ['invitee_accepted', 'invitation_modified', 'invitee_rejected']);
  assert.equal(ends(told).length, 0);
  // What was missed comes late, and what comes next is no gap.
  alone.event('invitation_modified', 'x', 2, 'alice', { data: 'modified' });
  alone.event('invitee_rejected', 'x', 3, 'dave', { invitee: 'dave', reason: 'busy' });
  assert.deepEqual(alone.told(), []);
  alone.event('invitation_cancelled', 'x', 5, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  assert.ok(alone.silent);
  assert.equal(alone.told('ended').length, 1);
});

test('an event about an invitation that was never heard of makes it ask', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.event('invitee_accepted', 'x', 2, 'carol', { invitee: 'carol' });
  alone.reply(alone.sent('get'), { invitation: ring('x', ['bob', { user: 'carol', state: 'accepted' }], { rev: 2 }) });
  assert.equal(alone.told('new_invitation').length, 1);
  assert.equal(alone.open.length, 1);
});

test("a reply's rev hides no event that is still under way", () => {
  const alone = new Alone();
  alone.connectAndSync([ring('x', ['bob', 'carol', 'dave'])]);
  alone.told();
  alone.call('accept', 'x');
  alone.reply(alone.sent('accept'), { rev: 3 });
  alone.event('invitee_rejected', 'x', 2, 'carol', { invitee: 'carol', reason: 'busy' });
  alone.event('invitee_accepted', 'x', 3, 'bob', { invitee: 'bob' });
  const told = alone.told();
  assert.deepEqual(heard(told).map(({ body }) => body.event), ['invitee_rejected']);
  assert.equal(ends(told).length, 1);
  assert.ok(alone.silent);
});

test('each event is told with the rev of the invitation as it is with it', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync([ring('x', ['bob', 'carol'], { role: 'inviter', rev: 3 })]);
  alone.event('invitee_ringing', 'x', 3, 'bob', { invitee: 'bob' });
  alone.event('invitee_rejected', 'x', 4, 'bob', { invitee: 'bob', reason: 'busy' });
  assert.deepEqual(heard(alone.told()).map(({ id, body, rev }) => [id, body.event, rev]),
    [['x', 'invitee_ringing', 3], ['x', 'invitee_rejected', 4]]);
});

test('what another device of this user does to an invitation that is not held is asked for, and told by that', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  for (let i = 0; i < 2; ++i) alone.event('invitation_modified', 'unheld', 9, 'alice', { data: 'urgent' }, elsewhere);
  assert.deepEqual(heard(alone.told()), []);
});

test('which start of the broker it is that speaks is known from its sync', () => {
  const alone = new Alone();
  assert.equal(alone.device.server_epoch, '');
  alone.connectAndSync();
  assert.equal(alone.device.server_epoch, 'epoch');
});

test('what is delivered twice is told once', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  for (let i = 0; i < 2; ++i) alone.event('invitation_modified', 'x', 2, 'alice', { data: 'urgent' });
  assert.equal(alone.told('invitation_modified').length, 1);
});

test('that somebody rings is told whatever the rev, and once', () => {
  const alone = inviter('bob', 'carol');
  for (const who of ['bob', 'bob', 'carol']) alone.event('invitee_ringing', 'x', 1, who, { invitee: who });
  assert.deepEqual(users(alone.told('invitee_ringing')), ['bob', 'carol']);
  alone.event('invitee_rejected', 'x', 2, 'bob', { invitee: 'bob', reason: 'busy' });
  alone.event('invitee_ringing', 'x', 1, 'bob', { invitee: 'bob' });
  assert.equal(alone.told('invitee_ringing').length, 0);
});

test('who looked on and is added rings, and hears nothing twice', () => {
  const alone = new Alone();
  alone.connectAndSync();
  const observed = ring('x', ['carol', 'dave'], { visibility: 'members', role: 'observer', group: 'flat' });
  announce(alone, observed);
  alone.event('invitee_rejected', 'x', 2, 'carol', { invitee: 'carol', reason: 'busy' });
  assert.equal(heard(alone.told()).length, 2);
  const asked = { ...observed, rev: 3, role: 'invitee', remaining_ms: 40_000, invitees: [...observed.invitees, { user: 'bob', state: 'pending', ringing: false }] };
  announce(alone, asked);
  const told = heard(alone.told());
  assert.deepEqual(told.map(({ role, remaining_ms }) => [role, remaining_ms]), [['invitee', 40_000]]);
  announce(alone, asked);
  assert.deepEqual(alone.told(), []);
  assert.ok(alone.silent); // it has seen who answered before
  alone.event('invitation_cancelled', 'x', 4, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  assert.equal(alone.told('ended').length, 1);
});

test('who leaves a group looks on no more, and who comes into one asks what is open there', () => {
  const alone = new Alone();
  alone.connectAndSync();
  announce(alone, ring('x', ['carol'], { visibility: 'members', role: 'observer', group: 'flat' }));
  assert.equal(alone.open.length, 1);
  alone.receiveEvent(group('member_left', { user: 'bob' }));
  assert.equal(alone.open.length, 0);
  alone.receiveEvent(group('member_entered', { members: ['bob'] }));
  alone.wait(0);
  alone.sync();
});
function group(event, body) {
  return encode({ event, group: 'flat', by: 'bob', by_device: here, ...body });
}

test('that others were cancelled because this device took it is no news', () => {
  const alone = new Alone();
  alone.connectAndSync([ring('x', ['bob', 'carol'], { answer: 'first' })]);
  alone.call('accept', 'x');
  alone.reply(alone.sent('accept'), { rev: 2 });
  alone.told();
  alone.disconnect();
  alone.connectAndSync();
  alone.reply(alone.sent('get'), {
    invitation: ring('x', [{ user: 'bob', state: 'accepted', device: here }, { user: 'carol', state: 'cancelled', reason: 'answered' }], { answer: 'first', rev: 3, state: 'ended' }),
  });
  const told = alone.told();
  assert.deepEqual([heard(told), ends(told)], [[], []]);
});

test('an invite that was heard of has succeeded, though its reply is lost', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  const call = alone.invite('bob', { also: ['carol'] });
  alone.sent('invite');
  alone.event('invitee_rejected', 'x', 2, 'bob', { invitee: 'bob', reason: 'busy' });
  alone.event('invitee_rejected', 'x', 3, 'carol', { invitee: 'carol', reason: 'busy' });
  alone.disconnect();
  alone.connectAndSync();
  assert.ok(alone.result(call).reply.ok);
  assert.equal(alone.told('ended').length, 1);
  assert.ok(alone.silent); // it is neither sent again nor called off
});

test("an inviter's end waits for what was missed", () => {
  const alone = inviter('bob', 'carol');
  // dave was added, and nothing that says so has come.
  alone.event('invitation_cancelled', 'x', 3, 'alice', { inviter: 'alice', invitees: ['bob', 'carol'], reason: 'cancelled' });
  assert.equal(alone.told('ended').length, 0);
  const cancelled = (user) => ({ user, state: 'cancelled', reason: 'cancelled' });
  alone.reply(alone.sent('get'), { invitation: ring('x', [cancelled('bob'), cancelled('carol'), 'dave'], { role: 'inviter', rev: 3 }) });
  assert.equal(alone.told('ended').length, 0);
  alone.event('invitation_timeout', 'x', 4, undefined, { invitees: ['dave'] });
  assert.equal(alone.told('ended').length, 1);
});

test('an invite to a whole group is open before its list is known', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  alone.call('group_invite', 'flat', { id: 'x', timeout_ms: 30_000 });
  const request = alone.sent('invite');
  assert.equal(request.place, 'group');
  alone.reply(request, { id: 'x', rev: 1, remaining_ms: 30_000 });
  assert.equal(alone.open.length, 1);
  alone.reply(alone.sent('get'), { invitation: ring('x', ['bob', 'carol'], { role: 'inviter', group: 'flat' }) });
  assert.deepEqual(alone.open[0].invitees.map(({ user }) => user), ['bob', 'carol']);
  assert.equal(alone.told('ended').length, 0);
});

test('an id that is used anew rings anew, and one that comes late does not', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  alone.told();
  announce(alone);
  assert.deepEqual(alone.told(), []);
  alone.wait(0);
  alone.sync([ring()]);
  assert.equal(alone.told('new_invitation').length, 1);
});

test('what ended after a sync was sent does not ring by what that tells', () => {
  const alone = new Alone();
  alone.connect();
  announce(alone);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  alone.told();
  alone.sync([ring()]);
  assert.equal(alone.told('new_invitation').length, 0);
});

test('a broker that comes back with nothing: what was open ends without a state', () => {
  const alone = inviter('bob');
  alone.disconnect();
  alone.connect();
  alone.reply(alone.sent('sync'), { server_epoch: 'another', invitations: [] });
  alone.refuse(alone.sent('get'), 'unknown_invitation', 8010);
  assert.deepEqual(alone.told('ended').map(({ state }) => state), [undefined]);
});

test('a broker that comes back with nothing: what is sent again is another, and asks anew', () => {
  const alone = new Alone({}, 'carol');
  alone.connectAndSync([ring('x', ['bob', 'carol'])]);
  alone.call('reject', 'x');
  alone.reply(alone.sent('reject'), { rev: 2 }, of.carol);
  assert.equal(alone.told('ended').length, 1);
  alone.disconnect();
  alone.connect();
  alone.reply(alone.sent('sync'), { server_epoch: 'another', invitations: [ring('x', ['bob', 'carol'])] }, of.carol);
  assert.equal(alone.told('new_invitation').length, 1);
  assert.deepEqual(alone.open[0].invitees.map(({ state }) => state), ['pending', 'pending']);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob', 'carol'], reason: 'cancelled' });
  assert.equal(alone.told('ended').length, 1);
});

test('a broker that comes back with nothing: an id that had ended is remembered no more', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  alone.disconnect();
  alone.connect();
  alone.reply(alone.sent('sync'), { server_epoch: 'another', invitations: [] });
  alone.told();
  announce(alone);
  assert.equal(alone.told('new_invitation').length, 1);
});

// ------------------------------------------------------------------------ pages

const names = (info) => info.invitees.map(({ user }) => user);
/** What the application is told, in short. */
const words = (told) => told.map(({ news, body, effect }) => body?.event ?? news ?? effect);

cases('an item of sync that leaves something out is told when get has told it', {
  'of its invitees': () => asksForAll({ invitees_left_out: 1 }),
  'of what answers say': () => asksForAll({ answers_left_out: true }),
  'of who takes part': () => asksForAll({ call: true, call_state: { participants: ['alice'], more: 1, duration_ms: 1 } }),
});
function asksForAll(more) {
  const alone = new Alone();
  const info = ring('x', [{ user: 'carol', state: 'rejected', reason: 'busy' }, 'bob'], { rev: 2, call: more.call ?? false });
  alone.connectAndSync([inPart(info, more), ring('y')]);
  assert.deepEqual(heard(alone.told()).map(({ id }) => id), ['y']);
  assert.equal(alone.device.link, 'ready');
  alone.reply(alone.sent('get'), { invitation: info });
  assert.deepEqual(words(alone.told()), ['new_invitation', 'invitee_rejected']);
  assert.ok(alone.silent);
}

test('what an item of sync without a rev says of what is held is not believed, but that it is there', () => {
  const alone = new Alone();
  alone.connectAndSync([ring('x', ['bob', 'carol'])]);
  alone.disconnect();
  alone.told();
  const after = ring('x', [{ user: 'bob', state: 'accepted', device: elsewhere }, 'carol'], { rev: 2 });
  alone.connectAndSync([inPart(after)]);
  assert.deepEqual(heard(alone.told()), []);
  assert.deepEqual(alone.open[0].invitees.map(({ state }) => state), ['pending', 'pending']);
  alone.reply(alone.sent('get'), { invitation: after });
  assert.deepEqual(words(alone.told()), ['invitee_accepted', 'ended']);
  assert.ok(alone.silent);
});

test('what is over here is asked for no more, however sync tells it', () => {
  const alone = new Alone();
  const large = (more) => ring('x', ['bob'], { visibility: 'inviter', ...more });
  alone.connectAndSync([large()]);
  alone.call('accept', 'x');
  alone.reply(alone.sent('accept'), { rev: 2 });
  alone.disconnect();
  alone.connectAndSync([inPart(large({ invitees: [{ user: 'bob', state: 'accepted', ringing: false }] }), { answers_left_out: true })]);
  assert.ok(alone.silent);
});

test('get is asked page by page, and told as one', () => {
  const alone = new Alone();
  alone.connectAndSync();
  const call = alone.call('get', 'x');
  const page = (invitees, participants, more) =>
    ring('x', invitees, { call: true, rev: 7, call_state: { participants, duration_ms: 2_000 }, ...more });
  alone.reply(alone.sent('get'), { invitation: page([{ user: 'carol', state: 'accepted' }], ['alice']), next: '1-1' });
  assert.equal(alone.result(call), undefined);
  const second = alone.sent('get');
  assert.deepEqual([second.about, second.body.after], ['x', '1-1']);
  // What changed meanwhile counts by the first page.
  alone.reply(second, { invitation: page(['bob'], [], { rev: 8, remaining_ms: 1 }), next: '2-1' });
  const third = alone.sent('get');
  assert.equal(third.body.after, '2-1');
  alone.reply(third, { invitation: page([], ['carol'], { rev: 9 }) });
  const { reply } = alone.result(call);
  assert.deepEqual([names(reply.invitation), reply.invitation.rev, reply.invitation.remaining_ms], [['carol', 'bob'], 7, 30_000]);
  assert.deepEqual(reply.invitation.call_state.participants, ['alice', 'carol']);
  assert.equal(reply.next, undefined);
  // And believed as a whole.
  assert.deepEqual(words(alone.told()).slice(2), ['new_invitation', 'invitee_accepted']);
  alone.event('invitee_rejected', 'x', 8, 'bob', { invitee: 'bob', reason: 'busy' }, elsewhere);
  assert.deepEqual(words(alone.told()), ['invitee_rejected', 'ended']);
});

cases('a page of get that does not come', {
  'is asked for again after the connection was lost, for its caller'() {
    const { alone, call } = firstPage();
    alone.sent('get');
    alone.disconnect();
    alone.connectAndSync();
    const again = alone.sent('get');
    assert.equal(again.body.after, '1-0');
    alone.reply(again, { invitation: ring('x', ['bob']) });
    assert.deepEqual(names(alone.result(call).reply.invitation), ['carol', 'bob']);
  },
  'fails the call, once'() {
    const { alone, call } = firstPage();
    alone.refuse(alone.sent('get'), 'unknown_invitation', 8010);
    assert.equal(alone.result(call).reply.error, 'unknown_invitation');
    alone.wait(60_000);
    assert.ok(alone.silent);
  },
  'fails the call when there is no time left'() {
    const { alone, call } = firstPage();
    alone.sent('get');
    alone.wait(10_000);
    assert.equal(alone.failure(call), 'no_reply');
  },
});
function firstPage() {
  const alone = new Alone();
  alone.connectAndSync();
  const call = alone.call('get', 'x');
  alone.reply(alone.sent('get'), { invitation: ring('x', ['carol']), next: '1-0' });
  return { alone, call };
}

cases('what a device asks for by itself begins anew with the first page', {
  'when a page does not come'() {
    const alone = asksItself();
    alone.sent('get');
    alone.wait(10_000);
    takesBoth(alone);
  },
  'after the connection was lost'() {
    const alone = asksItself();
    alone.sent('get');
    alone.disconnect();
    alone.connectAndSync([inPart(ring())]);
    takesBoth(alone);
  },
});
function asksItself() {
  const alone = new Alone();
  alone.connectAndSync([inPart(ring())]);
  alone.reply(alone.sent('get'), { invitation: ring('x', ['carol']), next: '1-0' });
  return alone;
}
function takesBoth(alone) {
  const first = alone.sent('get');
  assert.equal(first.body.after, undefined);
  alone.reply(first, { invitation: ring('x', ['carol']), next: '1-0' });
  alone.reply(alone.sent('get'), { invitation: ring('x', ['bob']) });
  const [rings, ...more] = heard(alone.told());
  assert.deepEqual(rings.body.invitees, ['carol', 'bob']);
  assert.deepEqual(more, []);
}

// ------------------------------------------------------- the inviter's devices

/** As the event tells it to the inviter's devices, of what this one asked, or another. */
const echoed = (alone, by_device, body = {}, id = 'x') =>
  alone.receiveEvent(encode({ event: 'new_invitation', id, rev: 1, by_device, inviter: 'alice', role: 'inviter', invitees: ['bob'], remaining_ms: 30_000, ...body }));

cases('the echo of its own invite is no ring, and the invite has succeeded', {
  'before the reply'() {
    const { alone, call, request } = invited();
    echoed(alone, here);
    alone.reply(request, { id: 'x', rev: 1, remaining_ms: 30_000 });
    toldNothing(alone, call);
  },
  'after the reply'() {
    const { alone, call, request } = invited();
    alone.reply(request, { id: 'x', rev: 1, remaining_ms: 30_000 });
    echoed(alone, here);
    toldNothing(alone, call);
  },
  'instead of the reply'() {
    const { alone, call } = invited();
    echoed(alone, here);
    assert.deepEqual(alone.open.map(({ id, remaining_ms }) => [id, remaining_ms]), [['x', 30_000]]);
    alone.wait(10_000);
    alone.reply(alone.sent('get'), { invitation: ring('x', ['bob'], { role: 'inviter', remaining_ms: 20_000 }) });
    toldNothing(alone, call);
  },
  'and the connection is lost'() {
    const { alone, call } = invited();
    echoed(alone, here);
    alone.disconnect();
    alone.connectAndSync();
    alone.reply(alone.sent('get'), { invitation: ring('x', [{ user: 'bob', state: 'rejected', device: of.bob, reason: 'busy' }], { role: 'inviter', rev: 2, state: 'ended' }) });
    assert.ok(alone.silent); // it is neither sent again nor called off
    assert.ok(alone.result(call).reply.ok);
    const told = alone.told();
    assert.deepEqual([heard(told).map(({ body }) => body.event), ends(told).length], [['invitee_rejected'], 1]);
  },
  'and the broker has forgotten it'() {
    const { alone, call } = invited();
    echoed(alone, here);
    alone.disconnect();
    alone.connectAndSync();
    alone.refuse(alone.sent('get'), 'unknown_invitation', 8010);
    assert.ok(alone.result(call).reply.ok);
    assert.deepEqual(ends(alone.told()).map(({ id, state }) => [id, state]), [['x', undefined]]);
  },
  'long after it failed for its caller'() {
    const { alone, call } = invited();
    alone.wait(10_000);
    assert.equal(alone.failure(call), 'no_reply');
    alone.sent('cancel');
    echoed(alone, here);
    assert.deepEqual(heard(alone.told()), []);
    assert.deepEqual(alone.open, []);
  },
  'of what this device has not asked since it started'() {
    const alone = new Alone({}, 'alice');
    alone.connectAndSync();
    echoed(alone, here);
    assert.deepEqual(heard(alone.told()), []);
    assert.deepEqual(alone.open, []);
  },
});
function invited() {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  const call = alone.invite('bob');
  const request = alone.sent('invite');
  return { alone, call, request };
}
function toldNothing(alone, call) {
  assert.ok(alone.result(call).reply.ok);
  assert.ok(alone.silent);
  const told = alone.told();
  assert.deepEqual([heard(told), ends(told)], [[], []]);
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' }, of.bob);
  assert.deepEqual(words(alone.told()), ['invitee_accepted', 'ended']);
}

test('in a call that was known by its echo this device takes part', () => {
  const alone = new Alone({}, 'alice');
  // Asked before the broker had named this device.
  alone.invite('bob', { call: true });
  alone.connectAndSync();
  alone.sent('invite');
  echoed(alone, here, { call: true });
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' }, of.carol);
  assert.ok(alone.open[0].here);
});

test('what another device of the inviter rings is told as that, is open, and can be cancelled here', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  alone.device.setBusy({ reason: 'busy' }); // is for who is rung
  echoed(alone, elsewhere, { call: true });
  const told = heard(alone.told());
  assert.deepEqual(told.map(({ body, role, by, by_device, remaining_ms }) => [body.event, role, by, by_device, remaining_ms]), [['new_invitation', 'inviter', 'alice', elsewhere, 30_000]]);
  assert.deepEqual(alone.open.map(({ id, role, inviter_device }) => [id, role, inviter_device]), [['x', 'inviter', elsewhere]]);
  echoed(alone, elsewhere, { call: true });
  assert.deepEqual(alone.told(), []);
  const call = alone.call('cancel', 'x');
  alone.reply(alone.sent('cancel'), { rev: 2, cancelled: ['bob'], already: [] });
  assert.ok(alone.result(call).reply.ok);
  assert.deepEqual(ends(alone.told()).map(({ state, here: mine }) => [state, mine]), [['cancelled', true]]);
  assert.deepEqual(alone.open, []);
});

test('who talks in a call that another device of the inviter rang is not here', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  echoed(alone, elsewhere, { call: true });
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' }, of.carol);
  const [{ call_state, here: mine, devices }] = alone.open;
  assert.deepEqual([call_state.participants, mine, devices], [['alice', 'bob'], false, { alice: elsewhere, bob: of.carol }]);
});

test('of what another device rings to very many, get tells who they are', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  echoed(alone, elsewhere, { visibility: 'inviter', more: 1 });
  assert.equal(alone.told('new_invitation').length, 1);
  alone.reply(alone.sent('get'), { invitation: ring('x', ['bob', 'carol'], { role: 'inviter', visibility: 'inviter' }) });
  assert.deepEqual(names(alone.open[0]), ['bob', 'carol']);
});

// ------------------------------------------------------------------- very many

test('who was asked is not certain where a reply does not name all', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  alone.invite('bob', { also: ['carol', 'dave'] });
  alone.reply(alone.sent('invite'), { id: 'x', rev: 1, remaining_ms: 30_000, skipped: [{ user: 'carol', error: 'user_offline' }], more: 1 });
  assert.deepEqual(names(alone.open[0]), ['bob', 'dave']);
  alone.reply(alone.sent('get'), { invitation: ring('x', ['bob'], { role: 'inviter' }) });
  assert.deepEqual(names(alone.open[0]), ['bob']);
  assert.equal(alone.told('ended').length, 0);
});

test('nor for who adds others to what another asked', () => {
  const alone = new Alone();
  alone.connectAndSync([ring('x', [{ user: 'bob', state: 'accepted', device: here }, 'carol'], { call: true, rev: 2, call_state: { participants: ['alice', 'bob'], duration_ms: 0 } })]);
  const add = (invitees, more) => {
    alone.call('add', 'x', { invitees });
    alone.reply(alone.sent('add'), { id: 'x', rev: 3, remaining_ms: 30_000, ...more });
  };
  add(['dave']);
  assert.ok(alone.silent);
  add(['erin'], { skipped: [], more: 1 });
  assert.equal(alone.sent('get').about, 'x');
});

test('a cancel whose reply does not name all is over when get has told the others', () => {
  const alone = inviter('bob', 'carol', 'dave');
  alone.call('cancel', 'x');
  alone.reply(alone.sent('cancel'), { rev: 2, cancelled: ['bob'], already: [], more: 2 });
  assert.equal(alone.told('ended').length, 0);
  const get = alone.sent('get');
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob', 'carol', 'dave'], reason: 'cancelled' }, here);
  const cancelled = (user) => ({ user, state: 'cancelled', reason: 'cancelled' });
  alone.reply(get, { invitation: ring('x', ['bob', 'carol', 'dave'].map(cancelled), { role: 'inviter', rev: 2, state: 'ended' }) });
  const told = alone.told();
  assert.deepEqual([heard(told), ends(told).map(({ state, here: mine }) => [state, mine])], [[], [['cancelled', true]]]);
});

test('what several replies leave out of a list is counted together', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.device.receiveStatus(new TextEncoder().encode('{"limits":{"max_payload_bytes":50}}'), alone.now);
  const call = alone.call('group_add', 'flat', { members: ['member-number-1', 'member-number-2'] });
  const there = (user) => ({ user, error: 'already_member' });
  alone.reply(alone.sent('add'), { skipped: [there('member-number-1')], more: 2 });
  alone.reply(alone.sent('add'), { skipped: [there('member-number-2')], more: 3 });
  const { reply } = alone.result(call);
  assert.deepEqual([reply.skipped.map(({ user }) => user), reply.more], [['member-number-1', 'member-number-2'], 5]);
});

// --------------------------------------------------------------------- replaced

test('what is replaced rings on: the new one is told before the old one ends', () => {
  const alone = new Alone();
  alone.connectAndSync();
  announce(alone);
  alone.told();
  alone.receiveEvent(encode({ event: 'new_invitation', id: 'y', rev: 1, by_device: of.alice, inviter: 'alice', invitees: ['bob'], remaining_ms: 30_000, replaces: ['x'] }));
  const [rings] = heard(alone.told());
  assert.deepEqual([rings.id, rings.body.replaces], ['y', ['x']]);
  assert.deepEqual(alone.open.map(({ id }) => id), ['x', 'y']);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'replaced' });
  assert.deepEqual(ends(alone.told()).map(({ id, state, reason, by }) => [id, state, reason, by]), [['x', 'cancelled', 'replaced', 'alice']]);
  assert.deepEqual(alone.open.map(({ id }) => id), ['y']);
});

test('that it was replaced while the device was away is told by get, with by whom', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.disconnect();
  alone.told();
  alone.connectAndSync([ring('y')]);
  alone.reply(alone.sent('get'), { invitation: over('cancelled', { reason: 'replaced' }) });
  const told = alone.told();
  assert.deepEqual(heard(told).map(({ id, body, by }) => [id, body.event, by]), [['y', 'new_invitation', 'alice'], ['x', 'invitation_cancelled', 'alice']]);
  assert.deepEqual(ends(told).map(({ reason, here: mine }) => [reason, mine]), [['replaced', false]]);
});

// ------------------------------------------------------------------ deadlines

test('a deadline that passes offline is taken for timed out, and is told no more', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.disconnect();
  alone.told();
  alone.wait(29_999);
  assert.equal(alone.told('ended').length, 0);
  alone.wait(5_000);
  const told = alone.told();
  assert.deepEqual(heard(told).map(({ body, assumed }) => [body.event, assumed]), [['invitation_timeout', true]]);
  assert.deepEqual(ends(told).map(({ state, assumed }) => [state, assumed]), [['timed_out', true]]);
  assert.equal(alone.open.length, 0);
  alone.connectAndSync();
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' }, elsewhere);
  const later = alone.told();
  assert.deepEqual([heard(later), ends(later)], [[], []]);
});

test('what was taken for timed out and is still open is put right', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.disconnect();
  alone.wait(40_000);
  alone.told();
  const { remaining_ms: _, ...info } = ring('x', [{ user: 'bob', state: 'rejected', device: elsewhere, reason: 'busy' }, 'carol'], { rev: 3 });
  alone.connectAndSync([info]);
  assert.equal(alone.open.length, 1);
  assert.equal(alone.told('new_invitation').length, 0);
  alone.event('invitation_cancelled', 'x', 4, 'alice', { inviter: 'alice', invitees: ['carol'], reason: 'cancelled' });
  const told = alone.told();
  assert.deepEqual([heard(told).length, ends(told).length], [1, 0]);
  assert.equal(alone.open.length, 0);
});

test('a deadline that passes while connected is asked for, and what nobody answers is over', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.told();
  alone.wait(34_999);
  assert.equal(alone.told('ended').length, 0);
  const get = alone.sent('get');
  alone.reply(get, { invitation: ring('x', ['bob'], { remaining_ms: 2_000 }) });
  assert.equal(alone.told('ended').length, 0);
  alone.wait(60_000);
  const [end] = alone.told('ended');
  assert.deepEqual([end.state, end.assumed], ['timed_out', true]);
});

test('the time that remains runs', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.wait(1_000);
  assert.equal(alone.open[0].remaining_ms, 29_000);
});

// ------------------------------------------------------------------- messages

test('a message is told once, however often it is delivered', () => {
  const alone = new Alone();
  alone.connectAndSync();
  const message = (id, from) => encode({ event: 'message', id, from, to: 'bob', data: 'hi' });
  for (const [id, from] of [['m', 'alice'], ['m', 'alice'], ['m', 'carol']]) alone.receiveEvent(message(id, from));
  assert.equal(alone.told('message').length, 2);
});
