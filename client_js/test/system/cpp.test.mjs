// SPDX-License-Identifier: Apache-2.0
// Clients of the C++ library and of this one with each other, and as devices of one user.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, test } from 'node:test';
import { Broker, plugin } from './broker.mjs';
import { Driver, driver_path } from './driver.mjs';
import { Person } from './people.mjs';

const skip = plugin && driver_path ? false : 'BECKON_PLUGIN or BECKON_DRIVER names nothing';
const broker = new Broker({ options: { pair_invites_per_second: 1000, pair_invites_burst: 1000 } });
let driver;
/** A request by hand: neither library has a part in it. */
const by_hand = (user, topic, body = '') =>
  execFileSync('mosquitto_pub', ['-p', broker.port, '-q', '1', '-u', user, '-t', `beckon/v1/${topic}`, '-m', body]);
before(async () => {
  if (skip) return;
  await broker.start();
  driver = new Driver();
});
afterEach(() => Person.leaveAll());
after(async () => {
  await driver?.close();
  await broker.remove();
});

test('JavaScript rings C++, which accepts', { skip }, async () => {
  const panel = await driver.client('panel', broker.mqtt);
  const page = await Person.connected(broker.ws, 'page');
  const ring = page.signaling.invite('panel', 'grüß dich');
  const heard = await panel.hears('onReceiveNewInvitation');
  assert.deepEqual([heard.inviteID, heard.inviter, heard.data], [ring.inviteID, 'page', 'grüß dich']);
  const { result } = await panel.asks('accept', { id: ring.inviteID, data_hex: '00ff' });
  assert.equal((await result).code, 0);
  assert.deepEqual([...(await page.hears('onInviteeAccepted'))[2]], [0, 255]);
  assert.equal((await page.hears('onInvitationEnded'))[0].state, 'accepted');
  assert.ok((await panel.hears('onInvitationEnded')).here);
});

test('C++ rings JavaScript, which rejects', { skip }, async () => {
  const door = await driver.client('door', broker.mqtt);
  const page = await Person.connected(broker.ws, 'page');
  const { inviteID, result } = await door.asks('invite', { invitee: 'page', data: 'front door' });
  assert.deepEqual(await page.hears('onReceiveNewInvitation'), [inviteID, 'door', '', ['page'], 'front door']);
  assert.equal((await result).code, 0);
  assert.ok((await page.signaling.reject(inviteID, 'not now', 'busy')).ok);
  const { invitee, data } = await door.hears('onInviteeRejected');
  assert.deepEqual([invitee, data], ['page', 'not now']);
  const { state, reason } = await door.hears('onInvitationEnded');
  assert.deepEqual([state, reason], ['rejected', 'busy']);
});

test('a user has one device of each: who answers first stops the other, told with the same tag', { skip }, async () => {
  const [panel, page, caller] = [await driver.client('home', broker.mqtt), await Person.connected(broker.ws, 'home'), await Person.connected(broker.mqtt, 'caller')];
  const first = caller.signaling.invite('home');
  await Promise.all([panel.hears('onReceiveNewInvitation'), page.hears('onReceiveNewInvitation')]);
  await page.signaling.accept(first.inviteID);
  const elsewhere = await panel.hears('onInvitationEnded');
  assert.deepEqual([elsewhere.state, elsewhere.here, elsewhere.by, elsewhere.byDevice], ['accepted', false, 'home', page.client.device]);
  await page.hears('onInvitationEnded');
  const second = caller.signaling.invite('home');
  await Promise.all([panel.hears('onReceiveNewInvitation'), page.hears('onReceiveNewInvitation')]);
  const { result } = await panel.asks('accept', { id: second.inviteID });
  assert.equal((await result).code, 0);
  const [end] = await page.hears('onInvitationEnded');
  assert.deepEqual([end.state, end.here, end.by], ['accepted', false, 'home']);
});

test('a call from C++ to JavaScript: signals, and an end that both time alike', { skip }, async () => {
  const door = await driver.client('door', broker.mqtt);
  const page = await Person.connected(broker.ws, 'page');
  const { inviteID } = await door.asks('inviteSeveral', { invitees: ['page'], isCall: true });
  await page.hears('onReceiveNewInvitation');
  await page.signaling.signal(inviteID, 'an offer');
  assert.deepEqual((({ from, data }) => [from, data])(await door.hears('onSignal')), ['page', 'an offer']);
  await page.signaling.accept(inviteID);
  await door.hears('onInviteeAccepted');
  await door.asks('signal', { id: inviteID, data: 'an answer' });
  assert.deepEqual(await page.hears('onSignal'), [inviteID, 'door', 'an answer']);
  await page.signaling.hangup(inviteID, 'bye');
  const [, reason, durationMs, data] = await page.hears('onCallEnded');
  const heard = await door.hears('onCallEnded');
  assert.deepEqual([heard.reason, heard.duration, heard.data], [reason, durationMs, data]);
  assert.deepEqual([reason, data], ['hangup', 'bye']);
});

test('a call from JavaScript to C++, which another JavaScript device of the user takes over', { skip }, async () => {
  const [panel, phone, page] = [await driver.client('flat', broker.mqtt), await Person.connected(broker.ws, 'flat'), await Person.connected(broker.ws, 'page')];
  const { inviteID } = page.signaling.invite('flat', '', { call: true });
  await panel.hears('onReceiveNewInvitation');
  await panel.asks('accept', { id: inviteID });
  await page.hears('onInviteeAccepted');
  await phone.hears('onInvitationEnded');
  assert.ok((await phone.signaling.resume(inviteID)).ok);
  assert.deepEqual(await page.hears('onParticipantMoved'), [inviteID, 'flat']);
  assert.equal((await panel.hears('onParticipantMoved')).user, 'flat');
  await panel.asks('hangup', { id: inviteID }); // hanging up needs no resume
  const [, , durationMs] = await page.hears('onCallEnded');
  assert.equal((await panel.hears('onCallEnded')).duration, durationMs);
  assert.equal((await phone.hears('onCallEnded'))[2], durationMs);
});

test('a bell pressed again rings on as one, whoever presses it and whoever hears it', { skip }, async () => {
  const [panel, page] = [await driver.client('hall', broker.mqtt), await Person.connected(broker.ws, 'wall')];
  const replacedAtPage = async (first) => {
    const [end] = await page.hears('onInvitationEnded', ({ inviteID }) => inviteID === first);
    assert.deepEqual([end.state, end.reason], ['cancelled', 'replaced']);
  };
  const replacedAtPanel = async (first) => {
    const end = await panel.hears('onInvitationEnded', ({ inviteID }) => inviteID === first);
    assert.deepEqual([end.state, end.reason], ['cancelled', 'replaced']);
  };

  by_hand('bell', 'user/hall/invite', '{"id":"bell-1"}');
  assert.equal((await panel.hears('onReceiveNewInvitation')).inviteID, 'bell-1');
  by_hand('bell', 'user/hall/invite', '{"id":"bell-2","replace":true}');
  assert.equal((await panel.hears('onReceiveNewInvitation')).inviteID, 'bell-2');
  await replacedAtPanel('bell-1');

  by_hand('bell', 'user/wall/invite', '{"id":"bell-3"}');
  await page.hears('onReceiveNewInvitation', (id) => id === 'bell-3');
  by_hand('bell', 'user/wall/invite', '{"id":"bell-4","replace":true}');
  await page.hears('onReceiveNewInvitation', (id) => id === 'bell-4');
  await replacedAtPage('bell-3');

  const first = page.signaling.invite('hall').inviteID;
  await panel.hears('onReceiveNewInvitation', ({ inviteID }) => inviteID === first);
  const second = page.signaling.invite('hall', '', { replace: true });
  await panel.hears('onReceiveNewInvitation', ({ inviteID }) => inviteID === second.inviteID);
  await replacedAtPanel(first);
  await replacedAtPage(first);

  const { inviteID: third } = await panel.asks('inviteSeveral', { invitees: ['wall'] });
  await page.hears('onReceiveNewInvitation', (id) => id === third);
  const { inviteID: fourth } = await panel.asks('inviteSeveral', { invitees: ['wall'], replace: true });
  await page.hears('onReceiveNewInvitation', (id) => id === fourth);
  await replacedAtPage(third);
  await replacedAtPanel(third);
});

test('who hung up by mistake comes back, from C++, from JavaScript and by hand', { skip }, async () => {
  const [panel, page] = [await driver.client('bob', broker.mqtt), await Person.connected(broker.ws, 'ann')];
  const hears_join = async (user) => {
    if (user !== 'ann') assert.equal((await page.hears('onParticipantJoined'))[1], user);
    if (user !== 'bob') assert.equal((await panel.hears('onParticipantJoined')).user, user);
  };
  const { inviteID } = page.signaling.inviteSeveral(['bob', 'carl'], '', { call: true });
  await panel.hears('onReceiveNewInvitation');
  await (await panel.asks('accept', { id: inviteID })).result;
  by_hand('carl', `invitation/${inviteID}/accept`);
  await page.hears('onInviteeAccepted', (_, user) => user === 'carl');

  by_hand('carl', `invitation/${inviteID}/hangup`);
  await page.hears('onParticipantLeft', (_, user) => user === 'carl');
  by_hand('carl', `invitation/${inviteID}/join`);
  await hears_join('carl');

  await (await panel.asks('hangup', { id: inviteID })).result;
  await page.hears('onParticipantLeft', (_, user) => user === 'bob');
  assert.equal((await (await panel.asks('join', { id: inviteID })).result).code, 0);
  await hears_join('bob');
  // Who comes back asks who is in the call, and is not told who left before that was answered.
  assert.equal((await (await panel.asks('getSignalingInfo', { id: inviteID })).result).code, 0);

  assert.ok((await page.signaling.hangup(inviteID)).ok);
  await panel.hears('onParticipantLeft', ({ user }) => user === 'ann');
  assert.ok((await page.signaling.join(inviteID)).ok);
  await hears_join('ann');
  assert.ok((await page.signaling.getSignalingInfo(inviteID)).ok);

  by_hand('carl', `invitation/${inviteID}/hangup`);
  await page.hears('onParticipantLeft', (_, user) => user === 'carl');
  await panel.asks('hangup', { id: inviteID });
  assert.equal((await page.hears('onCallEnded'))[1], 'hangup');
  assert.equal((await panel.hears('onCallEnded')).reason, 'hangup');
});

test('that nobody is there is told to all, and a second panel cancels what another rings', { skip }, async () => {
  const [panel, page] = [await driver.client('gate', broker.mqtt), await Person.connected(broker.ws, 'gate')];
  const { result } = await panel.asks('inviteSeveral', { invitees: ['nobody'] });
  const { code, inviteID, offline } = await result;
  assert.deepEqual([code, offline], [0, ['nobody']]);
  await page.hears('onSignalingEvent', ({ type, inviteID: id }) => type === 'newInvitation' && id === inviteID);
  assert.ok((await page.signaling.cancel(inviteID)).ok);
  assert.equal((await panel.hears('onInvitationEnded', (end) => end.inviteID === inviteID)).state, 'cancelled');

  const told = await page.signaling.invite('nobody');
  assert.deepEqual(told.offline, ['nobody']);
  by_hand('gate', `invitation/${told.inviteID}/cancel`);
  assert.equal((await page.hears('onInvitationEnded', (end) => end.inviteID === told.inviteID))[0].state, 'cancelled');
});
