// SPDX-License-Identifier: Apache-2.0
// The page as it lives on a wall, where nobody looks after it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from '../system/people.mjs';
import { Windows, button, call, canAnswer, intercoms, isOnline, moves, plain_host, says, see, shot, shows, skip, text } from '../browser/windows.mjs';

const there = intercoms();
const of = (...args) => there.windows.of(...args);
const person = (user) => Person.connected(there.broker.mqtt, user);
const contacts = { contacts: [{ user: 'door', name: 'Front door', open: 'open-please' }, { user: 'kitchen', name: 'Kitchen' }, { group: 'flat-3', name: 'Flat 3' }] };

/** Has the page tell, on its console, what tones it plays and what signs it shows; and counts the locks that it holds. */
const listen = () => {
  const touched = () => (navigator.userActivation.hasBeenActive ? 'touched' : 'untouched');
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) {
    console.log(`tone ${this.context.state} ${touched()}`);
    return start.apply(this, when);
  };
  new MutationObserver(() => console.log(`signs ${document.getElementById('signs')?.innerText} ${touched()}`)).observe(document, { childList: true, subtree: true });
  globalThis.locks = 0;
  Object.defineProperty(navigator, 'wakeLock', { value: { request: async () => ({ released: false, release: async () => { --globalThis.locks; }, n: ++globalThis.locks }) } });
};
/** Waits for it without what would count as a touch: all of playwright's looking does. */
const tells = (page, what) => page.waitForEvent('console', (line) => what.test(line.text()));
/** A panel that was started, and not even looked at. */
const untouched = (windows) => windows.of('', { where: 'panel', more: '&user=kitchen', prepare: listen });

test('a panel that nobody ever touched rings aloud, where the browser lets it', { skip }, async () => {
  const kitchen = await untouched(there.windows);
  const rings = tells(kitchen, /^tone running untouched$/);
  (await person('door')).signaling.invite('kitchen', '', { call: true });
  await rings;
  await shows(kitchen, 'incoming');
  assert.doesNotMatch(await kitchen.locator('#signs').innerText(), /Touch/);
  await button(kitchen, 'Decline').click();
});

test('where the browser does not, the page says to touch it once, until then', { skip }, async () => {
  const windows = await Windows.open(there.broker, { mayPlay: false });
  try {
    const kitchen = await untouched(windows);
    await tells(kitchen, /^signs Touch once for sound untouched$/);
    const door = await person('door');
    door.signaling.invite('kitchen', '', { call: true });
    const rings = tells(kitchen, /^tone running touched$/);
    await shows(kitchen, 'incoming');
    await kitchen.mouse.click(500, 200);
    await rings;
    await kitchen.locator('#signs .sound').waitFor({ state: 'detached' });
    await button(kitchen, 'Decline').click();
    await windows.closeAll();
  } finally {
    await windows.close();
  }
});

test('the screen is kept on, until that is not wanted, and while somebody rings in any case', { skip }, async () => {
  const kitchen = await of('kitchen', { prepare: listen });
  const locks = (count) => kitchen.waitForFunction((wanted) => globalThis.locks === wanted, count);
  await locks(1);
  await button(kitchen, 'Settings').click();
  await kitchen.getByLabel('Keep the screen on').uncheck();
  await locks(0);
  await kitchen.locator('#settings').getByRole('button', { name: 'Close' }).click();
  const door = await person('door');
  const { inviteID } = door.signaling.invite('kitchen', '', { call: true });
  await locks(1);
  await door.signaling.cancel(inviteID);
  await locks(0);
});

test('a page by http says that there is no camera and microphone, and why, and talks all the same', { skip }, async () => {
  const kitchen = await of('kitchen', { host: plain_host });
  await says(kitchen, 'signs', 'No camera and no microphone: browsers give them only to a page that comes by https');
  const door = await of('door');
  await button(door, 'kitchen').click();
  await canAnswer(kitchen);
  await button(kitchen, 'Answer').click();
  await see(kitchen);
  for (const [id, says_so] of [['mic', 'No mic'], ['camera', 'No camera']]) {
    assert.match(await text(kitchen, id), new RegExp(says_so));
    assert.equal(await kitchen.locator(`#${id}`).isDisabled(), true);
  }
  await says(kitchen, 'signs', 'No camera and no microphone');
});

test('who switches the camera off is shown as initials, never as a black tile', { skip }, async () => {
  const [door, kitchen] = [await of('door', { contacts }), await of('kitchen', { contacts })];
  await call(door, kitchen, 'Kitchen');
  await button(door, 'Camera on').click();
  await kitchen.locator('#pictures .picture:not(.moving) .face', { hasText: 'FD' }).waitFor();
  await door.locator('#own .picture:not(.moving)').waitFor();
  await says(door, 'camera', 'Camera off');
  await button(door, 'Camera off').click();
  await moves(kitchen, 'pictures');
});

test('what was said goes away by itself: the end of a call, and notices', { skip }, async () => {
  const kitchen = await of('kitchen', { linger: 1 });
  const door = await person('door');
  const { inviteID } = door.signaling.invite('kitchen', '', { call: true });
  await canAnswer(kitchen);
  await button(kitchen, 'Answer').click();
  await shows(kitchen, 'call');
  await door.signaling.hangup(inviteID);
  await shows(kitchen, 'ended');
  await shows(kitchen, 'home');
  const again = door.signaling.invite('kitchen', '', { call: true });
  await shows(kitchen, 'incoming');
  await door.signaling.cancel(again.inviteID);
  await says(kitchen, 'notice', 'The caller stopped ringing');
  await kitchen.locator('#notice:empty').waitFor({ state: 'attached' });
});

test('the login is kept for the next start of the browser only where that was ticked', { skip }, async () => {
  const sign_in = async (stays) => {
    const page = await of('', { where: `tablet ${stays}` });
    await page.getByLabel('Another name').fill('attic');
    if (stays) await page.getByLabel('Stay signed in').check();
    await button(page, 'Start').click();
    await isOnline(page);
    await page.close();
    return of('', { where: `tablet ${stays}` });
  };
  const kept = await sign_in(true);
  await isOnline(kept);
  assert.equal(await text(kept, 'me'), 'attic');
  await shows(await sign_in(false), 'sign-in');
  await button(kept, 'Settings').click();
  await button(kept, 'Sign out').click();
  await shows(kept, 'sign-in');
  assert.deepEqual(await kept.evaluate(() => [localStorage['intercom login'], sessionStorage['intercom login']]), [undefined, undefined]);
});

test('missed calls are counted, also those that did not disturb, until they were seen; both outlive a reload', { skip }, async () => {
  const kitchen = await of('kitchen', { contacts });
  const door = await person('door');
  const { inviteID } = door.signaling.invite('kitchen', '', { call: true });
  await shows(kitchen, 'incoming');
  await door.signaling.cancel(inviteID);
  await says(kitchen, 'missed', 'Missed calls: 1');
  await kitchen.getByLabel('Do not disturb').check();
  door.signaling.invite('kitchen', '', { call: true });
  await says(kitchen, 'missed', 'Missed calls: 2');
  await kitchen.reload();
  await isOnline(kitchen);
  await says(kitchen, 'missed', 'Missed calls: 2');
  await says(kitchen, 'missed', 'Front door');
  assert.match(await kitchen.title(), /^\(2\)/);
  assert.equal(await kitchen.getByLabel('Do not disturb').isChecked(), true);
  await button(kitchen, 'Seen').click();
  await kitchen.locator('#missed').waitFor({ state: 'hidden' });
  await kitchen.reload();
  await isOnline(kitchen);
  assert.equal(await kitchen.locator('#missed').isVisible(), false);
});

test('a bell is one button, and rings users or a group', { skip }, async () => {
  const [kitchen, hall] = await Promise.all(['kitchen', 'hall'].map(person));
  await kitchen.groups.createGroup('flat-3', 'x', { memberList: ['door'] });
  const door = await of('door', { contacts, more: '&bell=flat-3' });
  await shows(door, 'bell');
  assert.equal(await text(door, 'bell-who'), 'Flat 3');
  assert.equal(await door.getByRole('button').count(), 1);
  await door.keyboard.press('Enter');
  const [inviteID, , group] = await kitchen.hears('onReceiveNewInvitation');
  assert.equal(group, 'flat-3');
  await kitchen.signaling.accept(inviteID);
  await shows(door, 'call');
  assert.equal(await button(door, 'Add').isVisible(), false);
  await kitchen.signaling.hangup(inviteID);
  await shows(door, 'ended');
  const side = await of('side', { more: '&bell=kitchen,hall', linger: 1 });
  await button(side, 'Ring').click();
  const [both] = await Promise.all([kitchen, hall].map((one) => one.hears('onReceiveNewInvitation')));
  await hall.signaling.reject(both[0]);
  await kitchen.signaling.reject(both[0]);
  await shows(side, 'bell');
});

test('who rings can be let in, by a word to the door that is never late', { skip }, async () => {
  const kitchen = await of('kitchen', { contacts });
  await button(kitchen, 'Open the door: Front door').click();
  await says(kitchen, 'notice', 'NOT told to open: Front door: Nobody is there');
  const door = await person('door');
  door.signaling.invite('kitchen', '', { call: true });
  await shows(kitchen, 'incoming');
  await button(kitchen, 'Open the door').click();
  assert.deepEqual((await door.hears('onRecvC2CTextMessage')).slice(1), ['kitchen', 'open-please']);
  await says(kitchen, 'notice', 'Told to open: Front door');
  await button(kitchen, 'Decline').click();
});

test('who rings during a call knocks, and can be taken instead', { skip }, async () => {
  const kitchen = await of('kitchen', { contacts });
  const [door, hall] = [await person('door'), await person('hall')];
  const first = door.signaling.invite('kitchen', '', { call: true });
  await canAnswer(kitchen);
  await button(kitchen, 'Answer').click();
  await shows(kitchen, 'call');
  const second = hall.signaling.invite('kitchen', '', { call: true });
  await says(kitchen, 'elsewhere', 'hall rings');
  await shot(kitchen, 'knocks');
  await button(kitchen, 'Hang up and answer').click();
  await door.hears('onCallEnded', (id) => id === first.inviteID);
  await hall.hears('onInviteeAccepted', (id) => id === second.inviteID);
  await says(kitchen, 'call-who', 'hall');
  await button(kitchen, 'Hang up').click();
});

test('contacts.json that is wrong is a sentence on the page, which goes on with the last that was right', { skip }, async () => {
  const kitchen = await of('kitchen', { contacts });
  await button(kitchen, 'Front door').waitFor();
  for (const [wrong, sentence] of [
    ['{', 'contacts.json cannot be read (this is no JSON).'],
    [{ contacts: [{ user: 'door' }, { user: 'two words' }] }, 'contacts.json: contacts[1].user: must be 1 to 64 of'],
  ]) {
    await of('kitchen', { contacts: wrong }).then((page) => page.close());
    await kitchen.reload();
    await says(kitchen, 'signs', sentence);
    await button(kitchen, 'Front door').waitFor();
  }
});

test('it speaks the language of the browser, or another that is chosen', { skip }, async () => {
  const seen = [];
  for (const locale of ['de-AT', 'es-MX', 'zh-CN', 'fr-FR']) {
    const page = await of('kitchen', { where: locale, locale });
    seen.push(await page.getByRole('switch').first().evaluate((one) => one.labels[0].innerText.trim()));
    if (locale !== 'fr-FR') continue;
    await button(page, 'Settings').click();
    await page.getByLabel('Language').selectOption('Deutsch');
    await page.reload();
    await page.getByLabel('Nicht stören').waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
  }
  assert.deepEqual(seen, ['Nicht stören', 'No molestar', '请勿打扰', 'Do not disturb']);
});

test('it can be installed, and is there when its server is away; contacts are not kept by the worker', { skip }, async () => {
  const kitchen = await of('kitchen', { worker: true });
  await kitchen.evaluate(() => navigator.serviceWorker.ready);
  await kitchen.waitForFunction(async () => (await caches.keys()).length === 1);
  there.windows.pageIsAway = true;
  try {
    await kitchen.reload();
    await isOnline(kitchen);
  } finally {
    there.windows.pageIsAway = false;
  }
  const kept = await kitchen.evaluate(async () => (await (await caches.open((await caches.keys())[0])).keys()).map(({ url }) => new URL(url).pathname));
  assert.deepEqual(kept.sort(), ['/', '/icon-192.png', '/icon-512.png', '/icon-maskable.png', '/manifest.webmanifest']);
  const manifest = await kitchen.evaluate(async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json());
  assert.deepEqual([manifest.display, manifest.icons.length], ['standalone', 3]);
  // A newer one comes by itself, when nobody rings or talks.
  there.windows.change('/index.html', (page) => page.replace('<title>', '<meta name="newer"><title>'));
  there.windows.change('/worker.js', (worker) => `${worker}// newer`);
  await kitchen.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  await kitchen.locator('meta[name=newer]').waitFor({ state: 'attached' });
  await isOnline(kitchen);
});
