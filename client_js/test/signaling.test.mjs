// SPDX-License-Identifier: Apache-2.0
// What the application asks and is told, in its own words, where the rest is played by the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupManager } from '../src/groups.js';
import { SignalingManager } from '../src/signaling.js';

/** A client whose every call has this reply. */
class Engine {
  user = 'alice';
  signaling_listeners = new Set();
  asked = [];

  constructor(reply) {
    this.reply = reply;
  }
  randomId() {
    return 'x';
  }
  call(request) {
    this.asked.push(request);
    return Promise.resolve({ reply: this.reply });
  }
  tell(listeners, method, ...told) {
    for (const listener of listeners) listener[method]?.(...told);
  }
}

const ok = (rest = {}) => ({ ok: true, ...rest });
const manager = (reply) => {
  const engine = new Engine(reply);
  return { engine, signaling: new SignalingManager(engine), groups: new GroupManager(engine) };
};
const done = { ok: true, code: 0, error: '', message: '' };

test('an invite says that it replaces what rings only where it does', async () => {
  const { engine, signaling } = manager(ok());
  await signaling.invite('bob', 'ring');
  await signaling.invite('bob', 'ring', { replace: true });
  await signaling.inviteInGroup('flat', [], '', { replace: true });
  assert.deepEqual(engine.asked.map(({ kind, body }) => [kind, body.replace]), [['invite', undefined], ['invite', true], ['group_invite', true]]);
});

test('an invite tells who is not there, and how many it does not name', async () => {
  const most = manager(ok()).signaling;
  assert.deepEqual(await most.invite('bob'), { ...done, inviteID: 'x', skipped: [], offline: [], more: 0 });
  const { signaling } = manager(ok({ id: 'x', rev: 1, skipped: [{ user: 'dave', error: 'not_member' }], offline: ['bob', 'carol'], more: 7 }));
  const told = { ...done, inviteID: 'x', skipped: [{ user: 'dave', error: 'not_member' }], offline: ['bob', 'carol'], more: 7 };
  assert.deepEqual(await signaling.inviteInGroup('flat'), told);
  assert.deepEqual(await signaling.addInvitees('x', ['bob', 'carol']), told);
  // What is refused here has the same.
  const { offline, more } = await signaling.invite('a/b');
  assert.deepEqual([offline, more], [[], 0]);
});

test('so do a cancel, and what changes a group', async () => {
  const { signaling, groups } = manager(ok({ rev: 2, cancelled: ['bob'], already: [], skipped: [], more: 899 }));
  assert.deepEqual(await signaling.cancel('x'), { ...done, cancelled: ['bob'], already: [], more: 899 });
  assert.deepEqual(await groups.inviteUserToGroup('flat', ['bob']), { ...done, skipped: [], more: 899 });
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

/** What listeners hear of a `new_invitation`. */
function hears(role, more = {}) {
  const { signaling } = manager(ok());
  const heard = [];
  signaling.addSignalingListener({
    onSignalingEvent: (event) => heard.push(event),
    onReceiveNewInvitation: () => heard.push('rings'),
  });
  signaling.hear({ news: 'heard', id: 'x', inviter: 'alice', role, body: { event: 'new_invitation', invitees: ['bob'], ...more }, by: 'alice', by_device: 'a1', assumed: false });
  return heard;
}

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
  assert.deepEqual((await listed).groups.map(({ groupID }) => groupID), ['flat', 'house']);
  assert.deepEqual(engine.asked.map(({ body }) => body.after), [undefined, 'flat']);
});
