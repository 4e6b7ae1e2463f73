// SPDX-License-Identifier: Apache-2.0
// The client where there is no broker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket, createServer } from 'node:net';
import { test } from 'node:test';
import { Client } from '../src/client.js';

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
