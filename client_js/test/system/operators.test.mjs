// SPDX-License-Identifier: Apache-2.0
// What only operators ask and hear, of a real broker.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Broker, plugin } from './broker.mjs';
import { Person } from './people.mjs';

const skip = plugin ? false : 'BECKON_PLUGIN names no plugin';
const broker = new Broker({ options: { operators: 'root' } });
before(async () => plugin && broker.start());
afterEach(() => Person.leaveAll());
after(() => broker.remove());

/** What `person` hears next of `what`. */
const news = async (person, what) => JSON.parse((await person.hears('onOperatorNews', (told) => told === what))[1]);

test('an operator hears what goes on, what is refused, and who is asked and absent', { skip }, async () => {
  const root = await Person.connected(broker.ws, 'root', { operatorNews: true });
  const alice = await Person.connected(broker.mqtt, 'alice');
  assert.ok('requests' in await news(root, 'counters'));
  assert.equal((await alice.signaling.accept('unheard-of')).error, 'unknown_invitation');
  const refused = await news(root, 'refused');
  assert.deepEqual([refused.user, refused.device, refused.error, refused.re], ['alice', alice.client.device, 'unknown_invitation', 'accept']);
  const { inviteID } = await alice.signaling.invite('nobody', 'wake up');
  const asked = await news(root, 'absent');
  assert.deepEqual([asked.id, asked.inviter, asked.invitees, asked.data], [inviteID, 'alice', ['nobody'], 'wake up']);
  assert.ok((await alice.signaling.cancel(inviteID)).ok);
  assert.equal((await news(root, 'absent')).state, 'cancelled');
  assert.equal(root.count('onNoOperator'), 0);
});

test('an operator asks who is online and what is open, page by page', { skip }, async () => {
  const [root, alice, bob, tablet] = await Promise.all(['root', 'alice', 'bob', 'bob'].map((user) => Person.connected(broker.mqtt, user)));
  const { users, ...result } = await root.operators.getOnlineUsers();
  assert.deepEqual([users, result.ok, result.device], [[{ userID: 'alice', devices: 1 }, { userID: 'bob', devices: 2 }, { userID: 'root', devices: 1 }], true, root.client.device]);
  // More than the 100 of one page.
  const made = [];
  for (const one of [alice, bob]) made.push(...Array.from({ length: 55 }, (_, number) => one.signaling.invite(`nobody-${number}`, '', { timeout: 60 })));
  const results = await Promise.all(made);
  assert.deepEqual(results.filter(({ ok }) => !ok), []);
  const { invitations } = await root.operators.getOpenInvitations();
  assert.deepEqual(invitations.map(({ inviteID }) => inviteID).sort(), results.map(({ inviteID }) => inviteID).sort());
  assert.deepEqual([...new Set(invitations.map(({ role, rev, open }) => `${role} ${rev} ${open}`))], ['observer 1 true']);
  assert.equal(tablet.count('onReceiveNewInvitation'), 0);
});

test('nobody else does, is told so, and goes on', { skip }, async () => {
  const alice = await Person.connected(broker.mqtt, 'alice', { operatorNews: true });
  await alice.hears('onNoOperator');
  const online = await alice.operators.getOnlineUsers();
  assert.deepEqual([online.error, online.code, online.users], ['wrong_sender', 8011, []]);
  const open = await alice.operators.getOpenInvitations();
  assert.deepEqual([open.error, open.invitations], ['wrong_sender', []]);
  // Where nothing was asked for, nothing is told.
  const bob = await Person.connected(broker.mqtt, 'bob');
  alice.signaling.invite('bob');
  await bob.hears('onReceiveNewInvitation');
  assert.deepEqual([alice, bob].map((one) => [one.count('onOperatorNews'), one.count('onNoOperator')]), [[0, 0], [0, 0]]);
});
