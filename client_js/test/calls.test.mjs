// SPDX-License-Identifier: Apache-2.0
// Calls: who talks, since when, on which device, and that each call ends once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alone, announce, elsewhere, here, of, ring } from './alone.mjs';

const call = (invitees = ['bob'], more = {}) => ring('x', invitees, { call: true, ...more });
const talk = (alone) => alone.open.find(({ call_state }) => call_state);
const ended = (told) => told.filter(({ news }) => news === 'call_ended');

/** bob has accepted here, and talks with alice (and others). */
function talking(...others) {
  const alone = new Alone();
  alone.connectAndSync();
  announce(alone, call(['bob', ...others]));
  alone.call('accept', 'x');
  alone.reply(alone.sent('accept'), { rev: 2 });
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' });
  alone.told();
  return alone;
}

test('who accepts talks with the inviter, from then on', () => {
  const alone = talking();
  alone.wait(1_500);
  const { call_state, here: mine, devices } = talk(alone);
  assert.deepEqual(call_state, { participants: ['alice', 'bob'], duration_ms: 1_500 });
  assert.ok(mine);
  assert.deepEqual(devices, { alice: of.alice, bob: here });
  assert.equal(alone.told('ended').length, 0);
});

test('without call nobody talks', () => {
  const alone = new Alone();
  alone.connectAndSync([ring()]);
  alone.call('accept', 'x');
  alone.reply(alone.sent('accept'), { rev: 2 });
  assert.deepEqual(alone.open, []);
});

test('an inviter talks when the first accepts, and others join', () => {
  const alone = new Alone({}, 'alice');
  alone.connectAndSync();
  alone.invite('bob', { also: ['carol'], call: true });
  alone.reply(alone.sent('invite'), { id: 'x', rev: 1, remaining_ms: 30_000 }, of.alice);
  assert.equal(talk(alone), undefined);
  alone.event('invitee_accepted', 'x', 2, 'bob', { invitee: 'bob' });
  assert.deepEqual(talk(alone).call_state.participants, ['alice', 'bob']);
  alone.event('invitee_accepted', 'x', 3, 'carol', { invitee: 'carol' });
  assert.deepEqual(talk(alone).call_state.participants, ['alice', 'bob', 'carol']);
  assert.deepEqual(talk(alone).devices, { alice: of.alice, bob: of.bob, carol: of.carol });
  assert.equal(alone.told('ended').length, 1); // the ring; the call goes on
});

test('a call ends once, with the time that the broker took', () => {
  const alone = talking();
  alone.call('hangup', 'x');
  alone.reply(alone.sent('hangup'), { rev: 2 });
  for (let i = 0; i < 2; ++i) alone.event('call_ended', 'x', 2, 'bob', { reason: 'hangup', duration_ms: 4_321 });
  const [end, ...more] = ended(alone.told());
  assert.deepEqual([end.reason, end.duration_ms, end.here, end.by], ['hangup', 4_321, true, 'bob']);
  assert.deepEqual(more, []);
  assert.deepEqual(alone.open, []);
});

test('who answers what has no rev of its own is heard whatever the rev', () => {
  const alone = talking('carol');
  alone.event('invitation_timeout', 'x', 3, undefined, { invitees: ['carol'] });
  assert.ok(alone.silent);
  alone.event('participant_moved', 'x', 2, 'alice', { user: 'alice' }, elsewhere);
  assert.equal(talk(alone).devices.alice, elsewhere);
  assert.deepEqual(alone.told('participant_moved').map(({ user, by_device }) => [user, by_device]), [['alice', elsewhere]]);
});

test('a call goes on without who left, and is over for who left', () => {
  const alone = talking('carol', 'dave');
  alone.event('invitee_accepted', 'x', 3, 'carol', { invitee: 'carol' });
  alone.told();
  alone.event('participant_left', 'x', 3, 'alice', { user: 'alice', reason: 'connection_lost' });
  const told = alone.told();
  assert.deepEqual(told.map(({ news, user, reason }) => [news, user, reason]), [['participant_left', 'alice', 'connection_lost']]);
  assert.deepEqual(talk(alone).call_state.participants, ['bob', 'carol']);
  alone.event('participant_left', 'x', 3, 'bob', { user: 'bob', reason: 'hangup' });
  assert.deepEqual(alone.told(), []); // its own, which the reply tells
  assert.equal(talk(alone), undefined);
  // Who answers later talks with the others.
  alone.event('invitee_accepted', 'x', 4, 'dave', { invitee: 'dave' });
  assert.equal(talk(alone), undefined);
  alone.event('call_ended', 'x', 4, 'carol', { reason: 'hangup', duration_ms: 9 });
  assert.deepEqual(ended(alone.told()), []);
});

test('who hung up comes back by join, and what rang is not told again', () => {
  const alone = talking();
  alone.event('participant_left', 'x', 2, 'bob', { user: 'bob', reason: 'hangup' }, here);
  assert.equal(talk(alone), undefined);
  const told = alone.told('new_invitation').length;
  alone.call('join', 'x', { data: 'back' });
  alone.reply(alone.sent('join'), { rev: 2 });
  const others = [{ user: 'bob', state: 'accepted', device: here }, { user: 'carol', state: 'accepted', device: elsewhere }];
  const open = call(others, { rev: 2, call_state: { participants: ['alice', 'bob', 'carol'], duration_ms: 5 } });
  delete open.remaining_ms;
  alone.reply(alone.sent('get'), { invitation: open });
  assert.equal(talk(alone).here, true);
  assert.equal(alone.told('new_invitation').length, told);
  alone.event('participant_joined', 'x', 2, 'dave', { user: 'dave', data: 'me too' });
  assert.deepEqual(alone.told('participant_joined').map(({ user, data }) => [user, data]), [['dave', 'me too']]);
  alone.event('call_ended', 'x', 2, 'alice', { reason: 'hangup', duration_ms: 9 });
  assert.equal(ended(alone.told()).length, 1);
});

test('a call that is over as soon as one has come back is told as over, once', () => {
  const alone = talking();
  alone.event('participant_left', 'x', 2, 'bob', { user: 'bob', reason: 'hangup' }, here);
  alone.call('join', 'x');
  alone.reply(alone.sent('join'), { rev: 2 });
  const get = alone.sent('get');
  alone.event('call_ended', 'x', 2, 'alice', { reason: 'hangup', duration_ms: 9 });
  const over = call([{ user: 'bob', state: 'accepted', device: here }], { rev: 2, state: 'ended', call_state: { participants: [], duration_ms: 9, reason: 'hangup' } });
  delete over.remaining_ms;
  alone.reply(get, { invitation: over });
  assert.deepEqual(ended(alone.told()).map(({ reason, duration_ms }) => [reason, duration_ms]), [['hangup', 9]]);
  assert.deepEqual(alone.open, []);
});

test('another device of the user takes the call over, and this one knows', () => {
  const alone = talking();
  alone.event('participant_moved', 'x', 2, 'bob', { user: 'bob' }, elsewhere);
  assert.equal(talk(alone).here, false);
  assert.deepEqual(alone.told('participant_moved').map(({ here: mine }) => mine), [false]);
  alone.call('resume', 'x');
  alone.reply(alone.sent('resume'), { rev: 2 });
  assert.equal(talk(alone).here, true);
});

test('who comes back finds the call by sync, timed by the broker', () => {
  const alone = new Alone();
  const open = call([{ user: 'bob', state: 'accepted', device: elsewhere }], { rev: 2, call_state: { participants: ['alice', 'bob'], duration_ms: 60_000 } });
  delete open.remaining_ms;
  alone.connectAndSync([open]);
  alone.wait(1_000);
  assert.equal(alone.told('new_invitation').length, 0);
  assert.deepEqual(talk(alone).call_state, { participants: ['alice', 'bob'], duration_ms: 61_000 });
  assert.equal(talk(alone).here, false);
  // It is told who answered with which device; they may have moved since.
  assert.deepEqual(talk(alone).devices, { alice: undefined, bob: undefined });
  alone.call('resume', 'x');
  alone.reply(alone.sent('resume'), { rev: 2 });
  assert.equal(talk(alone).here, true);
  alone.event('call_ended', 'x', 2, 'alice', { reason: 'hangup', duration_ms: 70_000 });
  assert.equal(ended(alone.told()).length, 1);
});

for (const [what, answer, reason] of [
  ['and get tells how', (alone, get) => {
    const info = call([{ user: 'bob', state: 'accepted', device: here }], { rev: 2, state: 'ended', call_state: { participants: [], duration_ms: 5_000, reason: 'hangup' } });
    alone.reply(get, { invitation: info });
  }, 'hangup'],
  ['and the broker knows it no more', (alone, get) => alone.refuse(get, 'unknown_invitation', 8010), ''],
]) {
  test(`a call that ended while this device was away ends after the sync, ${what}`, () => {
    const alone = talking();
    alone.disconnect();
    alone.wait(20_000);
    assert.deepEqual(ended(alone.told()), []); // it may well go on
    alone.connectAndSync();
    answer(alone, alone.sent('get'));
    assert.deepEqual(ended(alone.told()).map((end) => end.reason), [reason]);
    assert.deepEqual(alone.open, []);
  });
}

test('who left while this device was away is told after the sync, this user included', () => {
  for (const [participants, told] of [[['alice', 'bob'], ['carol']], [['alice', 'carol'], ['bob']]]) {
    const alone = talking('carol');
    alone.event('invitee_accepted', 'x', 3, 'carol', { invitee: 'carol' });
    alone.disconnect();
    alone.told();
    const parts = [{ user: 'bob', state: 'accepted', device: here }, { user: 'carol', state: 'accepted', device: of.carol }];
    alone.connectAndSync([call(parts, { rev: 3, call_state: { participants, duration_ms: 9_000 } })]);
    assert.deepEqual(alone.told('participant_left').map(({ user, reason }) => [user, reason]), [[told[0], '']]);
    assert.equal(talk(alone) === undefined, told[0] === 'bob');
  }
});

test('who joins a call that goes on asks who is in it', () => {
  const alone = new Alone();
  alone.connectAndSync([call(['bob', 'carol'])]);
  alone.event('invitee_accepted', 'x', 2, 'carol', { invitee: 'carol' });
  alone.call('accept', 'x');
  alone.reply(alone.sent('accept'), { rev: 3 });
  const parts = [{ user: 'bob', state: 'accepted', device: here }, { user: 'carol', state: 'accepted', device: of.carol }];
  alone.reply(alone.sent('get'), { invitation: call(parts, { rev: 3, call_state: { participants: ['carol', 'bob'], duration_ms: 1_000 } }) });
  assert.deepEqual(talk(alone).call_state, { participants: ['bob', 'carol'].sort(), duration_ms: 1_000 });
});

test('an event of a call tells that another was missed', () => {
  const alone = talking('carol');
  alone.event('participant_moved', 'x', 3, 'alice', { user: 'alice' }, elsewhere);
  assert.equal(alone.sent('get').about, 'x');
});

test('somebody is added during a call, after all had answered', () => {
  const alone = talking();
  alone.event('invitation_modified', 'x', 3, 'alice', { invitees: ['bob', 'carol'] });
  alone.event('invitee_accepted', 'x', 4, 'carol', { invitee: 'carol' });
  assert.deepEqual(talk(alone).call_state.participants, ['alice', 'bob', 'carol']);
});

test('an invitee hears of others that talk, and takes no part', () => {
  const alone = new Alone();
  alone.connectAndSync([call(['bob', 'carol'])]);
  alone.event('invitee_accepted', 'x', 2, 'carol', { invitee: 'carol' });
  assert.equal(talk(alone), undefined);
  alone.event('invitation_cancelled', 'x', 3, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'call_ended' });
  const told = alone.told();
  assert.deepEqual(ended(told), []);
  assert.equal(told.filter(({ news }) => news === 'ended').length, 1);
});

test('a signal is told once, by its seq, and its own echo is not', () => {
  const alone = talking();
  const signal = (seq, by_device = of.alice, by = 'alice') => alone.event('signal', 'x', 2, by, { from: by, seq, data: 'offer' }, by_device);
  signal(7);
  signal(7);
  signal(8);
  signal(7, elsewhere);
  signal(9, here, 'bob');
  assert.equal(alone.told('signal').length, 3);
});

test('a signal is told with its seq, and one whose seq no number here can be is told, too', () => {
  const alone = talking();
  alone.wait(1_000);
  for (const seq of [7, 2 ** 60, 2 ** 60, undefined]) alone.event('signal', 'x', 2, 'alice', { from: 'alice', data: 'offer', ...(seq && { seq }) });
  alone.receiveEvent(Uint8Array.of(0x86, ...key('event'), ...key('signal'), ...key('id'), ...key('x'), ...key('rev'), 2, ...key('from'), ...key('alice'),
    ...key('seq'), 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...key('data'), ...key('the last')));
  assert.deepEqual(alone.told('signal').map(({ seq, data, rev }) => [seq, data, rev]),
    [[7, 'offer', 2], [undefined, 'offer', 2], [undefined, 'offer', 2], [undefined, 'offer', 2], [undefined, 'the last', 2]]);
});
/** A short text in msgpack. */
const key = (text) => [0xa0 + text.length, ...new TextEncoder().encode(text)];

test('what happens in a call is told with how the invitation stands', () => {
  const alone = new Alone();
  alone.connectAndSync();
  announce(alone, call(['bob', 'carol'], { rev: 1 }));
  alone.event('invitee_accepted', 'x', 2, 'carol', { invitee: 'carol' });
  alone.wait(1_000);
  alone.told();
  alone.event('signal', 'x', 2, 'alice', { from: 'alice', seq: 1, data: 'a picture' });
  assert.deepEqual(alone.told('signal').map(({ rev, remaining_ms, assumed }) => [rev, remaining_ms, assumed]), [[2, 29_000, false]]);
});

test('who is rung may signal before anybody answers', () => {
  const alone = new Alone();
  alone.connectAndSync();
  announce(alone, call());
  alone.event('signal', 'x', 1, 'alice', { from: 'alice', seq: 1, data: 'a picture' });
  assert.deepEqual(alone.told('signal').map(({ user, data }) => [user, data]), [['alice', 'a picture']]);
});

test('both call each other: the second is the accept of the first', () => {
  const alone = new Alone();
  alone.connectAndSync();
  const calls = alone.call('invite', 'alice', { id: 'y', timeout_ms: 30_000, call: true });
  announce(alone, call());
  alone.reply(alone.sent('invite'), { merged_into: 'x' });
  assert.equal(alone.result(calls).reply.merged_into, 'x');
  const told = alone.told();
  assert.deepEqual(told.filter(({ news }) => news === 'ended').map(({ id, state, here: mine }) => [id, state, mine]), [['x', 'accepted', true]]);
  assert.deepEqual(alone.open.map(({ id }) => id), ['x']);
  assert.deepEqual(talk(alone).call_state.participants, ['alice', 'bob']);
});

// ------------------------------------------------------------------------ busy

test('a busy device rejects what rings at once, and tells who it was', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.device.setBusy({ data: 'later', reason: 'busy' });
  announce(alone, ring('x', ['bob'], { data: 'ring' }));
  const reject = alone.sent('reject');
  assert.deepEqual([reject.about, reject.body.data, reject.body.reason], ['x', 'later', 'busy']);
  alone.reply(reject, { rev: 2 });
  const busy = { effect: 'news', news: 'busy', id: 'x', inviter: 'alice', group: undefined, data: 'ring' };
  assert.deepEqual(alone.told().filter(({ effect }) => effect === 'news'), [busy]);
  alone.device.setBusy(undefined);
  announce(alone, ring('y'));
  assert.equal(alone.told('new_invitation').length, 1);
});

test('what rings while busy is rejected though the connection breaks before the broker hears of it', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.device.setBusy({ data: undefined, reason: 'busy' });
  announce(alone);
  alone.sent('reject');
  alone.disconnect();
  alone.connectAndSync([ring()]);
  alone.reply(alone.sent('reject'), { rev: 2 });
  alone.wait(60_000);
  assert.ok(alone.silent);
  assert.deepEqual(alone.told().filter(({ effect }) => effect === 'news').map(({ news }) => news), ['busy']);
});

test('a reject as busy is sent again when it was put off, and without its data when that is too large', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.device.setBusy({ data: 'later', reason: 'busy' });
  announce(alone);
  alone.refuse(alone.sent('reject'), 'storage_unavailable', 20104);
  assert.ok(alone.silent);
  alone.wait(1_000);
  alone.refuse(alone.sent('reject'), 'too_large', 8001);
  const bare = alone.sent('reject');
  assert.equal(bare.body.data, undefined);
  alone.refuse(bare, 'too_large', 8001);
  assert.ok(alone.silent);
});

test('a ring that ended before a busy device could say so is told as one it missed', () => {
  const alone = new Alone();
  alone.connectAndSync();
  alone.device.setBusy({ data: undefined, reason: 'busy' });
  announce(alone);
  alone.event('invitation_cancelled', 'x', 2, 'alice', { inviter: 'alice', invitees: ['bob'], reason: 'cancelled' });
  alone.refuse(alone.sent('reject'), 'already_cancelled', 8010, { by: 'alice', rev: 2 });
  assert.deepEqual(alone.told().filter(({ effect }) => effect === 'news').map(({ news }) => news), ['busy']);
});
