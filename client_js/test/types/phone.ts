// SPDX-License-Identifier: Apache-2.0
// A user of the types: compiled, not run.
import { Client, type SignalingListener } from 'beckon-client';

declare const console: { log(...said: unknown[]): void };

const client = new Client({ userID: 'door', server: 'mqtt://127.0.0.1:1883', operatorNews: true });
const signaling = client.getSignalingManager();
const listener: SignalingListener = {
  onReceiveNewInvitation: (inviteID, inviter) => void signaling.accept(inviteID, `hello ${inviter}`),
  onCallEnded: (inviteID, reason, durationMs) => console.log(inviteID, durationMs / 1000, reason),
  onSignalingEvent: ({ type, role, replaces, rev, seq, visibility }) => console.log(type === 'participantJoined', role === 'inviter', replaces.length, rev + (seq ?? 0), visibility === 'members'),
};
signaling.addSignalingListener(listener);
client.connect();

const ring = signaling.invite('kitchen', Uint8Array.of(1), { call: true, timeout: 20, answer: 'first' });
const id: string = ring.inviteID;
const { ok, skipped, offline, more, mergedInto, remainingMs, open, device, dup, rev } = await ring;
console.log(id, ok, skipped.map(({ user }) => user), offline.join(), more + 1, mergedInto?.length, (remainingMs ?? 0) / 1000, open || dup, device.length, rev ?? 1);
const again = await signaling.invite('kitchen', '', { replace: true });
console.log(again.replacedBy?.length, (await signaling.cancel(again.inviteID)).more);
const { history, next } = await signaling.getHistory({ limit: 5 });
console.log(history[0]?.talkMs, history[0]?.inviteesLeftOut, next);
client.getGroupManager().addGroupListener({ onGroupEvent: ({ event, members, change }) => console.log(event === 'member_left', members.length, change.owner) });
const operators = client.getOperatorManager();
operators.addOperatorListener({ onOperatorNews: (what, json) => console.log(what.length, JSON.parse(json)), onNoOperator: () => console.log('none') });
console.log((await operators.getOnlineUsers()).users[0]?.devices, (await operators.getOpenInvitations()).invitations[0]?.inviteesLeftOut, client.serverEpoch.length, client.brokerStatus.length);
const [group] = await client.getGroupManager().getGroupsInfo(['flat']);
console.log(group?.info?.profile);
// @ts-expect-error: what cannot be is told
await signaling.invite('kitchen', '', { answer: 'last' });
await client.close();
