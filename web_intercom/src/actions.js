// SPDX-License-Identifier: Apache-2.0
// What one does: each is what a button says (`data-act`), with its argument.
import { contactsOf, bellRings, sentence } from './view.js';
import { nameOf, wordOf } from './contacts.js';
import { of_user } from './kept.js';
import { claim, client, gear, look, markSeen, note, noteAway, notice, noticeError, over, refreshGroups, resume, ringSeconds, signaling, signOut, start, state, t } from './intercom.js';
import { othersIn, situation } from './situation.js';

const most_remembered = 12;

export async function ring(users, group = '') {
  state.end = undefined;
  // Who rings the same again rings there once: also after this window was closed and opened again.
  const options = { call: true, timeout: ringSeconds(), answer: 'first', replace: true };
  const asked = group ? signaling.inviteInGroup(group, [], '', options) : signaling.inviteSeveral(users, '', options);
  claim(asked.inviteID);
  note(asked.inviteID, { users, group, again: () => ring(users, group) });
  look();
  const result = await asked;
  noteAway(asked.inviteID, result.offline);
  if (result.mergedInto) claim(result.mergedInto);
  else if (!result.ok && result.error !== 'withdrawn') over(asked.inviteID, { why: sentence(t, result) });
  look();
}

/** Rings somebody of no list, who is on it from then on. */
export function ringByName(user) {
  state.remembered = [user, ...state.remembered.filter((one) => one !== user)].slice(0, most_remembered);
  of_user.writeRemembered(state.me, state.remembered);
  return ring([user]);
}

export async function joinGroup(group) {
  const manager = client.getGroupManager();
  let result = await manager.joinGroup(group);
  if (result.error === 'unknown_group') result = await manager.createGroup(group);
  if (result.ok) notice('in_group', { group });
  else noticeError(result);
  refreshGroups();
}

/** Answers what rings or, when the bell was pressed again at that moment, what it rings on as. */
async function answerRing(inviteID, say) {
  const result = await say(inviteID);
  return result.replacedBy ? answerRing(result.replacedBy, say) : result;
}

async function answer() {
  const { incoming } = situation(state);
  if (!incoming) return;
  const result = await answerRing(incoming.inviteID, (inviteID) => {
    claim(inviteID);
    note(inviteID, { users: [incoming.inviter] });
    return signaling.accept(inviteID);
  });
  if (!result.ok) {
    claim(undefined);
    noticeError(result);
  } else if (!incoming.call) {
    over(state.mine, { what: 'ended_answered' });
  }
  look();
}

async function reject(inviteID, reason) {
  if (!inviteID) return;
  const result = await answerRing(inviteID, (one) => signaling.reject(one, '', reason));
  if (!result.ok) noticeError(result);
  look();
}

async function hangup() {
  const { call, outgoing } = situation(state);
  if (call) {
    const { inviteID, callDurationMs } = call;
    const result = await signaling.hangup(inviteID);
    if (!result.ok) {
      noticeError(result);
    } else if (call.participants.length > 2) {
      // Others talk on: no event tells that to who did it.
      state.left = inviteID;
      over(inviteID, { what: 'ended_left', ms: callDurationMs });
    }
  } else if (outgoing) {
    await signaling.cancel(outgoing.inviteID);
  }
  look();
}

async function cancel(inviteID) {
  const result = await signaling.cancel(inviteID);
  if (!result.ok) noticeError(result);
  look();
}

async function answerInstead() {
  await hangup();
  await answer();
}

/** A word to the door, now or never: one that came late would open it to nobody knows whom. */
async function openDoor(user) {
  const result = await client.sendC2CTextMessage(wordOf(state.contacts, user), user, { onlineUserOnly: true });
  if (result.ok) notice('told_to_open', { users: [user] });
  else notice('not_told_to_open', { users: [user], why: sentence(t, result) });
}

/** Whom one may add: of a group its members, else those whom one rings; nobody who was asked already. */
export async function peopleToAdd() {
  const { call } = situation(state);
  if (!call) return undefined;
  const members = call.groupID ? (await client.getGroupManager().getGroupMemberList(call.groupID)).members : undefined;
  const asked = [state.me, call.inviter, ...call.inviteeList, ...othersIn(call, state.me)];
  const people = members?.map(({ userID }) => ({ id: userID, name: nameOf(state.contacts, userID) })) ?? contactsOf(state).filter(({ group }) => !group);
  return { people: people.filter(({ id }) => !asked.includes(id)), of_group: Boolean(call.groupID) };
}

export async function add(user) {
  const { call } = situation(state);
  if (!call) return;
  const result = await signaling.addInvitees(call.inviteID, [user], { timeout: ringSeconds() });
  noteAway(call.inviteID, result.offline);
  const [error] = result.ok ? result.skipped : [result];
  if (error) notice('did_not_come', { users: [user], why: sentence(t, error) });
  look();
}

function close() {
  state.end = undefined;
  look();
}

const incomingID = () => situation(state).incoming?.inviteID;

/** By the name that a button has for it: `(arg, isGroup)`. */
export const actions = {
  answer,
  decline: () => reject(incomingID(), 'declined'),
  'say-busy': () => reject(incomingID(), 'busy'),
  'say-busy-to': (inviteID) => reject(inviteID, 'busy'),
  'answer-instead': answerInstead,
  hangup,
  'cancel-that': cancel,
  resume,
  ring: (id, isGroup) => (isGroup ? ring([], id) : ring([id])),
  'ring-all': (users) => ring(users.split(',')),
  bell: () => {
    const { users, group } = bellRings(state);
    return ring(users, group);
  },
  'open-door': openDoor,
  mic: () => gear.toggle('audio'),
  camera: () => gear.toggle('video'),
  allow: () => gear.allow(),
  add,
  again: () => state.end?.again?.(),
  close,
  seen: markSeen,
  'sign-in': (userID) => start({ userID, password: document.getElementById('password').value }, { stays: document.getElementById('stays').checked, typed: true }),
  'sign-out': signOut,
};
