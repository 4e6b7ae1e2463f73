// SPDX-License-Identifier: Apache-2.0
// The web intercom in windows of a real browser, with a real broker: they ring and call each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from '../system/people.mjs';
import { button, call, canAnswer, intercoms, isOnline, moves, says, see, shot, shows, skip, sounds, text } from './windows.mjs';

const there = intercoms();

test('who one is, is kept over a reload, until it is changed', { skip }, async () => {
  const page = await there.windows.of('');
  await shows(page, 'sign-in');
  await page.getByLabel('Another name').fill('a/b');
  await button(page, 'Start').click();
  await shows(page, 'sign-in');
  await page.getByLabel('Another name').fill('attic');
  await button(page, 'Start').click();
  await isOnline(page);
  await page.reload();
  await isOnline(page);
  assert.equal(await text(page, 'me'), 'attic');
  await button(page, 'Settings').click();
  await button(page, 'Sign out').click();
  await shows(page, 'sign-in');
});

test('two windows call each other, until one hangs up', { skip }, async () => {
  const door = await there.windows.of('door');
  const kitchen = await there.windows.of('kitchen', { phone: true });
  await button(door, 'kitchen').click();
  await shows(kitchen, 'incoming');
  assert.equal(await text(kitchen, 'incoming-who'), 'door');
  await says(door, 'outgoing-states', 'kitchen: rings');
  // Who rings can be seen, and does not see.
  await moves(kitchen, 'incoming-picture');
  await moves(door, 'outgoing-picture');
  await button(kitchen, 'Answer').click();
  await see(door, kitchen);
  await Promise.all([sounds(door), sounds(kitchen)]);
  await button(kitchen, 'Hang up').click();
  await Promise.all([door, kitchen].map((page) => shows(page, 'ended')));
  const [one, other] = await Promise.all([text(door, 'ended-how'), text(kitchen, 'ended-how')]);
  assert.match(one, /^kitchen · \d+:\d\d$/);
  assert.equal(other, one.replace('kitchen', 'door'));
  await button(door, 'Close').click();
  await shows(door, 'home');
});

test('all by keyboard: ring, answer, mic off, hang up', { skip }, async () => {
  const [door, hall] = [await there.windows.of('door'), await there.windows.of('hall')];
  await button(door, 'hall').focus();
  await door.keyboard.press('Enter');
  await shows(hall, 'incoming');
  assert.equal(await hall.evaluate(() => document.activeElement.id), 'answer');
  await canAnswer(hall);
  await hall.keyboard.press('a');
  await see(door, hall);
  await hall.keyboard.press('m');
  await hall.locator('#mic[aria-pressed=false]', { hasText: 'Mic off' }).waitFor();
  // What is off is silence; the picture goes on.
  await moves(door, 'pictures');
  await hall.keyboard.press('h');
  await Promise.all([door, hall].map((page) => shows(page, 'ended')));
  await door.keyboard.press('Escape');
  await shows(door, 'home');
});

test('declined, busy, cancelled, not answered, not disturbed: the other side says so', { skip }, async () => {
  const [door, hasty, kitchen] = [await there.windows.of('door'), await there.windows.of('gate', { more: '&ring=1' }), await there.windows.of('kitchen')];
  for (const [act, what] of [['Decline', 'Declined'], ['Busy', 'Busy']]) {
    await button(door, 'kitchen').click();
    await shows(kitchen, 'incoming');
    await button(kitchen, act).click();
    await shows(door, 'ended');
    assert.equal(await text(door, 'ended-what'), what);
    await shows(kitchen, 'home');
    await button(door, 'Close').click();
  }
  await button(door, 'kitchen').click();
  await shows(kitchen, 'incoming');
  await button(door, 'Cancel').click();
  await shows(kitchen, 'home');
  await says(kitchen, 'notice', 'The caller stopped ringing');
  await says(door, 'ended-what', 'Cancelled');
  await button(door, 'Ring again').click();
  await shows(kitchen, 'incoming');
  await button(door, 'Cancel').click();
  await button(door, 'Close').click();
  await button(hasty, 'kitchen').click();
  await says(hasty, 'ended-what', 'No answer');
  await says(kitchen, 'notice', 'Missed');
  await kitchen.getByLabel('Do not disturb').check();
  await button(door, 'kitchen').click();
  await says(door, 'ended-what', 'Busy');
  await says(kitchen, 'notice', 'door rang: you were not disturbed');
});

test('that nobody is there is said, until they come', { skip }, async () => {
  const door = await there.windows.of('door');
  await door.getByLabel('Somebody else, or a group').fill('cellar');
  await door.locator('#add').getByRole('button', { name: 'Ring' }).click();
  await says(door, 'outgoing-states', 'Nobody of cellar is there now.');
  const cellar = await there.windows.of('cellar');
  await shows(cellar, 'incoming');
  await says(door, 'outgoing-states', 'cellar: rings');
  assert.doesNotMatch(await text(door, 'outgoing-states'), /Nobody/);
  await button(cellar, 'Decline').click();
  await says(door, 'ended-what', 'Declined');
});

test('a bell that is pressed again rings on, as one', { skip }, async () => {
  const kitchen = await there.windows.of('pantry');
  const bell = await Person.connected(there.broker.mqtt, 'bell');
  bell.signaling.invite('pantry', 'once', { call: true });
  await says(kitchen, 'incoming-what', 'once');
  await kitchen.evaluate(() => {
    window.changes = [];
    new MutationObserver(() => window.changes.push(document.body.dataset.screen)).observe(document.body, { attributeFilter: ['data-screen'] });
  });
  const { inviteID } = bell.signaling.invite('pantry', 'twice', { call: true, replace: true });
  await says(kitchen, 'incoming-what', 'twice');
  assert.deepEqual(await kitchen.evaluate(() => window.changes), []);
  assert.equal(await kitchen.locator('#notice').textContent(), '');
  await button(kitchen, 'Decline').click();
  await bell.hears('onInviteeRejected', (id) => id === inviteID);
});

test('what one window rings, another of the same user sees, and can cancel', { skip }, async () => {
  const [door, desk] = [await there.windows.of('door'), await there.windows.of('door')];
  await button(door, 'kitchen').click();
  await says(desk, 'elsewhere', 'Ringing kitchen from another window');
  assert.equal(await door.locator('#elsewhere').isVisible(), false);
  await button(desk, 'Cancel').click();
  await says(door, 'ended-what', 'Stopped');
  await desk.locator('#elsewhere').waitFor({ state: 'hidden' });
});

test('a reload during a ring finds it again, on both sides', { skip }, async () => {
  const [door, kitchen] = [await there.windows.of('door'), await there.windows.of('kitchen')];
  await button(door, 'kitchen').click();
  await shows(kitchen, 'incoming');
  await kitchen.reload();
  await shows(kitchen, 'incoming');
  await moves(kitchen, 'incoming-picture');
  await door.reload();
  await shows(door, 'outgoing');
  await button(kitchen, 'Answer').click();
  await see(door, kitchen);
  // Or the next test would find this call going on.
  await button(door, 'Hang up').click();
  await Promise.all([door, kitchen].map((page) => shows(page, 'ended')));
});

test('a reload during a call takes it up again, on either side', { skip }, async () => {
  const [door, kitchen] = [await there.windows.of('door'), await there.windows.of('kitchen')];
  await call(door, kitchen, 'kitchen');
  for (const page of [kitchen, door]) {
    await page.reload();
    await see(door, kitchen);
  }
  await button(door, 'Hang up').click();
  await Promise.all([door, kitchen].map((page) => shows(page, 'ended')));
});

test('answered in one window, it stops in the other, which can take the call over', { skip }, async () => {
  const door = await there.windows.of('door');
  const [panel, tablet] = [await there.windows.of('kitchen'), await there.windows.of('kitchen')];
  await button(door, 'kitchen').click();
  await Promise.all([panel, tablet].map((page) => shows(page, 'incoming')));
  await button(panel, 'Answer').click();
  await see(door, panel);
  await shows(tablet, 'home');
  await says(tablet, 'notice', 'Answered on another device');
  await says(tablet, 'elsewhere', 'In a call with door in another window');
  await shot(tablet, 'elsewhere');
  await button(tablet, 'Take it here').click();
  await see(door, tablet);
  await shows(panel, 'home');
  await button(tablet, 'Hang up').click();
  await Promise.all([door, tablet].map((page) => shows(page, 'ended')));
  await panel.locator('#elsewhere').waitFor({ state: 'hidden' });
});

test('a group is rung, and the first takes it', { skip }, async () => {
  const people = await Promise.all(['gate', 'ann', 'ben'].map((user) => there.windows.of(user)));
  const [gate, ann, ben] = people;
  for (const page of people) {
    await page.getByLabel('Somebody else, or a group').fill('flat-2');
    await button(page, 'Join group').click();
    await says(page, 'notice', 'You are in flat-2');
  }
  await button(gate, 'flat-2').click();
  await Promise.all([ann, ben].map((page) => shows(page, 'incoming')));
  await says(ann, 'incoming-what', 'to flat-2');
  await button(ann, 'Answer').click();
  await see(gate, ann);
  await shows(ben, 'home');
  await says(ben, 'notice', 'Answered by ann');
  // All of the group were asked.
  await button(ann, 'Add').click();
  await says(ann, 'no-people', 'Nobody is left in the list');
  assert.equal(await ann.locator('#another').isVisible(), false);
  await ann.keyboard.press('Escape');
  await button(gate, 'Hang up').click();
  await shows(ann, 'ended');
});

test('others are added to a call, by keyboard and on a phone, and talk on when one leaves', { skip }, async () => {
  const [door, kitchen, hall] = [await there.windows.of('door'), await there.windows.of('kitchen', { phone: true }), await there.windows.of('hall')];
  const upstairs = await Person.connected(there.broker.mqtt, 'upstairs');
  const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.innerText);
  const fits = (page) => page.evaluate(() => {
    const { left, right, top, bottom } = document.querySelector('dialog[open]').getBoundingClientRect();
    const rows = new Set([...document.querySelectorAll('#call .round')].map((one) => one.getBoundingClientRect().top));
    return { inside: left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight, scrolls: document.documentElement.scrollWidth > innerWidth, rows: rows.size };
  });
  await call(door, kitchen, 'kitchen');
  // Who was called adds somebody: whom it rings, and who is not in the call.
  await kitchen.keyboard.press('a');
  await kitchen.locator('dialog[open]').waitFor();
  assert.deepEqual(await kitchen.locator('#people .name').allInnerTexts(), ['hall', 'upstairs']);
  assert.deepEqual(await fits(kitchen), { inside: true, scrolls: false, rows: 1 });
  await kitchen.keyboard.press('h'); // is no hanging up
  await kitchen.keyboard.press('Enter');
  await shows(hall, 'incoming');
  await says(door, 'call-states', 'hall: rings');
  await says(kitchen, 'call-states', 'hall: calling');
  await button(hall, 'Answer').click();
  for (const page of [door, kitchen, hall]) await page.locator('#pictures .picture.moving').nth(1).waitFor();
  assert.equal(await text(door, 'call-who'), 'kitchen, hall');
  assert.deepEqual(await door.locator('#pictures figcaption:visible').allInnerTexts(), ['kitchen', 'hall']);
  assert.equal(await text(door, 'call-states'), '');
  await shot(door, 'call-three');
  // And the inviter by mouse, in vain.
  await button(door, 'Add').click();
  await button(door, 'upstairs').click();
  const [inviteID] = await upstairs.hears('onReceiveNewInvitation');
  await upstairs.signaling.reject(inviteID, '', 'busy');
  for (const page of [door, kitchen, hall]) await says(page, 'notice', 'upstairs: Busy');
  await button(door, 'Add').click();
  await says(door, 'no-people', 'Nobody is left in the list');
  await door.getByLabel('Somebody else', { exact: true }).fill('upstairs');
  await door.keyboard.press('Enter');
  await says(door, 'notice', 'upstairs: Declined on another device');
  await button(door, 'Add').click();
  await door.keyboard.press('Escape');
  assert.equal(await focused(door), 'add-person');
  await door.keyboard.press('h');
  await says(door, 'ended-what', 'You left the call');
  await Promise.all([kitchen, hall].map((page) => says(page, 'notice', 'door left')));
  await see(kitchen, hall);
  // An open list ends with the call.
  await kitchen.keyboard.press('a');
  await kitchen.locator('dialog[open]').waitFor();
  await button(hall, 'Hang up').click();
  await Promise.all([kitchen, hall].map((page) => says(page, 'ended-what', 'Call ended')));
  await kitchen.locator('#adding').waitFor({ state: 'hidden' });
});
