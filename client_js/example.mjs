// SPDX-License-Identifier: Apache-2.0
//
//   node example.mjs ME [USER]
//
// Accepts whatever rings, and calls somebody if it is told to; who called hangs up after a second.
import process from 'node:process';
import { Client } from 'beckon-client';

const [me, whom] = process.argv.slice(2);
const client = new Client({ userID: me, server: process.env.BROKER ?? 'mqtt://127.0.0.1:18830' });
const signaling = client.getSignalingManager();
signaling.addSignalingListener({
  onReceiveNewInvitation(inviteID, inviter) {
    console.log(`${inviter} rings`);
    signaling.accept(inviteID);
  },
  onInviteeAccepted(inviteID, invitee) {
    console.log(`${invitee} accepted`);
    setTimeout(() => signaling.hangup(inviteID), 1000);
  },
  onCallEnded(inviteID, reason, durationMs) {
    console.log(`talked for ${durationMs / 1000} s`);
    client.close();
  },
});
client.connect();
if (whom) {
  const { ok, message } = await signaling.invite(whom, 'front door', { call: true });
  console.log(ok ? `ringing ${whom}` : message);
}
