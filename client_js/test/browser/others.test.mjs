// SPDX-License-Identifier: Apache-2.0
// The web intercom and others: clients that are no page, and a broker that comes and goes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Broker, within } from '../system/broker.mjs';
import { Person } from '../system/people.mjs';
import { button, intercoms, isOnline, moves, says, see, shows, skip } from './windows.mjs';

const there = intercoms();

test('who has neither camera nor page can be talked with all the same', { skip }, async () => {
  const kitchen = await there.windows.of('kitchen');
  const door = await Person.connected(there.broker.mqtt, 'door');
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
  const kitchen = await there.windows.of('kitchen');
  const button_at_the_door = await Person.connected(there.broker.mqtt, 'door');
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
    const process = spawn(join(examples, program), ['--server', there.broker.mqtt, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
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
    const kitchen = await there.windows.of('kitchen');
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
    const [door, kitchen] = [await there.windows.of('door', { at: other }), await there.windows.of('kitchen', { at: other })];
    const restart = async () => {
      await other.kill();
      await Promise.all([door, kitchen].map((page) => page.locator('#link', { hasText: 'no connection' }).waitFor()));
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
    await there.windows.closeAll();
    await other.remove();
  }
});

test('what was missed, and how long one talked, stands in the list of calls', { skip }, async () => {
  const other = await new Broker({ options: { store: '{dir}/beckon.db' } }).start();
  try {
    const [door, kitchen] = [await there.windows.of('door', { at: other, more: '&ring=1' }), await there.windows.of('kitchen', { at: other })];
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
  } finally {
    await there.windows.closeAll();
    await Person.leaveAll();
    await other.remove();
  }
});
