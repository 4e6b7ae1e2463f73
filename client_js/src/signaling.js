// SPDX-License-Identifier: Apache-2.0
import { ask, checked, data, id, ids, present, reason, timeout, toResult, word } from './arguments.js';

/** The events of the wire, and the one call of the listener API for the same. */
const mapped = {
  new_invitation: ['newInvitation', (tell, { id: inviteID, role, inviter, group = '', body }) =>
    role === 'invitee' && tell('onReceiveNewInvitation', inviteID, inviter, group, body.invitees, body.data ?? '')],
  invitee_accepted: ['inviteeAccepted', (tell, { id: inviteID, body }) => tell('onInviteeAccepted', inviteID, body.invitee, body.data ?? '')],
  invitee_rejected: ['inviteeRejected', (tell, { id: inviteID, body }) => tell('onInviteeRejected', inviteID, body.invitee, body.data ?? '')],
  invitation_cancelled: ['invitationCancelled', cancelOurs],
  // The mapped API knows no other word for an end that nobody chose.
  invitation_revoked: ['invitationRevoked', cancelOurs],
  invitation_timeout: ['invitationTimeout', (tell, { id: inviteID, body }) => tell('onInvitationTimeout', inviteID, body.invitees)],
  invitation_modified: ['invitationModified', (tell, { id: inviteID, body }) => body.data !== undefined && tell('onInvitationModified', inviteID, body.data)],
  invitee_ringing: ['inviteeRinging', (tell, { id: inviteID, body }) => tell('onInviteeRinging', inviteID, body.invitee)],
};

function cancelOurs(tell, { id: inviteID, inviter, ends_ours, body }) {
  if (ends_ours) tell('onInvitationCancelled', inviteID, inviter, body.data ?? '');
}

const doneBy = ({ id: inviteID, by = '', by_device = '' }) => ({ inviteID, by, byDevice: by_device });
const howItAsks = ({ call, answer, visibility, online_only }) => ({ call, answer, visibility, onlineUserOnly: online_only });
const leftOf = (remaining_ms) => (remaining_ms > 0 ? remaining_ms : undefined);

/** What `onSignalingEvent` tells. */
const toEvent = (type, news, { invitees, data: said = '', reason = '', replaces = [], ...of_some }) => ({
  type, ...doneBy(news), inviter: news.inviter, groupID: news.group ?? '', role: news.role, rev: news.rev, here: news.here, assumed: news.assumed,
  invitees, data: said, reason, replaces, ...present({ remainingMs: leftOf(news.remaining_ms), ...of_some }),
});

export function toSignalingInfo(info) {
  const { participants = [], more = 0, duration_ms = 0, reason: callReason = '' } = info.call_state ?? {};
  return {
    inviteID: info.id, inviter: info.inviter, groupID: info.group ?? '',
    inviteeList: info.invitees.map(({ user }) => user), data: info.data ?? '', ...howItAsks(info),
    role: info.role, open: info.state === 'open',
    invitees: info.invitees.map(({ user, state, ringing, device = '', data: said = '', reason = '' }) => ({ user, state, ringing, device, data: said, reason })),
    inviteesLeftOut: info.invitees_left_out ?? 0, answersLeftOut: info.answers_left_out ?? false,
    participants, participantsLeftOut: more, callDurationMs: duration_ms, callReason, here: info.here ?? false, devices: info.devices ?? {},
    ...present({ remainingMs: leftOf(info.remaining_ms), rev: info.rev }),
  };
}

const withInvite = (inviteID) => (outcome) => {
  const { skipped = [], offline = [], more = 0, state, remaining_ms, merged_into: mergedInto } = outcome.reply ?? {};
  return { ...toResult(outcome), inviteID, skipped, offline, more, open: state !== 'ended', ...present({ remainingMs: leftOf(remaining_ms), mergedInto }) };
};

/** Invites, answers and ends invitations, and the calls that come of them. See beckon.d.ts. */
export class SignalingManager {
  #engine;
  #seq = Math.floor(Math.random() * 2 ** 40);

  constructor(engine) {
    this.#engine = engine;
  }

  addSignalingListener(listener) {
    this.#engine.signaling_listeners.add(listener);
  }
  removeSignalingListener(listener) {
    this.#engine.signaling_listeners.delete(listener);
  }

  /** Makes the call that `read` reads; its result is what `convert` makes of the outcome. */
  #ask(read, convert = toResult) {
    return ask(this.#engine, read, convert);
  }

  #invites(kind, about, body) {
    const inviteID = this.#engine.randomId();
    const asked = this.#ask(() => ({ kind, about: about(), body: { ...body(), id: inviteID } }), withInvite(inviteID));
    return Object.assign(asked, { inviteID });
  }

  #options(said, { timeout: seconds = 30, onlineUserOnly = false, answer = 'all', visibility, keepWhenInviterLost = false, call = false, replace = false }) {
    return {
      data: data(said), timeout_ms: timeout(seconds), answer: word(answer, 'answer', ['all', 'first']), call: Boolean(call),
      online_only: Boolean(onlineUserOnly), on_inviter_lost: keepWhenInviterLost ? 'keep' : 'cancel',
      ...(visibility && { visibility: word(visibility, 'visibility', ['members', 'invitees', 'inviter']) }),
      ...(replace && { replace: true }),
    };
  }

  invite(invitee, said = '', options = {}) {
    return this.inviteSeveral([invitee], said, options);
  }

  inviteSeveral(inviteeList, said = '', options = {}) {
    const users = () => {
      const all = ids(inviteeList, 'invitee');
      // In the first place the broker refuses the user's own name, elsewhere it skips it.
      const first = Math.max(all.findIndex((user) => user !== this.#engine.user), 0);
      return [id(all[first], 'invitee'), ...all.filter((_, at) => at !== first)];
    };
    return this.#invites('invite', () => users()[0], () => ({ ...this.#options(said, options), also: users().slice(1) }));
  }

  inviteInGroup(groupID, inviteeList = [], said = '', options = {}) {
    return this.#invites('group_invite', () => id(groupID, 'group'), () => ({
      ...this.#options(said, options), invitees: inviteeList.length > 0 ? ids(inviteeList, 'invitees') : undefined,
    }));
  }

  cancel(inviteID, said = '', invitees = []) {
    const body = () => ({ data: data(said), invitees: invitees.length > 0 ? ids(invitees, 'invitees') : undefined });
    return this.#ask(() => ({ kind: 'cancel', about: id(inviteID, 'id'), body: body() }), (outcome) => ({
      ...toResult(outcome), cancelled: outcome.reply?.cancelled ?? [], already: outcome.reply?.already ?? [], more: outcome.reply?.more ?? 0,
    }));
  }

  accept(inviteID, said = '') {
    return this.#ask(() => ({ kind: 'accept', about: id(inviteID, 'id'), body: { data: data(said) } }));
  }

  reject(inviteID, said = '', why = 'declined') {
    return this.#ask(() => ({ kind: 'reject', about: id(inviteID, 'id'), body: { data: data(said), reason: reason(why) } }));
  }

  modifyInvitation(inviteID, said) {
    return this.#ask(() => ({ kind: 'modify', about: id(inviteID, 'id'), body: { data: data(said) ?? '' } }));
  }

  addInvitees(inviteID, inviteeList, { timeout: seconds = 30 } = {}) {
    return this.#ask(
      () => ({ kind: 'add', about: id(inviteID, 'id'), body: { invitees: ids(inviteeList, 'invitees'), timeout_ms: timeout(seconds) } }),
      withInvite(inviteID),
    );
  }

  getSignalingInfo(inviteID) {
    return this.#ask(() => ({ kind: 'get', about: id(inviteID, 'id'), body: {} }), (outcome) => ({
      ...toResult(outcome), info: outcome.reply?.invitation ? toSignalingInfo(outcome.reply.invitation) : undefined,
    }));
  }

  ringing(inviteID) {
    return this.#ask(() => ({ kind: 'ringing', about: id(inviteID, 'id'), body: {} }));
  }

  getPendingInvitations() {
    return this.#engine.open().map(toSignalingInfo);
  }

  // ----------------------------------------------------------------------- calls

  signal(inviteID, said, to = undefined) {
    return this.#ask(() => ({
      kind: 'signal', about: id(inviteID, 'id'),
      body: { to: to === undefined ? undefined : id(to, 'to'), seq: this.#seq++, data: data(said) ?? '' },
    }));
  }

  hangup(inviteID, said = '', why = 'hangup', all = false) {
    return this.#ask(() => ({ kind: 'hangup', about: id(inviteID, 'id'), body: { data: data(said), reason: reason(why), all: Boolean(all) } }));
  }

  join(inviteID, said = '') {
    return this.#ask(() => ({ kind: 'join', about: id(inviteID, 'id'), body: { data: data(said) } }));
  }

  resume(inviteID) {
    return this.#ask(() => ({ kind: 'resume', about: id(inviteID, 'id'), body: {} }));
  }

  async setBusy(busy, said = '') {
    return toResult(checked(() => {
      const as = { data: data(said), reason: 'busy' };
      return this.#engine.setBusy(busy ? as : undefined);
    }));
  }

  getHistory({ limit, before } = {}) {
    return this.#ask(() => ({ kind: 'history', about: this.#engine.user, body: { limit, before } }), (outcome) => ({
      ...toResult(outcome), next: outcome.reply?.next,
      history: (outcome.reply?.history ?? []).map(({ id: inviteID, inviter, group = '', invitees, invitees_left_out = 0, reason, role, missed = false, age_ms, ring_ms, talk_ms }) => ({
        inviteID, inviter, groupID: group, invitees: invitees.map(({ user, state, reason: why = '' }) => ({ user, state, reason: why })),
        inviteesLeftOut: invitees_left_out, reason, role, missed, ageMs: age_ms, ringMs: ring_ms, talkMs: talk_ms,
      })),
    }));
  }

  // ---------------------------------------------------------------------- hearing

  /** The news of the inbox, to the listeners. For the client alone. */
  hear(news) {
    const tell = (...call) => this.#engine.tell(this.#engine.signaling_listeners, ...call);
    if (news.news === 'heard') {
      this.#hearEvent(news, tell);
    } else if (news.news === 'busy') {
      tell('onRejectedAsBusy', news.id, news.inviter, news.group ?? '', news.data ?? '');
    } else if (news.news === 'ended') {
      this.#hearEnd(news, tell);
    } else {
      this.#hearOfCall(news, tell);
    }
  }

  #hearEvent(news, tell) {
    const { body } = news;
    const [type, toMapped] = mapped[body.event];
    const { data: said, reason, replaces } = body;
    const invitees = body.invitees ?? (body.invitee === undefined ? [] : [body.invitee]);
    const asks = body.event === 'new_invitation' ? { ...howItAsks(body), more: body.more ?? 0 } : {};
    tell('onSignalingEvent', toEvent(type, news, { invitees, data: said, reason, replaces, ...asks }));
    toMapped(tell, news);
  }

  #hearEnd(news, tell) {
    const { state, reason, here, assumed } = news;
    // No event said so, so those who know the mapped API alone would ring on.
    if (state === undefined) tell('onInvitationCancelled', news.id, news.inviter, '');
    tell('onInvitationEnded', { ...doneBy(news), state, reason, here, assumed });
  }

  #hearOfCall(news, tell) {
    const { id: inviteID, user, seq, duration_ms: durationMs, data: said = '', reason = '' } = news;
    const [type, ...call] = {
      signal: ['signal', 'onSignal', inviteID, user, said],
      participant_joined: ['participantJoined', 'onParticipantJoined', inviteID, user, said],
      participant_left: ['participantLeft', 'onParticipantLeft', inviteID, user, reason, said],
      participant_moved: ['participantMoved', 'onParticipantMoved', inviteID, user],
      call_ended: ['callEnded', 'onCallEnded', inviteID, reason, durationMs, said],
    }[news.news];
    tell('onSignalingEvent', toEvent(type, news, { invitees: user === undefined ? [] : [user], data: said, reason, seq, durationMs }));
    tell(...call);
  }
}
