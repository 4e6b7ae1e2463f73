// SPDX-License-Identifier: Apache-2.0
// What one device knows of the invitations and calls of its user, and makes of what the broker
// delivers: lost, doubled or late, the application hears each event and each end once, and nothing
// rings on that has ended (contract, sections 3, 4, 6 and 7).
//
//   event       ─┐                            ┌─► heard, ended, call_ended   to the application
//   sync, get    ├─► what is known, by `rev` ─┤
//   own replies ─┘                            └─► unsure  ask `get`; doubtful  ask `sync`
//
// The same rules as core/inbox.cpp. No I/O, no clock: time is an argument, in milliseconds.
import { placeOf } from './wire.js';

/** The broker tells a timeout when it is due; only when it is late by this much is something wrong. */
const late = 3_000;
/** How long `get` may take to tell how it ended. */
const until_told = 5_000;
/** How often to ask for what has no deadline. */
const now_and_then = 300_000;

const order = ['pending', 'accepted', 'rejected', 'cancelled', 'timed_out', 'revoked'];

/** The latest of the keys that were put in; the oldest are forgotten. */
export class Remembered {
  #most;
  #numbers = new Map(); // in the order in which they were put in
  #last = 0;
  #mark = 0;

  constructor(most = 4096) {
    this.#most = most;
  }

  /** Whether it was new. */
  insert(key) {
    const is_new = !this.#numbers.delete(key);
    this.#numbers.set(key, ++this.#last);
    if (this.#numbers.size > this.#most) this.#numbers.delete(this.#numbers.keys().next().value);
    return is_new;
  }
  erase(key) {
    this.#numbers.delete(key);
  }
  has(key) {
    return this.#numbers.has(key);
  }
  /** Older is what was put in before. */
  mark() {
    this.#mark = this.#last;
    return this.#mark;
  }
  hasOlder(key) {
    return this.#numbers.get(key) <= this.#mark;
  }
  /** What was put in before an earlier mark. */
  moveOlder(to, mark) {
    for (const [key, number] of this.#numbers) {
      if (number > mark) break;
      to.insert(key);
      this.#numbers.delete(key);
    }
  }
}

const partOf = (info, user) => info.invitees.find((part) => part.user === user);
const anyonePending = (info) => info.invitees.some((part) => part.state === 'pending');
const list = (info, user) => {
  if (!partOf(info, user)) info.invitees.push({ user, state: 'pending', ringing: false });
};
const makesInvitation = (kind) => kind === 'invite' || kind === 'group_invite';
/** The refusals that say that an invitation is not as was thought. */
const notAsThought = [8010, 8011];

export class Inbox {
  #me;
  #device;
  #server_epoch = '';
  /** By id: what is open, or owed to the application. */
  #held = new Map();
  /** Ended for all: whatever still comes of them is late. */
  #ended = new Remembered();
  /** Likewise, before the broker was started anew; it may have lost them, and they may be made anew. */
  #ended_before = new Remembered();
  /** What had ended when the first sync was sent that the present start may answer. */
  #first_sync = 0;
  /** Into the calls of these, which are not held, this user has come. */
  #returned = new Set();
  /** The end of the calls of these was told: nobody comes into them any more. */
  #calls_over = new Remembered();
  /** Own invitations of which nothing is to be told. */
  #disowned = new Remembered();
  /** Signals that were told. */
  #signals = new Remembered();

  constructor(me) {
    this.#me = me;
  }

  /** The tag by which this device knows its own echo; every reply tells it. */
  setDevice(device) {
    this.#device = device;
  }

  // ---------------------------------------------------------------- what is held

  #isOwn(by, by_device) {
    return by === this.#me && by_device !== undefined && by_device === this.#device;
  }

  #ownPart(info) {
    return info.role === 'invitee' ? partOf(info, this.#me) : undefined;
  }

  /** Somebody is pending: an invitee itself, for anyone else any. */
  #asksUs(info) {
    return info.role === 'invitee' ? partOf(info, this.#me)?.state === 'pending' : anyonePending(info);
  }

  #over(held) {
    const own = this.#ownPart(held.info);
    return own ? own.state !== 'pending' : !anyonePending(held.info);
  }

  #hold(info) {
    const held = {
      info: structuredClone(info),
      /** The invitee's own; for the inviter the last. */
      deadline: undefined,
      /** When to look whether it ended without news. */
      look: undefined,
      /** The broker has said that it exists. */
      confirmed: false,
      /** The application knows of it, and is owed its end. */
      announced: false,
      end_told: false,
      /** Its end was taken for a timeout while the broker was out of reach. */
      assumed: false,
      /** This device asked to cancel it. */
      cancelling: false,
      /** An event is missing: `get` is asked, and nothing is over before it tells. */
      gap: false,
      /** All other members of the group are asked: `get` tells who they are. */
      unlisted: false,
      /** It was time to look, and `get` was asked. */
      looked: false,
      /** Not yet told by the present sync. */
      missing: false,
      /** Known before the first sync that the present start of the broker may answer. */
      before: false,
      /** Known from an earlier start of the broker. */
      earlier: false,
      /** The rev of the last event since that first sync: what a page tells may be older. */
      heard: undefined,
      /** What ended it for this user. */
      ending: {},
      /** The call that came of it, while this user takes part: who talks on which device, since when. */
      talk: undefined,
      talk_over: false,
      /** When this device heard of the first who accepted. */
      since: undefined,
    };
    this.#held.set(info.id, held);
    return held;
  }

  #setDeadline(held, remaining_ms, now) {
    held.deadline = remaining_ms === undefined ? undefined : now + remaining_ms;
    held.looked = false;
    held.look = held.deadline === undefined ? now + now_and_then : held.deadline + late;
  }

  /** Of the broker that spoke last; empty: none has. */
  get server_epoch() {
    return this.#server_epoch;
  }

  holds(id) {
    return this.#held.has(id);
  }

  #isPast(id) {
    return this.#ended.has(id) || this.#disowned.has(id);
  }

  /** An invitation of this device's own that the broker was heard to have made: how it stands. */
  made(id) {
    if (this.#ended.has(id)) return 'ended';
    const held = this.#held.get(id);
    if (!held?.confirmed) return undefined;
    return held.unlisted || anyonePending(held.info) ? 'open' : 'ended';
  }

  #remaining(held, now) {
    return held.deadline === undefined || this.#over(held) ? undefined : Math.max(held.deadline - now, 0);
  }

  /** What is open for this user and known to the broker, calls included, times as of `now`. */
  open(now) {
    return [...this.#held.values()]
      .filter((held) => held.confirmed && ((anyonePending(held.info) && !held.assumed) || held.unlisted || held.talk))
      .map((held) => {
        const { remaining_ms: _, call_state: __, ...info } = structuredClone(held.info);
        const remaining_ms = this.#remaining(held, now);
        if (remaining_ms !== undefined) info.remaining_ms = remaining_ms;
        if (held.talk) {
          const { since, devices } = held.talk;
          info.call_state = { participants: [...devices.keys()], duration_ms: Math.max(now - since, 0) };
          info.here = devices.get(this.#me) === this.#device;
          info.devices = Object.fromEntries(devices);
        }
        return info;
      });
  }

  // ------------------------------------------------------- what this device asks

  /** An invitation of its own is on its way. */
  inviting(kind, about, body) {
    if (this.#held.has(body.id)) return;
    const users = kind === 'invite' ? [about, ...(body.also ?? [])] : (body.invitees ?? []);
    const info = {
      id: body.id, inviter: this.#me, group: kind === 'invite' ? undefined : about, data: body.data,
      call: body.call ?? false, answer: body.answer ?? 'all', online_only: body.online_only ?? false,
      visibility: body.visibility ?? (kind === 'invite' ? 'invitees' : 'members'),
      rev: 1, state: 'open', role: 'inviter', invitees: [],
    };
    for (const user of users) list(info, user);
    const held = this.#hold(info);
    held.info.inviter_device = this.#device;
    held.unlisted = held.gap = users.length === 0;
  }

  /** It came to nothing: nobody has heard of it. */
  notInvited(id) {
    if (this.#held.get(id)?.confirmed === false) this.#held.delete(id);
  }

  /** It failed for its caller, though it may have been made: what comes of it is not told. */
  disown(id) {
    if (this.#held.get(id)?.announced) return;
    this.#held.delete(id);
    this.#disowned.insert(id);
  }

  /** A cancel of its own, of all who are pending, is on its way (or is not, after all). */
  cancelling(id, on_its_way) {
    const held = this.#held.get(id);
    if (held) held.cancelling = on_its_way;
  }

  // --------------------------------------------------------------------- changes

  /** What is told of whatever happened to it. */
  #of(held, { by, by_device, here = false, assumed = false }, now) {
    const { id, inviter, group, role, rev } = held.info;
    return { id, inviter, group, role, rev, by, by_device, here, assumed, remaining_ms: this.#remaining(held, now) };
  }

  #tell(held, body, cause, now, news) {
    const { role } = held.info;
    news.push({
      news: 'heard', ...this.#of(held, cause, now), body,
      // This user is among those whom it ends or, the inviter, is left with nobody.
      ends_ours: ['invitation_cancelled', 'invitation_revoked'].includes(body.event) &&
        ((role === 'invitee' && body.invitees.includes(this.#me)) ||
          (role === 'inviter' && held.info.invitees.every(({ state }) => state !== 'pending' && state !== 'accepted'))),
    });
  }

  /** What each event writes; what is news of it is told. */
  #apply(held, event, cause, now, news) {
    const was_over = this.#over(held) && !held.unlisted;
    let { reason } = cause;
    const answer = event.event === 'invitee_accepted' || event.event === 'invitee_rejected';
    if (event.reason !== undefined) reason = event.reason;
    // Those who were pending and are not now: only they are news.
    const end = (users, state, data) => users.filter((user) => {
      list(held.info, user);
      const part = partOf(held.info, user);
      if (part.state !== 'pending') return false;
      Object.assign(part, { state, data, device: answer ? cause.by_device : undefined, reason });
      return true;
    });
    let told;
    switch (event.event) {
      case 'invitee_accepted':
        if (end([event.invitee], 'accepted', event.data).length > 0) {
          told = event;
          this.#joins(held, event.invitee, now, news);
        }
        break;
      case 'invitee_rejected':
        if (end([event.invitee], 'rejected', event.data).length > 0) told = event;
        break;
      case 'invitation_modified':
        if (event.data !== undefined) held.info.data = event.data;
        for (const user of event.invitees ?? []) list(held.info, user);
        told = event;
        break;
      default: {
        const state = { invitation_cancelled: 'cancelled', invitation_revoked: 'revoked', invitation_timeout: 'timed_out' }[event.event];
        const invitees = end(event.invitees, state, event.data);
        if (invitees.length > 0) told = { ...event, invitees };
      }
    }
    if (!was_over && this.#over(held)) held.ending = { ...cause, reason };
    // Once the application has taken it for over, only answers are news.
    if (told && !cause.here && (!held.assumed || answer)) this.#tell(held, told, cause, now, news);
  }

  /** Takes out who is thought to be pending and was never asked. */
  #skip(held, skipped) {
    const was_over = this.#over(held);
    held.info.invitees = held.info.invitees.filter(({ user, state }) => state !== 'pending' || !skipped(user));
    if (was_over || !this.#over(held)) return;
    // So another's end was the last, and was told as it came.
    for (const { user, state, device, reason } of held.info.invitees) {
      const answer = state === 'accepted' || state === 'rejected';
      held.ending = { by: answer ? user : undefined, by_device: device, reason };
    }
  }

  /** After each change: tells the end, once, and forgets what nobody waits for. */
  #settle(held, now, news) {
    // After a gap, only the user's own end is certain: others may have been added.
    if (!this.#over(held) || (held.gap && !this.#ownPart(held.info))) return;
    this.#tellEnd(held, news);
    if (held.gap || held.assumed) return;
    held.look = held.talk ? now + now_and_then : undefined;
    // With visibility `inviter` an invitee hears no more of it.
    const hears_no_more = held.info.role === 'invitee' && held.info.visibility === 'inviter';
    if (!held.talk && (!anyonePending(held.info) || hears_no_more)) {
      this.#ended.insert(held.info.id);
      this.#held.delete(held.info.id);
    }
  }

  #tellEnd(held, news) {
    if (!held.announced || held.end_told) return;
    held.end_told = true;
    const own = this.#ownPart(held.info);
    let state = own?.state ?? (held.assumed ? 'timed_out' : undefined);
    for (const part of held.info.role === 'invitee' ? [] : held.info.invitees) {
      if (part.state === 'pending') continue;
      if (state === undefined || order.indexOf(part.state) < order.indexOf(state)) state = part.state;
    }
    const { by, by_device, reason = '', here = false } = held.ending;
    news.push({ news: 'ended', id: held.info.id, inviter: held.info.inviter, state, reason, by, by_device, here, assumed: held.assumed });
  }

  // ----------------------------------------------------------------------- calls

  /** `user` has accepted: who did talks with the inviter, when it is a call. */
  #joins(held, user, now, news) {
    const { info } = held;
    if (!info.call || held.talk_over) return;
    const had_begun = held.since !== undefined;
    held.since ??= now;
    if (info.inviter !== this.#me && partOf(info, this.#me)?.state !== 'accepted') return;
    held.talk ??= { since: held.since, devices: new Map([[info.inviter, info.inviter_device]]), left: new Set() };
    for (const part of info.invitees) {
      if (part.state !== 'accepted' || held.talk.left.has(part.user)) continue;
      held.talk.devices.set(part.user, held.talk.devices.get(part.user) ?? part.device);
    }
    // Who is not in it is not told who has left it.
    if (user === this.#me && had_begun) news.push({ news: 'unsure', id: info.id });
  }

  /** `user` is in the call, by another way than an accept. */
  #comesIn(held, user, device, now, news) {
    held.since ??= now;
    if (user === this.#me) {
      held.talk_over = false;
      held.talk ??= { since: held.since, devices: new Map(), left: new Set() };
      news.push({ news: 'unsure', id: held.info.id });
    }
    held.talk?.left.delete(user);
    held.talk?.devices.set(user, device);
  }

  /** This user is in the call of an invitation that was over here: how it stands is asked. */
  #comesBack(id, news) {
    if (this.#calls_over.has(id)) return;
    this.#ended.erase(id);
    this.#returned.add(id);
    news.push({ news: 'unsure', id });
  }

  #leaves(held, { user, reason, data }, cause, now, news) {
    if (!held.talk?.devices.delete(user)) return;
    held.talk.left.add(user);
    if (!cause.here) news.push({ news: 'participant_left', ...this.#of(held, cause, now), user, reason, data });
    if (user === this.#me) this.#talkIsOver(held);
  }

  #callEnds(held, { reason = '', duration_ms, data }, cause, now, news) {
    if (!held.talk) return;
    const duration = duration_ms ?? Math.max(now - held.talk.since, 0);
    this.#talkIsOver(held);
    if (reason !== '') this.#calls_over.insert(held.info.id); // else it may be made anew
    news.push({ news: 'call_ended', ...this.#of(held, cause, now), reason, duration_ms: duration, data });
  }

  #talkIsOver(held) {
    held.talk = undefined;
    held.talk_over = true;
  }

  /** Whatever was missed of the call: as `sync` and `get` tell it. */
  #correctCall(held, { call_state }, now, news) {
    if (!held.talk) return;
    if (!call_state || call_state.reason !== undefined) {
      // Without, the broker was started anew and has forgotten it.
      this.#callEnds(held, call_state ?? {}, {}, now, news);
      return;
    }
    // This user first: who is not in it is told of nobody else who is.
    for (const user of [this.#me, ...held.talk.devices.keys()]) {
      if (held.talk && !call_state.participants.includes(user)) this.#leaves(held, { user, reason: '' }, { by: user }, now, news);
    }
    if (!held.talk) return;
    held.since = held.talk.since = now - call_state.duration_ms;
    // It is told who answered with which device, not who moved since.
    for (const user of call_state.participants) {
      const is_here = user === this.#me && held.talk.devices.get(user) === this.#device;
      if (!is_here) held.talk.devices.set(user, undefined);
    }
  }

  /** The events of the call, which come whatever the `rev`. */
  #takeOfCall(event, now) {
    const news = [];
    const { id, rev, by, by_device } = event;
    const held = this.#held.get(id);
    if (!held) {
      if (event.event === 'participant_joined' && event.user === this.#me) this.#comesBack(id, news);
      return news;
    }
    const cause = { by, by_device, here: this.#isOwn(by, by_device) };
    if (event.event === 'signal') {
      // A larger number would be taken for others like it.
      const seq = Number.isSafeInteger(event.seq) ? event.seq : undefined;
      if (!cause.here && (seq === undefined || this.#signals.insert(`${id} ${by_device} ${seq}`))) {
        news.push({ news: 'signal', ...this.#of(held, cause, now), user: event.from, seq, data: event.data });
      }
    } else if (event.event === 'participant_joined') {
      this.#comesIn(held, event.user, by_device, now, news);
      if (!cause.here) news.push({ news: 'participant_joined', ...this.#of(held, cause, now), user: event.user, data: event.data });
    } else if (event.event === 'participant_left') {
      this.#leaves(held, event, cause, now, news);
    } else if (event.event === 'call_ended') {
      this.#callEnds(held, event, cause, now, news);
    } else if (held.talk) {
      held.talk.devices.set(event.user, by_device);
      if (!cause.here) news.push({ news: 'participant_moved', ...this.#of(held, cause, now), user: event.user });
    }
    // It carries the present rev, so something came before it that did not arrive.
    if (rev > held.info.rev && held.talk) news.push({ news: 'unsure', id });
    this.#settle(held, now, news);
    return news;
  }

  // ---------------------------------------------------------- what the broker says

  /** Which start of the broker it is that speaks, before what its `sync` tells. */
  speaks(server_epoch) {
    const before = this.#server_epoch;
    this.#server_epoch = server_epoch;
    if (before === server_epoch) return;
    if (before !== '') {
      this.#ended.moveOlder(this.#ended_before, this.#first_sync);
      this.#calls_over = new Remembered();
    }
    // What came after the first sync was sent is of this start.
    for (const held of this.#held.values()) held.earlier = held.before;
  }

  takeEvent(event, now) {
    const news = [];
    const { id, rev, by, by_device } = event;
    if (['signal', 'participant_joined', 'participant_left', 'participant_moved', 'call_ended'].includes(event.event)) {
      return this.#takeOfCall(event, now);
    }
    if (event.event === 'new_invitation' && event.role === 'inviter' && this.#isOwn(by, by_device)) {
      this.#takeEcho(event, now);
      return news;
    }
    if (this.#isPast(id)) {
      if (event.event === 'new_invitation') news.push({ news: 'doubtful' });
      return news;
    }
    let held = this.#held.get(id);
    if (held?.earlier) return [{ news: 'unsure', id }];
    if (event.event === 'new_invitation') {
      const cause = { by, by_device };
      if (held) {
        if (held.info.role === 'observer' && event.role === 'invitee') {
          held.gap ||= rev > held.info.rev + 1;
          held.info.rev = Math.max(held.info.rev, rev);
          this.#rings(held, event, cause, now, news);
          if (held.gap) news.push({ news: 'unsure', id });
        }
        return news;
      }
      const { inviter, group, data, call, answer, online_only, visibility, role } = event;
      held = this.#hold({ id, inviter, group, data, call, answer, online_only, visibility, rev, role, state: 'open', invitees: [] });
      held.confirmed = true;
      if (by === inviter) held.info.inviter_device = by_device;
      this.#rings(held, event, cause, now, news);
      // Added later, to others who may have answered already; or not all of them are told here.
      if ((rev > 1 && event.invitees.length > 1) || event.more > 0) news.push({ news: 'unsure', id });
      return news;
    }
    const ringing = event.event === 'invitee_ringing';
    if (!held) {
      // Nothing is owed for what this device did to an invitation of another's.
      if (!ringing && !this.#isOwn(by, by_device)) {
        news.push({ news: 'unsure', id });
      }
      return news;
    }
    if (ringing) {
      const part = partOf(held.info, event.invitee);
      if (part?.state === 'pending' && !part.ringing) {
        part.ringing = true;
        this.#tell(held, event, { by, by_device }, now, news);
      }
      return news;
    }
    if (rev <= held.info.rev) return news;
    // With visibility `inviter`, invitees are not told of each other.
    if (rev > held.info.rev + 1 && !(held.info.role === 'invitee' && held.info.visibility === 'inviter')) held.gap = true;
    held.info.rev = held.heard = rev;
    held.confirmed = true;
    held.announced ||= held.info.role === 'inviter';
    const here = this.#isOwn(by, by_device);
    this.#apply(held, event, { by, by_device, here }, now, news);
    // Others were added: only `get` tells the inviter how long they have.
    const added = event.event === 'invitation_modified' && event.invitees && !here && held.info.role === 'inviter';
    if (held.gap || added) news.push({ news: 'unsure', id });
    this.#settle(held, now, news);
    return news;
  }

  /** The invite of this device was done, though the reply may be lost. */
  #takeEcho({ id, remaining_ms }, now) {
    const held = this.#held.get(id);
    if (!held || held.confirmed) return;
    held.confirmed = held.announced = true;
    held.info.inviter_device = this.#device;
    this.#setDeadline(held, remaining_ms, now);
  }

  /** Somebody is asked; this user perhaps only watches, or asked with another device. */
  #rings(held, announcement, cause, now, news) {
    held.info.role = announcement.role;
    held.announced = announcement.role !== 'observer';
    for (const user of announcement.invitees) list(held.info, user);
    this.#setDeadline(held, announcement.remaining_ms, now);
    this.#tell(held, { ...announcement, event: 'new_invitation' }, cause, now, news);
  }

  /** From the present `sync`. An id that had ended before that was sent may be used anew. */
  listed(info, now) {
    if (this.#ended.hasOlder(info.id) && (this.#asksUs(info) || info.call_state?.participants.includes(this.#me))) {
      this.#ended.erase(info.id);
    }
    if (info.rev === undefined) {
      // Not all of it is told here.
      const held = this.#held.get(info.id);
      if (held) held.missing = false;
      return this.#isPast(info.id) ? [] : [{ news: 'unsure', id: info.id }];
    }
    return this.takeInfo(info, now);
  }

  /** From `get`, told whole. */
  takeInfo(info, now) {
    const news = [];
    const announcement = () => ({ ...info, invitees: info.invitees.map(({ user }) => user) });
    if (this.#isPast(info.id)) return news;
    let held = this.#held.get(info.id);
    if (held?.earlier && info.rev < held.heard) {
      // The page is older than what was heard since.
      held.missing = false;
      held.heard = undefined;
      return [{ news: 'unsure', id: info.id }];
    }
    if (held?.earlier) {
      held.earlier = false;
      this.#correct(held, info);
      held = this.#held.get(info.id);
    }
    if (!held) {
      const returned = this.#returned.delete(info.id);
      if (returned && info.call_state?.reason !== undefined) {
        // The call was over before it was known how it stands.
        const { reason, duration_ms } = info.call_state;
        this.#ended.insert(info.id);
        this.#calls_over.insert(info.id);
        return [{ news: 'call_ended', ...this.#of({ info }, {}, now), reason, duration_ms }];
      }
      // Its end was told by an earlier start of the broker, and it does not ask anew: but for an invitee, whom a call
      // that lives asks is somebody else.
      const takes_part = info.call_state?.participants.includes(this.#me);
      const asks_anew = this.#asksUs(info) && (info.role === 'invitee' || info.call_state === undefined);
      const is_over = this.#ended_before.has(info.id) && !takes_part && !asks_anew;
      if (is_over || (info.role !== 'inviter' && info.state !== 'open')) {
        this.#ended.insert(info.id);
        return news;
      }
      // As it was before anything happened to it; the difference is news, unless this user's part
      // is over: then it never rang here, and never will.
      const rang_elsewhere = returned || (info.role === 'invitee' && !this.#asksUs(info));
      const begun = { ...info, invitees: rang_elsewhere ? info.invitees : [] };
      if (!rang_elsewhere) for (const { user } of info.invitees) list(begun, user);
      held = this.#hold(begun);
      held.end_told = rang_elsewhere;
      held.confirmed = true;
      held.announced = info.role !== 'observer';
      if (info.role !== 'inviter' && !rang_elsewhere) this.#rings(held, announcement(), { by: info.inviter }, now, news);
      if (info.call_state?.participants.includes(this.#me)) {
        this.#joins(held, undefined, now, news);
        if (returned) held.talk ??= { since: now, devices: new Map(), left: new Set() };
        if (returned) held.talk.devices.set(this.#me, this.#device);
      }
      this.#applyNewer(held, info, now, news);
      this.#settle(held, now, news);
      return news;
    }
    held.missing = false;
    if (info.rev < held.info.rev) {
      if (held.gap) news.push({ news: 'unsure', id: info.id });
      return news;
    }
    held.confirmed = true;
    held.announced ||= info.role === 'inviter';
    held.gap = false;
    if (held.unlisted) {
      held.unlisted = false;
      for (const { user } of info.invitees) list(held.info, user);
    }
    if (held.info.role === 'observer' && info.role === 'invitee') {
      if (this.#asksUs(info)) {
        this.#rings(held, announcement(), { by: info.inviter }, now, news);
      } else {
        held.info.role = 'invitee';
        held.end_told = true;
      }
    }
    if (held.assumed && held.info.role === 'invitee') {
      // It was taken for timed out. How it really stands is no news, but what comes next is.
      const told = partOf(info, this.#me);
      const known = partOf(held.info, this.#me);
      if (told && known) Object.assign(known, { data: undefined, device: undefined, reason: undefined }, told);
      held.assumed = false;
    }
    this.#applyNewer(held, info, now, news);
    held.assumed = false; // It is known how it stands.
    this.#settle(held, now, news);
    return news;
  }

  /** What a broker that was started anew tells counts, whatever was known from before. */
  #correct(held, told) {
    // It asks somebody whose part had ended: it was made anew, by a broker that had lost it. (Or that has lost nothing,
    // and others were called into the call that came of it.)
    const asksAgain = ({ user, state }) => state !== 'pending' && (partOf(told, user)?.state ?? 'pending') === 'pending';
    if (held.end_told && this.#asksUs(told) && held.info.invitees.some(asksAgain)) {
      this.#held.delete(told.id);
      return;
    }
    held.info.rev = Math.min(held.info.rev, told.rev);
    for (const part of told.invitees) {
      const at = held.info.invitees.findIndex(({ user }) => user === part.user);
      if (at >= 0 && held.info.invitees[at].state !== part.state) {
        held.info.invitees[at] = { user: part.user, state: 'pending', ringing: held.info.invitees[at].ringing && part.ringing };
      }
    }
  }

  #applyNewer(held, told, now, news) {
    // It is told whole: whoever is not listed was skipped.
    this.#skip(held, (user) => !partOf(told, user));
    const modified = { event: 'invitation_modified' };
    if (told.data !== undefined && !sameData(told.data, held.info.data)) modified.data = told.data;
    const timed_out = [];
    const cancelled = new Map();
    const revoked = new Map();
    // Of several who accepted, nobody says who it was that the others were asked no more for.
    const takers = told.invitees.filter(({ state }) => state === 'accepted');
    const taker = takers.length === 1 ? takers[0] : undefined;
    for (const part of told.invitees) {
      const known = partOf(held.info, part.user);
      if (!known) modified.invitees = told.invitees.map(({ user }) => user);
      else if (known.state !== 'pending') continue;
      if (part.state === 'timed_out') {
        timed_out.push(part.user);
      } else if (part.state === 'cancelled' || part.state === 'revoked') {
        const [ends, event] = part.state === 'cancelled' ? [cancelled, 'invitation_cancelled'] : [revoked, 'invitation_revoked'];
        const reason = part.reason ?? (part.state === 'cancelled' ? 'cancelled' : 'left_group');
        const body = ends.get(reason) ?? { event, inviter: told.inviter, reason, invitees: [] };
        body.data = part.data ?? body.data;
        body.invitees.push(part.user);
        ends.set(reason, body);
      }
    }
    held.info.rev = told.rev;
    if (modified.data !== undefined || modified.invitees) this.#apply(held, modified, { by: told.inviter }, now, news);
    for (const part of told.invitees) {
      const known = partOf(held.info, part.user);
      if (known?.state !== 'pending') continue;
      const { user, device, data, reason } = part;
      const cause = { by: user, by_device: device, here: this.#isOwn(user, device) };
      if (part.ringing && !known.ringing) {
        known.ringing = true;
        if (part.state === 'pending' && held.info.role === 'inviter') {
          this.#tell(held, { event: 'invitee_ringing', invitee: user }, { by: user }, now, news);
        }
      }
      if (part.state === 'accepted') {
        this.#apply(held, { event: 'invitee_accepted', invitee: user, data }, cause, now, news);
      } else if (part.state === 'rejected') {
        this.#apply(held, { event: 'invitee_rejected', invitee: user, data, reason: reason ?? 'declined' }, cause, now, news);
      }
    }
    for (const body of revoked.values()) this.#apply(held, body, {}, now, news);
    for (const [reason, body] of cancelled) {
      let cause = {};
      if (reason === 'answered' && taker) {
        cause = { by: taker.user, by_device: taker.device, here: this.#isOwn(taker.user, taker.device) };
      } else if (['cancelled', 'replaced', 'inviter_lost'].includes(reason)) {
        cause = { by: told.inviter, here: reason === 'cancelled' && held.cancelling && held.info.role === 'inviter' };
      }
      this.#apply(held, body, cause, now, news);
    }
    if (timed_out.length > 0) this.#apply(held, { event: 'invitation_timeout', invitees: timed_out }, {}, now, news);
    this.#correctCall(held, told, now, news);
    if (!this.#over(held)) {
      held.assumed = false;
      this.#setDeadline(held, told.remaining_ms, now);
    }
  }

  /** The reply, an ok or a refusal, to what this device asked. */
  takeReply({ kind, about, body }, reply, now) {
    const news = [];
    const makes = makesInvitation(kind);
    if (makes && !reply.ok) {
      this.notInvited(body.id);
      return news;
    }
    let id = makes ? body.id : about;
    if (makes && reply.merged_into !== undefined) {
      // Both called each other: it was this user's accept of the other's, which came first.
      this.notInvited(body.id);
      id = reply.merged_into;
      if (!this.#held.has(id)) return [{ news: 'unsure', id }];
    }
    if (kind === 'cancel') this.cancelling(id, false);
    // A group or a user may have the name of an invitation.
    const held = makes || placeOf(kind) === 'invitation' ? this.#held.get(id) : undefined;
    if (!held) {
      if (kind === 'join' && reply.ok) this.#comesBack(id, news);
      return news;
    }
    if (!reply.ok) {
      // It is not as we thought. (What is on its way is not known yet: the reply to it tells.)
      if (held.confirmed && notAsThought.includes(reply.code)) news.push({ news: 'unsure', id });
      return news;
    }
    const own = { by: this.#me, by_device: this.#device, here: true };
    // Whatever was done to it, the broker has it.
    if (held.info.role === 'inviter') held.confirmed = held.announced = true;
    const skipped = new Set((reply.skipped ?? []).map(({ user }) => user));
    if (makes && reply.merged_into !== undefined) {
      this.#apply(held, { event: 'invitee_accepted', invitee: this.#me, data: body.data }, own, now, news);
    } else if (makes) {
      held.info.inviter_device = this.#device;
      held.talk?.devices.set(this.#me, this.#device);
      this.#skip(held, (user) => skipped.has(user));
      this.#setDeadline(held, reply.remaining_ms, now);
      // Said again, or of very many, it does not tell who was skipped.
      if (reply.dup || held.unlisted || reply.more > 0) news.push({ news: 'unsure', id });
    } else if (kind === 'add') {
      for (const user of body.invitees) if (!skipped.has(user)) list(held.info, user);
      // The last deadline, of the added or of those before; or of very many, who was skipped.
      if (held.info.role === 'inviter' || reply.more > 0) news.push({ news: 'unsure', id });
    } else if (kind === 'accept') {
      this.#apply(held, { event: 'invitee_accepted', invitee: this.#me, data: body.data }, own, now, news);
    } else if (kind === 'reject') {
      this.#apply(held, { event: 'invitee_rejected', invitee: this.#me, data: body.data, reason: body.reason ?? 'declined' }, own, now, news);
    } else if (kind === 'cancel') {
      if (reply.rev > held.info.rev + 1 || reply.more > 0) {
        held.gap = true;
        news.push({ news: 'unsure', id });
      }
      this.#apply(held, { event: 'invitation_cancelled', inviter: this.#me, invitees: reply.cancelled, data: body.data, reason: 'cancelled' }, own, now, news);
    } else if (kind === 'modify') {
      held.info.data = body.data;
    } else if (kind === 'join' && this.#asksUs(held.info) && held.info.role === 'invitee') {
      this.#apply(held, { event: 'invitee_accepted', invitee: this.#me, data: body.data }, own, now, news);
    } else if (kind === 'join') {
      this.#comesIn(held, this.#me, this.#device, now, news);
    } else if (kind === 'resume') {
      held.talk?.devices.set(this.#me, this.#device);
    }
    this.#settle(held, now, news);
    return news;
  }

  /** The broker does not know `id`, or does not tell this user (any more). */
  forgotten(id, now) {
    const news = [];
    const held = this.#held.get(id);
    // An invite that is on its way is not known yet.
    if (!held?.confirmed) return news;
    this.#callEnds(held, {}, {}, now, news);
    if (held.announced && !held.end_told) {
      news.push({ news: 'ended', id, inviter: held.info.inviter, state: undefined, reason: '', here: false, assumed: false });
    }
    // Not remembered as ended: after a restart of the broker an invite that is sent again makes it anew.
    this.#held.delete(id);
    return news;
  }

  /** This user is no member of the group any more: what others were asked there is not told. */
  left(group) {
    for (const [id, { info }] of this.#held) {
      if (info.role === 'observer' && info.group === group) this.#held.delete(id);
    }
  }

  /**
   * A sync is sent now; `again`: the last one on this connection had no answer. What is held and not among what it
   * tells has ended.
   */
  beginSync(again) {
    for (const held of this.#held.values()) {
      held.missing = held.confirmed;
      if (!again) [held.before, held.heard] = [held.confirmed, undefined];
    }
    const mark = this.#ended.mark();
    if (!again) this.#first_sync = mark;
  }

  endSync() {
    const news = [];
    for (const [id, held] of this.#held) {
      if (held.missing) news.push({ news: 'unsure', id });
      held.missing = false;
    }
    return news;
  }

  // ------------------------------------------------------------------------ time

  nextDeadline() {
    let next;
    for (const { look } of this.#held.values()) {
      if (look !== undefined && !(look >= next)) next = look;
    }
    return next;
  }

  /** Deadlines that passed without news: asks how it ended while `connected`, else (or when there
      is no answer to that) takes it for timed out. What has no deadline is asked for now and then. */
  advance(connected, now) {
    const news = [];
    for (const held of [...this.#held.values()]) {
      if (held.look === undefined || held.look > now) continue;
      if (held.deadline === undefined || (held.talk && this.#over(held))) {
        held.look = now + now_and_then;
        if (connected) news.push({ news: 'unsure', id: held.info.id });
      } else if (connected && !held.looked) {
        held.looked = true;
        held.look = now + until_told;
        news.push({ news: 'unsure', id: held.info.id });
      } else {
        this.#assume(held, now, news);
      }
    }
    return news;
  }

  /** Nobody can say how it ended, and it must not ring on. */
  #assume(held, now, news) {
    held.look = undefined;
    const { gap, info } = held;
    held.gap = false;
    if (info.role === 'invitee') {
      this.#apply(held, { event: 'invitation_timeout', invitees: [this.#me] }, { assumed: true }, now, news);
      held.assumed = true;
      this.#settle(held, now, news);
      return;
    }
    // What the inviter was not told stays open to being told: an answer counts.
    const invitees = info.invitees.filter(({ state }) => state === 'pending').map(({ user }) => user);
    // Told once: it may have been taken for over before, and been open still.
    if (held.announced && !held.end_told && invitees.length > 0) {
      this.#tell(held, { event: 'invitation_timeout', invitees }, { assumed: true }, now, news);
    }
    held.assumed = gap || anyonePending(info);
    this.#tellEnd(held, news);
    this.#settle(held, now, news);
  }
}

function sameData(one, other) {
  if (!(one instanceof Uint8Array) || !(other instanceof Uint8Array)) return one === other;
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
