// SPDX-License-Identifier: Apache-2.0
// A user of the types: compiled, not run.
import { Client, type SignalingListener } from 'beckon-client';

declare const console: { log(...said: unknown[]): void };

const client = new Client({ userID: 'door', server: 'mqtt://127.0.0.1:1883' });
const signaling = client.getSignalingManager();
const listener: SignalingListener = {
  onReceiveNewInvitation: (inviteID, inviter) => void signaling.accept(inviteID, `hello ${inviter}`),
  onCallEnded: (inviteID, reason, durationMs) => console.log(inviteID, durationMs / 1000, reason),
  onSignalingEvent: ({ type, role, replaces }) => console.log(type === 'participantJoined', role === 'inviter', replaces.length),
};
signaling.addSignalingListener(listener);
client.connect();

const ring = signaling.invite('kitchen', Uint8Array.of(1), { call: true, timeout: 20, answer: 'first' });
const id: string = ring.inviteID;
const { ok, skipped, offline, more, mergedInto } = await ring;
console.log(id, ok, skipped.map(({ user }) => user), offline.join(), more + 1, mergedInto?.length);
const again = await signaling.invite('kitchen', '', { replace: true });
console.log(again.replacedBy?.length, (await signaling.cancel(again.inviteID)).more);
const { history, next } = await signaling.getHistory({ limit: 5 });
console.log(history[0]?.talkMs, history[0]?.inviteesLeftOut, next);
const [group] = await client.getGroupManager().getGroupsInfo(['flat']);
console.log(group?.info?.profile);
// @ts-expect-error: what cannot be is told
await signaling.invite('kitchen', '', { answer: 'last' });
await client.close();
