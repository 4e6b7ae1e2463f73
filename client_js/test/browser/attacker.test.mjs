// SPDX-License-Identifier: Apache-2.0
// Somebody who can send any message, or write contacts.json: what they say is text on the page, and no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from '../system/people.mjs';
import { button, call, canAnswer, intercoms, isOnline, says, see, shows, skip, text } from './windows.mjs';

const there = intercoms();
const person = (user) => Person.connected(there.broker.mqtt, user);
const markup = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';

/** Counts what the policy stopped, which must be nothing as long as all is text. */
const guard = () => {
  globalThis.stopped = [];
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => globalThis.stopped.push(`${violatedDirective} ${blockedURI}`));
};
async function isUnharmed(page) {
  const found = await page.evaluate(() => [globalThis.hacked, globalThis.stopped, document.querySelectorAll('img, iframe, object, main script, dialog script').length]);
  assert.deepEqual(found, [undefined, [], 0]);
}

test('names, data, reasons and groups are text', { skip }, async () => {
  const contacts = { contacts: [{ user: 'door', name: markup.slice(0, 60) }, { user: 'hall', name: 'Hall' }] };
  const kitchen = await there.windows.of('kitchen', { contacts, prepare: guard });
  const mallory = await person('mallory');
  const door = await person('door');
  await mallory.groups.createGroup('trap', markup, { memberList: ['kitchen'] });
  await says(kitchen, 'contacts', '<img src=x');
  const ring = mallory.signaling.invite('kitchen', `${markup}\u202e\u0007 turned\n\nround`, { call: true });
  await shows(kitchen, 'incoming');
  const said = await text(kitchen, 'incoming-what');
  assert.match(said, /^not among the contacts · “<img src=x onerror="globalThis.hacked=1"><script>.* turned round”$/);
  assert.doesNotMatch(said, /[\u202e\u0007\n]/);
  await mallory.signaling.cancel(ring.inviteID, markup);
  await shows(kitchen, 'home');
  door.signaling.invite('kitchen', 'x'.repeat(5_000), { call: true });
  await shows(kitchen, 'incoming');
  assert.equal(await text(kitchen, 'incoming-who'), markup.slice(0, 60));
  assert.equal([...(await text(kitchen, 'incoming-what'))].length, 122);
  await button(kitchen, 'Decline').click();
  for (const reason of [markup.slice(0, 60), 'constructor', '__proto__']) {
    await button(kitchen, markup.slice(0, 60)).click();
    const [inviteID] = await door.hears('onReceiveNewInvitation');
    await door.signaling.reject(inviteID, markup, reason);
    await says(kitchen, 'ended-what', 'Declined');
    await button(kitchen, 'Close').click();
  }
  await isUnharmed(kitchen);
});

test('signals that nobody would send do no harm, and the next call is as ever', { skip }, async () => {
  const kitchen = await there.windows.of('kitchen', { prepare: guard });
  const mallory = await person('mallory');
  const { inviteID } = mallory.signaling.invite('kitchen', '', { call: true });
  await canAnswer(kitchen);
  await button(kitchen, 'Answer').click();
  await shows(kitchen, 'call');
  const me = mallory.client.device;
  const sdp = `v=0\r\no=${markup} 1 1 IN IP4 0.0.0.0\r\ns=${markup}\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n`;
  const sent = ['null', '7', '"x"', '[]', '{', '{"type":"__proto__"}', '{"type":"constructor"}', { type: 'hello' }, { type: 'hello', has: 'x', run: markup }, { type: 'hello', has: [me], shows: markup },
    { type: 'offer', sdp: markup, run: 'a' }, { type: 'offer', sdp, run: 'b' }, { type: 'offer', sdp: { x: 1 }, run: 'c' }, { type: 'answer', sdp, run: 'c' },
    { type: 'candidate', candidate: markup, run: 'c' }, { type: 'candidate', candidate: { candidate: markup, sdpMid: '0' }, run: 'c' }, { type: 'shows', shows: false }, { type: 'offer', sdp: 'x'.repeat(15_000), run: 'd' }];
  for (const one of sent) await mallory.signaling.signal(inviteID, typeof one === 'string' ? one : JSON.stringify(one));
  for (let many = 0; many < 100; ++many) mallory.signaling.signal(inviteID, JSON.stringify({ type: 'candidate', candidate: {}, run: 'd' }));
  await mallory.signaling.signal(inviteID, Uint8Array.of(0, 255, 60));
  await mallory.signaling.hangup(inviteID, markup, markup.slice(0, 60));
  await says(kitchen, 'ended-what', 'Call ended');
  await button(kitchen, 'Close').click();
  const door = await there.windows.of('door');
  await call(door, kitchen, 'kitchen');
  await see(door, kitchen);
  await isUnharmed(kitchen);
  await button(kitchen, 'Hang up').click();
});

test('who begins anew all the time, and changes groups all the time, keeps the page from nothing', { skip }, async () => {
  const count = () => {
    globalThis.connections = 0;
    const Real = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(...options) {
        super(...options);
        ++globalThis.connections;
      }
    };
  };
  const kitchen = await there.windows.of('kitchen', { prepare: count });
  const mallory = await person('mallory');
  const { inviteID } = mallory.signaling.invite('kitchen', '', { call: true });
  await shows(kitchen, 'incoming');
  await mallory.groups.createGroup('churn', '', { memberList: ['kitchen'] });
  for (let many = 0; many < 60; ++many) {
    mallory.groups.setGroupInfo('churn', { groupName: `churn ${many}` });
    mallory.signaling.signal(inviteID, JSON.stringify({ type: 'hello', has: [], run: many }));
  }
  await mallory.signaling.cancel(inviteID);
  await shows(kitchen, 'home');
  assert.ok((await kitchen.evaluate(() => globalThis.connections)) <= 12);
  const door = await person('door');
  door.signaling.invite('kitchen', '', { call: true });
  await canAnswer(kitchen);
  await button(kitchen, 'Answer').click();
  await door.hears('onInviteeAccepted');
  await says(kitchen, 'call-who', 'door');
  await door.signaling.hangup((await door.hears('onInvitationEnded'))[0].inviteID);
});

test('a link to a broker of somebody else does not get the password that is kept for this one', { skip }, async () => {
  const page = await there.windows.of('', { where: 'tablet' });
  await page.getByLabel('Another name').fill('attic');
  await page.getByLabel('Password').fill('a secret');
  await page.getByLabel('Stay signed in').check();
  await button(page, 'Start').click();
  await isOnline(page);
  const followed = await there.windows.of('', { where: 'tablet', at: { ws: 'ws://127.0.0.1:9' } });
  await shows(followed, 'sign-in');
  await page.reload();
  await isOnline(page);
});

test('a stranger is neither seen nor told where this panel is before somebody answers', { skip }, async () => {
  const kitchen = await there.windows.of('kitchen', { contacts: { contacts: [{ user: 'door', name: 'Front door' }] } });
  for (const [user, is_told] of [['door', true], ['mallory', false]]) {
    const caller = await person(user);
    caller.signaling.invite('kitchen', '', { call: true });
    // What is said to who may be seen comes before this.
    await caller.hears('onInviteeRinging');
    assert.equal(caller.count('onSignal') > 0, is_told, user);
    await button(kitchen, 'Decline').click();
    await shows(kitchen, 'home');
  }
});

test('the policy of the page lets no other script run, should one get in all the same', { skip }, async () => {
  const kitchen = await there.windows.of('kitchen', { prepare: guard });
  // A listener of the page's own, so that none of this is the tool's doing.
  const stopped = await kitchen.evaluate(() => new Promise((done) => {
    const button = document.createElement('button');
    button.onclick = () => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.hacked = 1';
      document.body.append(script);
      const holder = document.createElement('div');
      holder.innerHTML = '<img src="data:," onerror="globalThis.hacked = 1"><a href="javascript:globalThis.hacked=1">x</a><style>body{display:none}</style><form action="https://example.com"></form>';
      document.body.append(holder);
      holder.querySelector('a').click();
      const far = document.createElement('script');
      far.src = 'https://example.com/x.js';
      document.body.append(far);
    };
    document.addEventListener('securitypolicyviolation', () => globalThis.stopped.length >= 6 && done(globalThis.stopped.map((one) => one.split(' ')[0]).sort()));
    button.click();
  }));
  assert.deepEqual(stopped, ['img-src', 'script-src-attr', 'script-src-elem', 'script-src-elem', 'script-src-elem', 'style-src-elem']);
  assert.equal(await kitchen.evaluate(() => globalThis.hacked), undefined);
  // Of which the browser complains.
  assert.ok(there.windows.faults.splice(0).every((fault) => fault.includes('Content Security Policy')));
});
