// SPDX-License-Identifier: Apache-2.0
// The client where there is no broker.
import assert from 'node:assert/strict';
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
