// SPDX-License-Identifier: Apache-2.0
// The client where there is no broker, or one that is no more than the test needs.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { Socket, createServer } from 'node:net';
import { test } from 'node:test';
import { Client } from '../src/client.js';
import { within } from './system/broker.mjs';
import { Person } from './system/people.mjs';

/** mqtt.js's own. */
const { generate, parser } = createRequire(createRequire(import.meta.url).resolve('mqtt'))('mqtt-packet');

test('an exception inside one delivery does not make the client deaf', async () => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  const client = new Client({ userID: 'bob', server: 'mqtt://127.0.0.1:1', whenOffline: 'fail' });
  client.addConnectionListener(new Proxy({}, {
    get() {
      throw new Error('a listener that cannot even be asked');
    },
  }));
  client.connect();
  assert.equal((await client.getSignalingManager().accept('x')).error, 'not_connected');
  assert.equal((await client.getSignalingManager().accept('y')).error, 'not_connected');
  assert.ok(reported.includes('a listener that cannot even be asked'));
  await client.close();
  delete globalThis.reportError;
});

test('what is sent waits for no acknowledgement', async (t) => {
  // A broker that lets everybody connect, and says nothing more.
  const broker = createServer((socket) => socket.once('data', () => socket.write(Uint8Array.of(0x20, 3, 0, 0, 0)))).listen(0, '127.0.0.1');
  t.after(() => broker.close());
  await once(broker, 'listening');
  const asked = new Promise((done) => {
    t.mock.method(Socket.prototype, 'setNoDelay', function setNoDelay(on) {
      if (this.remotePort === broker.address().port) done(on);
      return this;
    });
  });
  const client = new Client({ userID: 'bob', server: `mqtt://127.0.0.1:${broker.address().port}` });
  client.connect();
  assert.equal(await asked, true);
  await client.close();
});

test('who asks more than may wait is told how much that is', async () => {
  const client = new Client({ userID: 'bob', server: 'mqtt://127.0.0.1:1', maxWaiting: 1 });
  const waits = client.getSignalingManager().accept('x');
  const { error, code, limit } = await client.getSignalingManager().accept('y');
  assert.deepEqual([error, code, limit], ['too_many_waiting', 20194, 1]);
  await client.close();
  const { error: closed, limit: none } = await waits;
  assert.deepEqual([closed, none], ['closed', undefined]);
});

test('a reason that is empty is refused before anything is sent, and a closed client says so whatever it is asked', async () => {
  const client = new Client({ userID: 'bob', server: 'mqtt://127.0.0.1:1' });
  const signaling = client.getSignalingManager();
  for (const refused of [signaling.reject('x', '', ''), signaling.hangup('x', '', '')]) {
    const { error, field, message } = await refused;
    assert.deepEqual([error, field, message], ['invalid_request', 'reason', 'reason is empty']);
  }
  await client.close();
  for (const asked of [signaling.reject('x', '', ''), signaling.accept('no id'), client.getGroupManager().quitGroup('no id')]) {
    assert.equal((await asked).error, 'closed');
  }
});

/**
 * A person, and a broker that accepts them, answers their subscription with these codes, and publishes
 * what the test has it publish; with the topics that were subscribed to, and the `sync` that follows.
 */
async function alone(t, codes, options = {}) {
  const packets = new EventEmitter();
  const comes = (name) => {
    const packet = once(packets, name);
    return () => within(packet, name);
  };
  const [subscribe, sync] = ['subscribe', 'beckon/v1/user/bob/sync/bob'].map(comes);
  let tell;
  const broker = createServer((socket) => {
    tell = (packet) => socket.write(generate(packet, { protocolVersion: 5 }));
    const reader = parser({ protocolVersion: 5 }).on('packet', (packet) => {
      if (packet.cmd === 'connect') tell({ cmd: 'connack', reasonCode: 0 });
      if (packet.cmd === 'subscribe') tell({ cmd: 'suback', messageId: packet.messageId, granted: codes });
      packets.emit(packet.topic ?? packet.cmd, packet);
    });
    socket.on('error', () => {}).on('data', (bytes) => reader.parse(bytes));
  }).listen(0, '127.0.0.1');
  await once(broker, 'listening');
  const person = new Person(`mqtt://127.0.0.1:${broker.address().port}`, 'bob', options);
  t.after(() => Person.leaveAll().then(() => broker.close()));
  person.client.connect();
  const [{ subscriptions }] = await subscribe();
  return { person, sync, topics: subscriptions.map(({ topic }) => topic), publish: (topic, payload) => tell({ cmd: 'publish', topic, payload, qos: 0 }) };
}

test('what is for operators is subscribed to only by who wants it, and told by the last level of its topic', async (t) => {
  const { person, topics, publish } = await alone(t, [1, 1, 1, 1], { operatorNews: true });
  assert.deepEqual([topics.length, topics[3]], [4, 'beckon/v1/operator/+']);
  publish('beckon/v1/operator/counters', '{"open":1,"of":"ü"}');
  publish('beckon/v1/operator/refused', '{}');
  assert.deepEqual(await person.hears('onOperatorNews'), ['counters', '{"open":1,"of":"ü"}']);
  assert.deepEqual(await person.hears('onOperatorNews'), ['refused', '{}']);
  assert.equal(person.count('onNoOperator'), 0);
  assert.equal((await alone(t, [1, 1, 1])).topics.length, 3);
});

test('who is no operator is told so, and all else goes on', async (t) => {
  const { person, sync } = await alone(t, [1, 1, 1, 0x87], { operatorNews: true });
  await person.hears('onNoOperator');
  await sync();
});

test('without its status the client goes on, and without its inbox it does not', async (t) => {
  const { sync } = await alone(t, [1, 1, 0x87]);
  await sync();
  for (const codes of [[0x87, 1, 1], [1, 0x87, 1]]) {
    const { person } = await alone(t, codes);
    const [, why] = await person.hears('onConnectionStateChanged', (state) => state === 'disconnected');
    assert.equal(why, 'the broker refused the subscription to beckon/v1/inbox/bob/event');
  }
});

test('what the broker says of itself is told as it says it', async (t) => {
  const { person, publish } = await alone(t, [1, 1, 1, 1], { operatorNews: true });
  assert.deepEqual([person.client.brokerStatus, person.client.serverEpoch], ['', '']);
  publish('beckon/v1/status', '{"version":"0.1.0"}');
  publish('beckon/v1/operator/counters', '{}');
  await person.hears('onOperatorNews');
  assert.equal(person.client.brokerStatus, '{"version":"0.1.0"}');
});
