// SPDX-License-Identifier: Apache-2.0
// What the application asks and is told, in its own words, where the rest is played by the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupManager, Messages, textData } from '../src/groups.js';
import { OperatorManager } from '../src/operators.js';
import { SignalingManager } from '../src/signaling.js';

/** A client whose every call has this reply, or comes to this. */
class Engine {
  user = 'alice';
  signaling_listeners = new Set();
  group_listeners = new Set();
  operator_listeners = new Set();
  asked = [];

  constructor(reply, outcome) {
    this.reply = reply;
    this.outcome = outcome;
  }
  randomId() {
    return 'x';
  }
  call(request) {
    this.asked.push(request);
    return Promise.resolve(this.outcome ?? { reply: this.reply });
  }
  setBusy() {
    return { reply: { ok: true } };
  }
  tell(listeners, method, ...told) {
    for (const listener of listeners) listener[method]?.(...told);
  }
}

const ok = (rest = {}) => ({ ok: true, device: 'a1', ...rest });
const manager = (reply, outcome) => {
  const engine = new Engine(reply, outcome);
  return { engine, signaling: new SignalingManager(engine), groups: new GroupManager(engine), operators: new OperatorManager(engine), messages: new Messages(engine) };
};
const done = { ok: true, code: 0, error: '', message: '', device: 'a1', dup: false };

test('a result tells which device this is, whether it had done it before, and the rev', async () => {
  assert.deepEqual(await manager(ok({ rev: 2 })).signaling.accept('x'), { ...done, rev: 2 });
  assert.deepEqual(await manager(ok({ rev: 2, dup: true })).signaling.hangup('x'), { ...done, dup: true, rev: 2 });
  assert.deepEqual(await manager(ok({ dup: true })).groups.createGroup('flat'), { ...done, dup: true });
  const refused = { ok: false, code: 8010, error: 'already_accepted', message: 'no', device: 'a1' };
  assert.deepEqual(await manager({ ...refused, by: 'bob', by_device: 'b1', rev: 3 }).signaling.cancel('x'),
    { ...refused, dup: false, by: 'bob', byDevice: 'b1', rev: 3, cancelled: [], already: [], more: 0 });
});

test('where the broker said nothing, a result names no device', async () => {
  const { signaling, messages } = manager(ok());
  const refused = { ok: false, code: 6017, error: 'invalid_request', device: '', dup: false };
  assert.deepEqual(await signaling.accept('#'), { ...refused, message: 'id is no id', field: 'id' });
  const { msgID, ...sent } = await messages.send('message', 'a/b', 'peer', 'hello', textData);
  assert.deepEqual([msgID, sent], [undefined, { ...refused, message: 'peer is no id', field: 'peer' }]);
  assert.deepEqual(await signaling.setBusy(true, 7), { ...refused, message: 'data is neither text nor bytes', field: 'data' });
  assert.deepEqual(await signaling.setBusy(true), { ...done, device: '' });
  const { message, ...failed } = await manager(undefined, { failure: 'no_reply', why: 'no network', max_waiting: 9 }).signaling.accept('x');
  assert.match(message, /\(no network\)$/);
  assert.deepEqual(failed, { ok: false, code: 6012, error: 'no_reply', device: '', dup: false });
});

test('an invite says that it replaces what rings only where it does', async () => {
  const { engine, signaling } = manager(ok());
  await signaling.invite('bob', 'ring');
  await signaling.invite('bob', 'ring', { replace: true });
  await signaling.inviteInGroup('flat', [], '', { replace: true });
  assert.deepEqual(engine.asked.map(({ kind, body }) => [kind, body.replace]), [['invite', undefined], ['invite', true], ['group_invite', true]]);
});

test('an invite tells who is not there, and how many it does not name', async () => {
  const most = manager(ok()).signaling;
  assert.deepEqual(await most.invite('bob'), { ...done, inviteID: 'x', skipped: [], offline: [], more: 0, open: true });
  const { signaling } = manager(ok({ id: 'x', rev: 1, skipped: [{ user: 'dave', error: 'not_member' }], offline: ['bob', 'carol'], more: 7 }));
  const told = { ...done, rev: 1, inviteID: 'x', skipped: [{ user: 'dave', error: 'not_member' }], offline: ['bob', 'carol'], more: 7, open: true };
  assert.deepEqual(await signaling.inviteInGroup('flat'), told);
  assert.deepEqual(await signaling.addInvitees('x', ['bob', 'carol']), told);
  // What is refused here has the same.
  const { offline, more } = await signaling.invite('a/b');
  assert.deepEqual([offline, more], [[], 0]);
});

test('an invite tells how long it rings, and whether what had been made before is over', async () => {
  const told = async (reply) => {
    const { remainingMs, open, mergedInto } = await manager(ok(reply)).signaling.invite('bob');
    return [remainingMs, open, mergedInto];
  };
  assert.deepEqual(await told({ rev: 1, state: 'open', remaining_ms: 30_000 }), [30_000, true, undefined]);
  assert.deepEqual(await told({ rev: 4, state: 'ended', dup: true }), [undefined, false, undefined]);
  assert.deepEqual(await told({ rev: 1, state: 'open', remaining_ms: 0 }), [undefined, true, undefined]);
  assert.deepEqual(await told({ merged_into: 'y' }), [undefined, true, 'y']);
});

test('so do a cancel, and what changes a group', async () => {
  const { signaling, groups } = manager(ok({ rev: 2, cancelled: ['bob'], already: [], skipped: [], more: 899 }));
  assert.deepEqual(await signaling.cancel('x'), { ...done, rev: 2, cancelled: ['bob'], already: [], more: 899 });
  assert.deepEqual(await groups.inviteUserToGroup('flat', ['bob']), { ...done, rev: 2, skipped: [], more: 899 });
  const few = manager(ok({ rev: 2, cancelled: ['bob'], already: [], skipped: [] }));
  assert.equal((await few.signaling.cancel('x')).more, 0);
  assert.equal((await few.groups.kickGroupMember('flat', ['bob'])).more, 0);
});

test('who answers what was replaced is told by what', async () => {
  const refused = { ok: false, code: 8010, error: 'already_cancelled', message: 'no', by: 'alice', by_device: 'a1', rev: 2 };
  assert.equal((await manager({ ...refused, replaced_by: 'y' }).signaling.accept('x')).replacedBy, 'y');
  assert.equal((await manager(refused).signaling.accept('x')).replacedBy, undefined);
});

test('history says how many it does not name', async () => {
  const past = { id: 'x', inviter: 'alice', invitees: [{ user: 'bob', state: 'cancelled', reason: 'replaced' }], reason: 'cancelled', role: 'inviter', age_ms: 1, ring_ms: 2 };
  const { history } = await manager(ok({ history: [{ ...past, invitees_left_out: 899 }, past] })).signaling.getHistory();
  assert.deepEqual(history.map(({ inviteesLeftOut }) => inviteesLeftOut), [899, 0]);
  assert.deepEqual(history[0].invitees, [{ user: 'bob', state: 'cancelled', reason: 'replaced' }]);
});

const invitation = {
  id: 'x', inviter: 'alice', group: 'flat', call: true, answer: 'first', online_only: true, visibility: 'inviter', state: 'open', role: 'invitee',
  invitees: [{ user: 'bob', state: 'accepted', ringing: false, device: 'b1' }],
};

test('an invitation tells what is left out of it, why its call is over, and its rev', async () => {
  const told = async (more) => (await manager(ok({ invitation: { ...invitation, ...more } })).signaling.getSignalingInfo('x')).info;
  assert.deepEqual(await told({ rev: 3, remaining_ms: 5 }), {
    inviteID: 'x', inviter: 'alice', groupID: 'flat', inviteeList: ['bob'], data: '', role: 'invitee', open: true,
    call: true, answer: 'first', onlineUserOnly: true, visibility: 'inviter', rev: 3, remainingMs: 5,
    invitees: [{ user: 'bob', state: 'accepted', ringing: false, device: 'b1', data: '', reason: '' }], inviteesLeftOut: 0, answersLeftOut: false,
    participants: [], participantsLeftOut: 0, callDurationMs: 0, callReason: '', here: false, devices: {},
  });
  const large = await told({ invitees_left_out: 900, answers_left_out: true, call_state: { participants: ['alice', 'bob'], more: 50, duration_ms: 7 } });
  assert.deepEqual([large.inviteesLeftOut, large.answersLeftOut, large.participantsLeftOut, large.rev], [900, true, 50, undefined]);
  const over = await told({ rev: 4, state: 'ended', call_state: { participants: [], duration_ms: 7, reason: 'hangup' } });
  assert.deepEqual([over.callReason, over.callDurationMs, over.participants], ['hangup', 7, []]);
});

/** What listeners hear of this. */
function hearsOf(news) {
  const { signaling } = manager(ok());
  const heard = [];
  signaling.addSignalingListener({
    onSignalingEvent: (event) => heard.push(event),
    onReceiveNewInvitation: () => heard.push('rings'),
  });
  signaling.hear({ id: 'x', inviter: 'alice', by: 'alice', by_device: 'a1', rev: 1, here: false, assumed: false, ...news });
  return heard;
}
/** … of a `new_invitation`. */
const hears = (role, more = {}) => hearsOf({ news: 'heard', role, body: { event: 'new_invitation', invitees: ['bob'], ...more } });

test('an event tells of which invitation, how that stands with it, and a ring how it asks', () => {
  const { call, answer, online_only, visibility } = invitation;
  const head = { inviteID: 'x', inviter: 'alice', groupID: '', role: 'invitee', by: 'alice', byDevice: 'a1', here: false, assumed: false, data: '', reason: '', replaces: [] };
  assert.deepEqual(hears('invitee', { call, answer, online_only, visibility, more: 900 })[0],
    { ...head, type: 'newInvitation', rev: 1, invitees: ['bob'], call: true, answer: 'first', onlineUserOnly: true, visibility: 'inviter', more: 900 });
  assert.deepEqual(hearsOf({ news: 'heard', role: 'invitee', rev: 4, remaining_ms: 9, body: { event: 'invitee_accepted', invitee: 'carol' } }),
    [{ ...head, type: 'inviteeAccepted', rev: 4, remainingMs: 9, invitees: ['carol'] }]);
  assert.deepEqual(hearsOf({ news: 'signal', role: 'invitee', rev: 4, remaining_ms: 9, user: 'alice', seq: 70, data: 'offer' }),
    [{ ...head, type: 'signal', rev: 4, remainingMs: 9, invitees: ['alice'], data: 'offer', seq: 70 }]);
  assert.deepEqual(hearsOf({ news: 'call_ended', role: 'invitee', rev: 4, reason: 'hangup', duration_ms: 0, here: true }),
    [{ ...head, type: 'callEnded', rev: 4, here: true, invitees: [], reason: 'hangup', durationMs: 0 }]);
});

test('the end of an invitation is told with who ended it', () => {
  const { signaling } = manager(ok());
  const heard = [];
  signaling.addSignalingListener({ onInvitationEnded: (end) => heard.push(end) });
  signaling.hear({ news: 'ended', id: 'x', inviter: 'alice', state: 'accepted', reason: '', by: 'bob', by_device: 'b1', here: false, assumed: false });
  assert.deepEqual(heard, [{ inviteID: 'x', state: 'accepted', reason: '', by: 'bob', byDevice: 'b1', here: false, assumed: false }]);
});

test('an event of a group is told with all that is known, right before the call that it maps to', () => {
  const { groups } = manager(ok());
  const heard = [];
  groups.addGroupListener(Object.fromEntries(['onGroupEvent', 'onGroupCreated', 'onMemberKicked', 'onMemberLeave', 'onGrantAdministrator', 'onGroupInfoChanged']
    .map((method) => [method, (...told) => heard.push([method, ...told])])));
  const news = { groupID: 'flat', by: 'alice', byDevice: 'a1', members: [], user: '', change: {}, reason: '' };
  for (const [event, body, told, mapped] of [
    ['group_created', { name: '4b', members: ['bob'] }, { members: ['bob'], change: { groupName: '4b' } }, ['onGroupCreated', 'flat']],
    ['member_removed', { members: ['bob'], reason: 'moved out' }, { members: ['bob'], reason: 'moved out' }, ['onMemberKicked', 'flat', 'alice', ['bob']]],
    ['member_left', { user: 'bob' }, { user: 'bob' }, ['onMemberLeave', 'flat', 'bob']],
    ['role_changed', { user: 'bob', role: 'admin' }, { user: 'bob', role: 'admin' }, ['onGrantAdministrator', 'flat', 'alice', ['bob']]],
    ['owner_changed', { owner: 'bob' }, { change: { owner: 'bob' } }, ['onGroupInfoChanged', 'flat', { owner: 'bob' }]],
    ['group_updated', { name: '', profile: {} }, { change: { groupName: '', profile: {} } }, ['onGroupInfoChanged', 'flat', { groupName: '', profile: {} }]],
  ]) {
    groups.hear({ event, group: 'flat', by: 'alice', by_device: 'a1', ...body });
    assert.deepEqual(heard.splice(0), [['onGroupEvent', { ...news, event, ...told }], mapped]);
  }
});

test('only who is asked is rung', () => {
  assert.deepEqual(hears('invitee').map((one) => one.type ?? one), ['newInvitation', 'rings']);
  for (const role of ['inviter', 'observer']) {
    assert.deepEqual(hears(role).map(({ type, role: told }) => [type, told]), [['newInvitation', role]]);
  }
});

test('an event says what ends by it and rings on as it', () => {
  assert.deepEqual(hears('invitee', { replaces: ['w'] })[0].replaces, ['w']);
  assert.deepEqual(hears('invitee')[0].replaces, []);
});

test('groups are asked page by page, and told as one', async () => {
  const { engine, groups } = manager(ok({ groups: [{ group: 'flat', role: 'owner', join_mode: 'free', count: 2 }], next: 'flat' }));
  const listed = groups.getJoinedGroupList();
  engine.reply = ok({ groups: [{ group: 'house', role: 'member', join_mode: 'free', count: 3 }] });
  const { groups: told, ...result } = await listed;
  assert.deepEqual([told.map(({ groupID }) => groupID), result], [['flat', 'house'], done]);
  assert.deepEqual(engine.asked.map(({ body }) => body.after), [undefined, 'flat']);
});

test('what operators ask is told as one, page by page, and why there is no more of it', async () => {
  const { engine, operators } = manager(ok({ online: [{ user: 'alice', devices: 2 }], next: 'alice' }));
  const listed = operators.getOnlineUsers();
  engine.reply = ok({ online: [{ user: 'bob', devices: 1 }] });
  assert.deepEqual(await listed, { ...done, users: [{ userID: 'alice', devices: 2 }, { userID: 'bob', devices: 1 }] });
  assert.deepEqual(engine.asked, [{ kind: 'online', body: { after: undefined } }, { kind: 'online', body: { after: 'alice' } }]);
  const open = (id) => ({ ...invitation, id, role: 'observer' });
  engine.reply = ok({ invitations: [{ ...open('x'), invitees_left_out: 1 }], next: '1' });
  const told = operators.getOpenInvitations();
  assert.deepEqual(engine.asked.pop(), { kind: 'open', body: { after: undefined } });
  engine.reply = ok({ invitations: [{ ...open('y'), rev: 2 }] });
  const { invitations } = await told;
  assert.deepEqual(invitations.map(({ inviteID, role, rev, inviteesLeftOut }) => [inviteID, role, rev, inviteesLeftOut]), [['x', 'observer', undefined, 1], ['y', 'observer', 2, 0]]);
  engine.reply = { ok: false, code: 8011, error: 'wrong_sender', message: 'no', device: 'a1' };
  assert.deepEqual(await operators.getOnlineUsers(), { ...engine.reply, dup: false, users: [] });
});

test('what operators hear is told as it comes, until the listener is removed', () => {
  const { operators } = manager(ok());
  const heard = [];
  const listener = { onOperatorNews: (...told) => heard.push(told), onNoOperator: () => heard.push('none') };
  operators.addOperatorListener(listener);
  operators.hear({ what: 'refused', json: '{"error":"rate_limited"}' });
  operators.hear({});
  operators.removeOperatorListener(listener);
  operators.hear({});
  assert.deepEqual(heard, [['refused', '{"error":"rate_limited"}'], 'none']);
});
