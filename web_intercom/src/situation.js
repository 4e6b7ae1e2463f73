// SPDX-License-Identifier: Apache-2.0
// What there is to show, of all that is open for this user. Pure.

const isPending = ({ invitees }) => invitees.some(({ state }) => state === 'pending');
const isAccepted = ({ invitees }) => invitees.some(({ state }) => state === 'accepted');

/**
 * `open` are the client's pending invitations; `mine` is the one that this window rings, answered or talks
 * in; `left` a call that it has left and others go on with.
 */
export function situation({ open, me, mine, left }) {
  const asksMe = ({ role, invitees }) => role === 'invitee' && invitees.some(({ user, state }) => user === me && state === 'pending');
  const talks = open.filter(({ inviteID, participants }) => participants.includes(me) && inviteID !== left);
  const call = talks.find(({ here }) => here);
  const outgoing = open.find((one) => one.inviteID === mine && one.role === 'inviter' && !talks.includes(one) && isPending(one));
  const ringing = open.filter((one) => asksMe(one) && one !== call);
  return {
    call,
    outgoing,
    resumable: talks.find(({ inviteID, here }) => inviteID === mine && !here),
    elsewhere: talks.filter(({ here }) => !here),
    // What another window, or another panel, of the same user rings.
    rung_elsewhere: open.filter((one) => one.inviteID !== mine && one.role === 'inviter' && isPending(one) && !(one.call && isAccepted(one))),
    incoming: ringing.find(({ inviteID }) => inviteID !== mine) ?? ringing[0],
  };
}

/** The invitation that has the screen: the call here, else what this window rings, else who rings. */
export const shownOf = ({ call, outgoing, incoming }) => call ?? outgoing ?? incoming;

export const othersIn = ({ participants }, me) => participants.filter((user) => user !== me);

/**
 * Who may be seen and heard: who talks, with the device that talks; before that whoever is rung or rings,
 * a stranger only when the call is answered (`mayBeSeen`).
 */
export function isWanted({ call, outgoing, incoming }, { user, device }, mayBeSeen) {
  const isPendingIn = (info) => info.invitees.some((one) => one.user === user && one.state === 'pending');
  if (call) {
    if (call.participants.includes(user)) return (call.devices[user] || device) === device;
    return call.role === 'inviter' && isPendingIn(call);
  }
  if (outgoing) return isPendingIn(outgoing);
  return incoming?.inviter === user && mayBeSeen(user);
}
