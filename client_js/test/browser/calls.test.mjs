// SPDX-License-Identifier: Apache-2.0
// The web intercom in windows of a real browser, with a real broker.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, test } from 'node:test';
import { Broker, plugin, within } from '../system/broker.mjs';
import { Person } from '../system/people.mjs';
import { Windows, browser_path, button, isOnline, moves, shot, shows, sounds } from './windows.mjs';

const skip = plugin ? false : 'BECKON_PLUGIN names no plugin';
let broker;
let windows;
before(async () => {
  if (skip) return;
  assert.ok(browser_path, 'no chromium: scripts/dependencies test');
  broker = await new Broker({ options: { pair_invites_per_second: 100, pair_invites_burst: 100 } }).start();
  windows = await Windows.open(broker);
});
afterEach(async () => {
  await Person.leaveAll();
  await windows?.closeAll();
});
after(async () => {
  await windows?.close();
  await broker?.remove();
});

const text = (page, id) => page.locator(`#${id}`).innerText();
const says = (page, id, what) => page.locator(`#${id}`, { hasText: what }).waitFor();
const see = (...pages) => Promise.all(pages.map((page) => shows(page, 'call').then(() => moves(page, 'pictures'))));

async function call(from, to, name) {
  await button(from, name).click();
  await shows(to, 'incoming');
  await button(to, 'Answer').click();
  await see(from, to);
}

test('who one is, is kept over a reload, until it is changed', { skip }, async () => {
  const page = await windows.of('');
  await shows(page, 'sign-in');
  await shot(page, 'sign-in');
  await page.getByLabel('Another name').fill('a/b');
  await button(page, 'Start').click();
  await shows(page, 'sign-in');
  await page.getByLabel('Another name').fill('attic');
  await button(page, 'Start').click();
  await isOnline(page);
  await page.reload();
  await isOnline(page);
  assert.equal(await text(page, 'me'), 'attic');
  await button(page, 'Change').click();
  await shows(page, 'sign-in');
});

test('two windows call each other, until one hangs up', { skip }, async () => {
  const door = await windows.of('door');
  const kitchen = await windows.of('kitchen', { phone: true });
  await button(door, 'kitchen').click();
  await shows(kitchen, 'incoming');
  assert.equal(await text(kitchen, 'incoming-who'), 'door');
  await says(door, 'outgoing-states', 'kitchen: rings');
  // Who rings can be seen, and does not see.
  await moves(kitchen, 'incoming-picture');
  await moves(door, 'outgoing-picture');
  await Promise.all([shot(kitchen, 'incoming'), shot(door, 'outgoing')]);
  await button(kitchen, 'Answer').click();
  await see(door, kitchen);
  await Promise.all([sounds(door), sounds(kitchen)]);
  await Promise.all([shot(kitchen, 'call-phone'), shot(door, 'call')]);
  await button(kitchen, 'Hang up').click();
  await Promise.all([door, kitchen].map((page) => shows(page, 'ended')));
  const [one, other] = await Promise.all([text(door, 'ended-how'), text(kitchen, 'ended-how')]);
  assert.match(one, /^kitchen · \d+:\d\d$/);
  assert.equal(other, one.replace('kitchen', 'door'));
  await shot(door, 'ended');
  await button(door, 'Close').click();
  await shows(door, 'home');
  await shot(door, 'home');
});

test('all by keyboard: ring, answer, mic off, hang up', { skip }, async () => {
  const [door, hall] = [await windows.of('door'), await windows.of('hall')];
  await button(door, 'hall').focus();
  await door.keyboard.press('Enter');
  await shows(hall, 'incoming');
  assert.equal(await hall.evaluate(() => document.activeElement.id), 'answer');
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
  const [door, hasty, kitchen] = [await windows.of('door'), await windows.of('gate', { more: '&ring=1' }), await windows.of('kitchen')];
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
  const door = await windows.of('door');
  await door.getByLabel('Somebody else, or a group').fill('cellar');
  await button(door, 'Ring').click();
  await says(door, 'outgoing-states', 'Nobody of cellar is there now.');
  const cellar = await windows.of('cellar');
  await shows(cellar, 'incoming');
  await says(door, 'outgoing-states', 'cellar: rings');
  assert.doesNotMatch(await text(door, 'outgoing-states'), /Nobody/);
  await button(cellar, 'Decline').click();
  await says(door, 'ended-what', 'Declined');
});

test('a bell that is pressed again rings on, as one', { skip }, async () => {
  const kitchen = await windows.of('pantry');
  const bell = await Person.connected(broker.mqtt, 'bell');
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
  const [door, desk] = [await windows.of('door'), await windows.of('door')];
  await button(door, 'kitchen').click();
  await says(desk, 'elsewhere', 'Ringing kitchen from another window');
  assert.equal(await door.locator('#elsewhere').isVisible(), false);
  await button(desk, 'Cancel').click();
  await says(door, 'ended-what', 'Stopped');
  await desk.locator('#elsewhere').waitFor({ state: 'hidden' });
});

test('a reload during a ring finds it again, on both sides', { skip }, async () => {
  const [door, kitchen] = [await windows.of('door'), await windows.of('kitchen')];
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
  const [door, kitchen] = [await windows.of('door'), await windows.of('kitchen')];
  await call(door, kitchen, 'kitchen');
  for (const page of [kitchen, door]) {
    await page.reload();
    await see(door, kitchen);
  }
  await button(door, 'Hang up').click();
  await Promise.all([door, kitchen].map((page) => shows(page, 'ended')));
});

test('answered in one window, it stops in the other, which can take the call over', { skip }, async () => {
  const door = await windows.of('door');
  const [panel, tablet] = [await windows.of('kitchen'), await windows.of('kitchen')];
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
  const people = await Promise.all(['gate', 'ann', 'ben'].map((user) => windows.of(user)));
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
  await says(ann, 'people', 'Nobody is left in the list');
  assert.equal(await ann.locator('#another').isVisible(), false);
  await ann.keyboard.press('Escape');
  await button(gate, 'Hang up').click();
  await shows(ann, 'ended');
});

test('others are added to a call, by keyboard and on a phone, and talk on when one leaves', { skip }, async () => {
  const [door, kitchen, hall] = [await windows.of('door'), await windows.of('kitchen', { phone: true }), await windows.of('hall')];
  const upstairs = await Person.connected(broker.mqtt, 'upstairs');
  const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.innerText);
  const fits = (page) => page.evaluate(() => {
    const { left, right, top, bottom } = document.querySelector('dialog').getBoundingClientRect();
    const rows = new Set([...document.querySelectorAll('#call .round')].map((one) => one.getBoundingClientRect().top));
    return { inside: left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight, scrolls: document.documentElement.scrollWidth > innerWidth, rows: rows.size };
  });
  await call(door, kitchen, 'kitchen');
  // Who was called adds somebody: whom it rings, and who is not in the call.
  await kitchen.keyboard.press('a');
  await kitchen.locator('dialog[open]').waitFor();
  assert.deepEqual(await kitchen.locator('#people button').evaluateAll((all) => all.map((one) => one.lastChild.data)), ['hall', 'upstairs']);
  assert.deepEqual(await fits(kitchen), { inside: true, scrolls: false, rows: 1 });
  await shot(kitchen, 'adding');
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
  await says(door, 'people', 'Nobody is left in the list');
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
  await kitchen.locator('dialog').waitFor({ state: 'hidden' });
});

test('who has neither camera nor page can be talked with all the same', { skip }, async () => {
  const kitchen = await windows.of('kitchen');
  const door = await Person.connected(broker.mqtt, 'door');
  const ring = door.signaling.invite('kitchen', 'front door', { call: true });
  await shows(kitchen, 'incoming');
  await says(kitchen, 'incoming-what', 'front door');
  await button(kitchen, 'Answer').click();
  await door.hears('onInviteeAccepted');
  await shows(kitchen, 'call');
  await moves(kitchen, 'own');
  await door.signaling.hangup(ring.inviteID);
  await says(kitchen, 'ended-what', 'Call ended');
  // And the other way.
  await button(kitchen, 'Close').click();
  await button(kitchen, 'door').click();
  const [inviteID] = await door.hears('onReceiveNewInvitation');
  await door.signaling.accept(inviteID);
  await shows(kitchen, 'call');
  await button(kitchen, 'Hang up').click();
  await door.hears('onCallEnded', (id) => id === inviteID);
});

test('what rings in a plain invitation is answered, without a call', { skip }, async () => {
  const kitchen = await windows.of('kitchen');
  const button_at_the_door = await Person.connected(broker.mqtt, 'door');
  button_at_the_door.signaling.invite('kitchen', 'ding dong');
  await shows(kitchen, 'incoming');
  await button(kitchen, 'Answer').click();
  await button_at_the_door.hears('onInviteeAccepted');
  await says(kitchen, 'ended-what', 'Answered');
});

const examples = process.env.BECKON_EXAMPLES;
test('the programs of examples/ ring a page, and are rung by one', { skip: skip || (examples ? false : 'BECKON_EXAMPLES names nothing') }, async () => {
  const running = [];
  const runs = (program, ...words) => {
    const process = spawn(join(examples, program), ['--server', broker.mqtt, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.push(process);
    const lines = [];
    const output = createInterface(process.stdout).on('line', (line) => lines.push(line));
    const ended = new Promise((done) => process.once('exit', done));
    const says = async (what) => {
      const isSaid = () => lines.some((line) => line.includes(what));
      while (!isSaid()) await within(once(output, 'line'), `${program} to say ${what}, beside\n${lines.join('\n')}`);
    };
    return { lines, process, ended, says };
  };
  try {
    const kitchen = await windows.of('kitchen');
    for (const door_hangs_up of [false, true]) {
      const door = runs('door_station', '--user', 'door', '--call', '--data', 'front door', 'kitchen');
      await shows(kitchen, 'incoming');
      await says(kitchen, 'incoming-what', 'front door');
      await button(kitchen, 'Answer').click();
      await door.says('talking with kitchen');
      await shows(kitchen, 'call');
      if (door_hangs_up) door.process.kill('SIGTERM');
      else await button(kitchen, 'Hang up').click();
      assert.equal(await within(door.ended, 'the door station to end'), 0, door.lines.join('\n'));
      await door.says('the call is over');
      await says(kitchen, 'ended-what', 'Call ended');
      await kitchen.keyboard.press('Escape');
    }
    const panel = runs('indoor_panel', '--user', 'hall', '--accept', '--once');
    await within(new Promise((done) => panel.process.stdout.once('data', done)), 'the panel to start');
    await button(kitchen, 'hall').click();
    await shows(kitchen, 'call');
    await button(kitchen, 'Hang up').click();
    await says(kitchen, 'ended-what', 'Call ended');
    assert.equal(await within(panel.ended, 'the panel to end'), 0, panel.lines.join('\n'));
  } finally {
    for (const process of running) process.kill('SIGKILL');
  }
});

test('the broker restarts during a ring, which rings on, and during the call, which goes on', { skip }, async () => {
  const other = await new Broker({ options: { store: '{dir}/beckon.db' } }).start();
  try {
    const [door, kitchen] = [await windows.of('door', { at: other }), await windows.of('kitchen', { at: other })];
    const restart = async () => {
      await other.kill();
      await Promise.all([door, kitchen].map((page) => page.locator('#link', { hasText: 'offline' }).waitFor()));
      await shot(kitchen, 'offline');
      await other.start();
      await Promise.all([door, kitchen].map(isOnline));
    };
    await button(door, 'kitchen').click();
    await shows(kitchen, 'incoming');
    await moves(kitchen, 'incoming-picture');
    await restart();
    await moves(kitchen, 'incoming-picture');
    await button(kitchen, 'Answer').click();
    await see(door, kitchen);
    await restart();
    await see(door, kitchen);
    await button(door, 'Hang up').click();
    await Promise.all([door, kitchen].map((page) => shows(page, 'ended')));
  } finally {
    await windows.closeAll();
    await other.remove();
  }
});

test('what was missed, and how long one talked, stands in the list of calls', { skip }, async () => {
  const other = await new Broker({ options: { store: '{dir}/beckon.db' } }).start();
  try {
    const [door, kitchen] = [await windows.of('door', { at: other, more: '&ring=1' }), await windows.of('kitchen', { at: other })];
    await button(door, 'kitchen').click();
    await says(door, 'ended-what', 'No answer');
    await kitchen.locator('#history li.missed', { hasText: 'From door' }).waitFor();
    await button(kitchen, 'Ring door').click();
    await shows(door, 'incoming');
    await button(door, 'Answer').click();
    await see(door, kitchen);
    await button(kitchen, 'Hang up').click();
    await button(kitchen, 'Close').click();
    await kitchen.locator('#history li', { hasText: /To door\s*Talked 0:\d\d/ }).waitFor();
    await shot(kitchen, 'missed');
  } finally {
    await windows.closeAll();
    await Person.leaveAll();
    await other.remove();
  }
});
