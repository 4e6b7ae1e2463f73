// SPDX-License-Identifier: Apache-2.0
// One device of one user: the client's half of the protocol, for any transport.
//
// The host hands in calls, what the connection brings, and time; and does what comes back, in order.
// Every call ends in exactly one result:
//
//   call ──► waiting ──► in flight ──► reply            { effect: 'result', call, reply }
//               │  ▲          │
//               │  └──────────┤ connection lost: sent again after the next sync
//               └─────────────┴► deadline, close         { effect: 'result', call, failure }
//
// On each connect it asks `sync` before anything else, so that what the broker queued has arrived
// and what ended meanwhile is known when a call is sent (again).
//
// The same rules as core/device.cpp. No I/O, no clock: time is an argument, in milliseconds.
import { Errands } from './errands.js';
import { Inbox, Remembered } from './inbox.js';
import { Pace } from './pace.js';
import { decodeEvent, decodeReply, decodeStatus, encodeRequest, fitsRequest, topicOf, verbOf } from './wire.js';

/** Until a request that was refused for the moment is tried again. */
const soon = 1_000;
/** Until a request without a reply is repeated; then twice as long, and twice. */
const first_repeat = 2_000;
const max_doublings = 2;
/** How long a device counts as there that does not say how long. */
const default_again = 600_000;
/** What every broker takes. */
const always_taken = 1_024;

/** Why a call ended without a reply, beside the broker's refusals. */
export const failures = {
  no_reply: [6012, 'there was no reply in time; it may have been done or not'],
  not_connected: [20191, 'not sent, as there was no connection'],
  no_beckon: [20192, 'the broker does not answer: it has no Beckon'],
  closed: [20193, 'the client was closed before there was a reply'],
  too_many_waiting: [20194, 'not sent, as too many calls are waiting'],
  withdrawn: [20195, 'cancelled before it was sent'],
};

/** The device's own requests that it may try again. */
const isForTheMoment = (reply) =>
  !reply.ok && ['rate_limited', 'storage_unavailable', 'internal'].includes(reply.error);
const untilRepeat = (tries) => first_repeat * 2 ** Math.min(tries, max_doublings);
/** Whether it may be sent again: not what would be heard twice. */
const mayBeRepeated = ({ kind }) => kind !== 'signal';
const madeBy = ({ kind, body }) => (kind === 'invite' || kind === 'group_invite' ? body.id : undefined);

export class Device {
  #options;
  #inbox;
  #device = '';
  /** `offline`, `syncing` (Beckon has yet to answer), `ready` or `no_beckon` (nobody answers). */
  #link = 'offline';
  /** By number; a call of the device's own has no name. */
  #calls = new Map();
  #waiting = [];
  #in_flight = 0;
  #next_number = 1;
  /** When to sync (again), while connected; one after the other. */
  #sync_at;
  /** The page to go on with, when that was refused for now. */
  #sync_after;
  #syncing = false;
  /** None of this connection's has had an answer to its last page yet. */
  #sync_unanswered = false;
  #errands = new Errands();
  /** How every ring is rejected, if it is; and the rings that were, of which nothing more is told. */
  #busy;
  #rejected = new Remembered();
  /** Messages that were told. */
  #messages = new Remembered();
  #pace = new Pace();
  /** How many wills there were: names the connection. */
  #runs = 0;
  /** When to say (again) that this device is there, and how often it was said without a reply. */
  #here_at;
  #here_tries = 0;
  #here_noted = false;
  /** What the broker said of its limits, by `status` and as it accepted the connection. */
  #status;
  #max_packet;
  #effects = [];

  /**
   * `req_prefix` is random, so that no other device of the user has it. `device` is what this one is
   * called, the same whenever it connects. `packet_overhead` is what the host's packets have beside
   * topic, payload and correlation.
   */
  constructor({ user, req_prefix, device, packet_overhead = 0, root = 'beckon/v1', patience = 10_000, sync_patience = 10_000, sync_again = 30_000, max_in_flight = 16, max_waiting = 1_000 }) {
    this.#options = { user, req_prefix, device, packet_overhead, root, patience, sync_patience, sync_again, max_in_flight, max_waiting };
    this.#inbox = new Inbox(user);
  }

  get link() {
    return this.#link;
  }

  /** This device's tag, as the broker named it last; empty: it has not yet. */
  get device() {
    return this.#device;
  }

  /** Which start of the broker it was that told what is open; empty: there was no sync. */
  get server_epoch() {
    return this.#inbox.server_epoch;
  }

  open(now) {
    return this.#inbox.open(now);
  }

  #done() {
    return this.#effects.splice(0);
  }

  /** From now on every ring is rejected like this, `{ data?, reason }`; undefined: no more. What
      rings already rings on. */
  setBusy(as) {
    this.#busy = as;
  }

  // ----------------------------------------------------------------------- calls

  /** `name` is the host's, another for each. What makes an invitation, or a message, carries its id.
      With `offline: 'fail'` it does not wait for a connection. */
  call(name, request, offline, now) {
    this.#applyDue(now);
    const { kind, about, body } = request;
    const refuse = (failure) => {
      this.#effects.push({ effect: 'result', call: name, failure });
      return this.#done();
    };
    if (this.#link === 'no_beckon') return refuse('no_beckon');
    if (this.#link === 'offline' && offline === 'fail') return refuse('not_connected');
    if (kind === 'cancel' && this.#withdraw(name, request)) return this.#done();
    if (this.#waiting.length >= this.#options.max_waiting) return refuse('too_many_waiting');
    if (madeBy(request)) this.#inbox.inviting(kind, about, body);
    else if (kind === 'cancel') this.#inbox.cancelling(about, body.invitees === undefined);
    // Nothing rings later than it was to ring at most.
    const { patience } = this.#options;
    const deadline = now + (body.timeout_ms > 0 ? Math.min(patience, body.timeout_ms) : patience);
    this.#add({ name, request, offline, asked: now, deadline });
    this.#pump(now);
    return this.#done();
  }

  /** An invite that nobody has heard of is gone when its sender does not want it any more. */
  #withdraw(name, { about, body }) {
    if (body.invitees !== undefined) return false;
    for (const number of this.#waiting) {
      const { request, sent } = this.#calls.get(number);
      if (madeBy(request) !== about || sent > 0) continue;
      const cancelled = request.kind === 'invite' ? [request.about, ...(request.body.also ?? [])] : (request.body.invitees ?? []);
      this.#fail(number, 'withdrawn');
      const reply = { re: 'cancel', ok: true, device: this.#device, rev: 1, cancelled, already: [] };
      this.#effects.push({ effect: 'result', call: name, reply });
      return true;
    }
    return false;
  }

  #add(call) {
    const number = this.#next_number++;
    this.#waiting.push(number);
    // `sent` counts without a reply, `tries` on this connection. `again_at`: in flight, when to
    // repeat it; waiting, not before.
    this.#calls.set(number, { rest: [], skipped: [], more: 0, so_far: undefined, ...call, sent: 0, tries: 0, size: 0, thrown_out: 0, again_at: undefined, in_flight: false });
    return number;
  }

  /** Takes the call out; it is over. */
  #take(number) {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    if (call.in_flight) this.#in_flight -= 1;
    else this.#waiting = this.#waiting.filter((one) => one !== number);
    return call;
  }

  #pump(now) {
    if (this.#link !== 'ready') return;
    while (this.#pace.next() <= now) {
      const request = this.#errands.begin(now);
      if (!request) break;
      this.#sendOwn(request, this.#options.patience, now);
    }
    while (this.#in_flight < this.#options.max_in_flight && this.#pace.next() <= now) {
      const number = this.#waiting.find((one) => (this.#calls.get(one).again_at ?? now) <= now);
      if (number === undefined) break;
      if (!this.#wasMade(number)) this.#send(number, now);
    }
  }

  /** A request that no caller waits for. */
  #sendOwn(request, patience, now) {
    this.#send(this.#add({ request, asked: now, deadline: now + patience }), now);
  }

  #send(number, now) {
    const call = this.#calls.get(number);
    let send = this.#messageOf(number, now);
    for (let limit = this.#sizeBrokenBy(send); limit !== undefined; limit = this.#sizeBrokenBy(send)) {
      if (!this.#split(call)) {
        this.#refuseAsTooLarge(number, limit, now);
        return;
      }
      send = this.#messageOf(number, now);
    }
    if (!call.in_flight) {
      this.#waiting = this.#waiting.filter((one) => one !== number);
      call.in_flight = true;
      this.#in_flight += 1;
    }
    call.again_at = mayBeRepeated(call.request) ? now + untilRepeat(call.tries) : undefined;
    call.size = send.payload.length;
    call.sent += 1;
    call.tries += 1;
    this.#pace.sent(now);
    this.#effects.push(send);
  }

  #messageOf(number, now) {
    const { request, asked } = this.#calls.get(number);
    const { kind, about, body } = request;
    const { req_prefix, root, user, device } = this.#options;
    const req = `${req_prefix}:${number}`;
    // What is left of the time that it asks for, after it has waited; 0 stays "none".
    const aged = body.timeout_ms > 0 ? { ...body, timeout_ms: Math.max(Math.round(body.timeout_ms - (now - asked)), 1) } : body;
    return { effect: 'send', topic: topicOf(root, kind, about, user), payload: encodeRequest(kind, aged, req, device), correlation: req };
  }

  /** How large the payload could be, if it is too large. */
  #sizeBrokenBy({ topic, payload, correlation }) {
    const beside = topic.length + correlation.length + this.#options.packet_overhead;
    const limit = Math.min(this.#status?.max_payload_bytes ?? Infinity, Math.max((this.#max_packet ?? Infinity) - beside, 0));
    return payload.length > limit ? limit : undefined;
  }

  /** Names the second half of those whom it names, and leaves them to be added afterwards; false: it
      cannot be split. */
  #split(call) {
    const { kind, body } = call.request;
    if (!['group_create', 'group_add'].includes(kind) || !(body.members?.length > 1)) return false;
    const half = Math.floor(body.members.length / 2);
    call.rest = [...body.members.slice(half), ...call.rest];
    call.request = { ...call.request, body: { ...body, members: body.members.slice(0, half) } };
    return true;
  }

  #refuseAsTooLarge(number, limit, now) {
    const call = this.#take(number);
    const why = { error: 'too_large', code: 8001, message: 'payload is more than the broker takes', field: 'payload' };
    this.#told(call, { re: verbOf(call.request.kind), ok: false, device: this.#device, ...why, ...(limit !== undefined && { limit }) }, now);
  }

  /** It is in flight no more: it waits before the others, until then. */
  #putOff(number, until) {
    Object.assign(this.#calls.get(number), { in_flight: false, tries: 0, again_at: until });
    this.#in_flight -= 1;
    this.#waiting.unshift(number);
  }

  /** The broker may have ended the connection because of what was sent: of that, the largest. */
  #blameForLoss(too_large, now) {
    let largest;
    for (const [number, call] of this.#calls) {
      if (call.in_flight && !(largest !== undefined && call.size <= this.#calls.get(largest).size)) largest = number;
    }
    if (largest === undefined) return;
    const call = this.#calls.get(largest);
    if (!too_large && (this.#max_packet !== undefined || call.size <= always_taken)) return;
    call.thrown_out += 1;
    if (too_large || call.thrown_out > 1) this.#refuseAsTooLarge(largest, undefined, now);
  }

  /** Another invite is not sent, and none fails, when the broker was heard to have made it. */
  #wasMade(number) {
    const { request, sent, name } = this.#calls.get(number);
    const id = madeBy(request);
    const state = id && sent > 0 ? this.#inbox.made(id) : undefined;
    if (!state) return false;
    this.#take(number);
    const reply = { re: 'invite', ok: true, device: this.#device, dup: true, id, rev: 1, state };
    this.#effects.push({ effect: 'result', call: name, reply });
    if (state === 'open') this.#errands.get(id, 0); // only the reply would have told who was skipped
    return true;
  }

  #fail(number, failure) {
    if (this.#wasMade(number)) return;
    const { name, request, sent, refused } = this.#take(number);
    if (refused && sent === 0 && failure !== 'withdrawn') this.#effects.push({ effect: 'result', call: name, reply: refused });
    else this.#effects.push({ effect: 'result', call: name, failure });
    const id = madeBy(request);
    if (id && sent === 0) this.#inbox.notInvited(id);
    else if (id) this.#callOff(request);
    else if (request.kind === 'cancel' && sent === 0) this.#inbox.cancelling(request.about, false);
  }

  /** Cancels what an invite that failed for its caller may have made. */
  #callOff(invite) {
    const id = madeBy(invite);
    this.#inbox.disown(id);
    this.#inbox.cancelling(id, true);
    this.#errands.callOff(id, invite.body.call === true);
  }

  // ------------------------------------------------------------------ connection

  #setLink(link) {
    if (this.#link === link) return;
    this.#link = link;
    this.#effects.push({ effect: 'link', link });
  }

  /** What is to be the will of the next connection: that this device is there no more. */
  will() {
    this.#runs += 1;
    return this.#here({ gone: true });
  }

  #here(body) {
    const { root, user, device } = this.#options;
    const req = this.#hereReq();
    return { effect: 'send', topic: topicOf(root, 'here', user, user), payload: encodeRequest('here', { run: req, ...body }, req, device), correlation: req };
  }
  /** Names the connection, and what is said of it. */
  #hereReq() {
    return `${this.#options.req_prefix}:run-${this.#runs}`;
  }

  #sayHere(now) {
    this.#effects.push(this.#here({}));
    this.#pace.sent(now);
    this.#here_at = this.#here_tries <= max_doublings ? now + untilRepeat(this.#here_tries++) : undefined;
  }

  #hereReplied(reply, now) {
    this.#here_noted = true;
    this.#here_tries = 0;
    this.#here_at = undefined;
    if (!reply.ok) {
      if (isForTheMoment(reply)) this.#here_at = now + soon;
      return;
    }
    const again = reply.again_ms ?? (this.#status?.presence_told ? default_again : undefined);
    if (again !== undefined) this.#here_at = now + Math.max(Math.floor(again / 2), soon);
  }

  /** What `status` says: limits that it is kept to. */
  receiveStatus(payload, now) {
    this.#applyDue(now);
    const status = decodeStatus(payload);
    if (status) {
      this.#pace.set(status.requests_per_second, status.requests_burst);
      this.#status = status;
      this.#pump(now);
    }
    return this.#done();
  }

  /** The connection is up, and the inbox is subscribed to (events, replies). The broker takes packets
      up to that size, if it said so. */
  connected(now, max_packet) {
    this.#applyDue(now);
    this.#loseConnection(now);
    this.#max_packet = max_packet;
    this.#here_tries = 0;
    this.#here_noted = false;
    this.#setLink('syncing');
    this.#startSync(undefined, now);
    return this.#done();
  }

  /** `too_large`: the broker said that this was because of a packet's size. */
  disconnected(now, too_large = false) {
    this.#applyDue(now);
    this.#loseConnection(now, too_large);
    this.#status = undefined;
    this.#setLink('offline');
    return this.#done();
  }

  /** What was in flight waits to be sent again, if its caller waits. */
  #loseConnection(now, too_large = false) {
    this.#blameForLoss(too_large, now);
    const again = [];
    for (const [number, call] of [...this.#calls]) {
      if (call.name !== undefined && call.offline !== 'fail') {
        if (call.in_flight) again.push(number);
      } else if (call.name !== undefined) {
        this.#fail(number, call.sent > 0 ? 'no_reply' : 'not_connected');
      } else {
        this.#take(number);
      }
    }
    // The last first, as each is put before the others.
    for (const number of again.reverse()) this.#putOff(number, undefined);
    this.#errands.loseConnection();
    this.#here_at = undefined;
    this.#sync_unanswered = false;
    this.#sync_at = undefined;
    this.#sync_after = undefined;
    this.#syncing = false;
  }

  #startSync(after, now) {
    if (after === undefined) {
      if (!this.#here_noted && this.#here_at === undefined) this.#sayHere(now);
      this.#inbox.beginSync(this.#sync_unanswered);
      this.#sync_unanswered = true;
    }
    this.#sync_at = undefined;
    this.#syncing = true;
    this.#sendOwn({ kind: 'sync', about: this.#options.user, body: { after } }, this.#options.sync_patience, now);
  }

  #synced(asked, reply, now) {
    this.#syncing = false;
    if (!reply.ok) {
      // That page again: from the first, a long list might never come to its end.
      if (reply.error === 'rate_limited') this.#sync_after = asked.body.after;
      this.#sync_at = now + soon;
      return;
    }
    this.#inbox.speaks(reply.server_epoch);
    for (const invitation of reply.invitations) this.#passOn(this.#inbox.listed(invitation, now), now);
    if (reply.next !== undefined) {
      this.#startSync(reply.next, now);
      return;
    }
    this.#sync_unanswered = false;
    this.#setLink('ready');
    this.#passOn(this.#inbox.endSync(), now);
  }

  // ------------------------------------------------------------------ deliveries

  #passOn(news, now) {
    for (const one of news) {
      if (one.news === 'unsure') {
        if (this.#link === 'syncing' || this.#link === 'ready') this.#errands.get(one.id, now);
      } else if (one.news === 'doubtful') {
        if (this.#link === 'ready') this.#sync_at = now;
      } else if (!this.#isRejected(one, now)) {
        this.#effects.push({ effect: 'news', ...one });
      }
    }
  }

  /** Whether this is of an invitation that is rejected as busy, or will be. */
  #isRejected({ news, id, inviter, group, role, body }, now) {
    if (news !== 'heard' || body.event !== 'new_invitation' || role !== 'invitee') return this.#rejected.has(id);
    if (!this.#busy) {
      this.#rejected.erase(id);
      return false;
    }
    this.#rejected.insert(id);
    this.#errands.reject(id, this.#busy, now);
    this.#effects.push({ effect: 'news', news: 'busy', id, inviter, group, data: body.data });
    return true;
  }

  /** A message at the inbox. What cannot be read, or is unknown, is ignored. */
  receiveEvent(payload, now) {
    this.#applyDue(now);
    const event = decodeEvent(payload);
    if (event?.event === 'message') {
      if (this.#messages.insert(`${event.from} ${event.id}`)) this.#effects.push({ effect: 'message', event });
    } else if (event && event.id === undefined) {
      this.#noteOwnPart(event, now);
      this.#effects.push({ effect: 'group', event });
    } else if (event) {
      this.#passOn(this.#inbox.takeEvent(event, now), now);
    }
    this.#pump(now);
    return this.#done();
  }

  /** Who comes into a group asks what is open there, and who is out of it hears no more. */
  #noteOwnPart(event, now) {
    const me = this.#options.user;
    if (['member_entered', 'member_invited'].includes(event.event)) {
      if (event.members.includes(me) && this.#link === 'ready') this.#sync_at = now;
    } else if ((event.event === 'member_removed' && event.members.includes(me)) ||
      (event.event === 'member_left' && event.user === me) || event.event === 'group_dismissed') {
      this.#inbox.left(event.group);
    }
  }

  /** `correlation` is MQTT 5's: a reply to a payload that the broker would not read has no `req`. */
  receiveReply(payload, now, correlation = '') {
    this.#applyDue(now);
    const reply = decodeReply(payload);
    const number = reply && this.#numberOf(reply, correlation);
    // It has come late, but whoever answers is there.
    if (reply && this.#link === 'no_beckon' && !this.#syncing) this.#sync_at = now;
    if (reply?.re === 'here') {
      if ((reply.req ?? correlation) === this.#hereReq() && fitsRequest(reply, 'here')) this.#hereReplied(reply, now);
    } else if (number !== undefined) {
      this.#device = reply.device;
      this.#inbox.setDevice(reply.device);
      this.#replied(number, reply, now);
      this.#pump(now);
    }
    return this.#done();
  }

  #replied(number, reply, now) {
    const call = this.#calls.get(number);
    if (reply.error === 'rate_limited') {
      this.#pace.refused(now);
      if (!call.in_flight) return; // the refusal of a repeat: it waits already
      const waits = call.name !== undefined ? mayBeRepeated(call.request) : call.so_far !== undefined;
      if (waits && now + soon < call.deadline) {
        call.sent -= 1;
        call.refused = reply;
        this.#putOff(number, now + soon);
        return;
      }
    }
    this.#take(number);
    if (!reply.ok) {
      this.#told(call, reply, now);
      return;
    }
    const all = this.#wholeOf(call, reply);
    const rest = this.#restOf(call, all);
    if (!rest) {
      this.#told(call, all, now);
      return;
    }
    const { name, offline, asked, deadline } = call;
    this.#add({ name, offline, asked, deadline, ...rest });
  }

  /** The reply, with what those before it told. */
  #wholeOf({ request: { kind }, skipped, more, so_far }, reply) {
    if (kind === 'get' && so_far) {
      // The first page tells how it stands.
      const { invitees, call_state } = reply.invitation;
      so_far.invitees.push(...invitees);
      so_far.call_state?.participants.push(...(call_state?.participants ?? []));
      return { ...reply, invitation: so_far };
    }
    if (skipped.length === 0 && more === 0) return reply;
    return { ...reply, skipped: [...skipped, ...(reply.skipped ?? [])], more: more + (reply.more ?? 0) };
  }

  /** What asks for the rest, when that was not all; undefined: it was. */
  #restOf({ request: { kind, about, body }, rest }, reply) {
    if (kind === 'get' && reply.next !== undefined) {
      return { request: { kind, about, body: { ...body, after: reply.next } }, so_far: reply.invitation };
    }
    if (rest.length === 0) return undefined;
    return { request: { kind: 'group_add', about, body: { members: rest } }, skipped: reply.skipped ?? [], more: reply.more ?? 0 };
  }

  /** The call that it answers; undefined, if that is over, or somebody else's. */
  #numberOf(reply, correlation) {
    const req = typeof reply.req === 'string' ? reply.req : correlation;
    const prefix = `${this.#options.req_prefix}:`;
    if (!req.startsWith(prefix) || !/^\d+$/.test(req.slice(prefix.length))) return undefined;
    const number = Number(req.slice(prefix.length));
    const call = this.#calls.get(number);
    return call?.in_flight && fitsRequest(reply, call.request.kind) ? number : undefined;
  }

  #told(call, reply, now) {
    if (call.name === undefined) {
      if (call.request.kind === 'sync') this.#synced(call.request, reply, now);
      else this.#errandReplied(call.request, reply, now);
      return;
    }
    this.#effects.push({ effect: 'result', call: call.name, reply });
    if (call.request.kind === 'get' && reply.ok) {
      // What is over and was not held is no news: the caller asked for the past.
      const info = reply.invitation;
      if (this.#inbox.holds(info.id) || info.state === 'open') this.#passOn(this.#inbox.takeInfo(info, now), now);
      return;
    }
    this.#passOn(this.#inbox.takeReply(call.request, reply, now), now);
    const id = madeBy(call.request);
    // When it was sent before, it may have been made.
    if (id && isForTheMoment(reply) && (call.sent > 1 || reply.error === 'internal')) this.#callOff(call.request);
  }

  #errandReplied(request, reply, now) {
    if (isForTheMoment(reply)) {
      this.#errands.again(request, now + soon);
      return;
    }
    if (reply.error === 'too_large' && this.#errands.dropData(request)) {
      // What this broker does not take: that it stops ringing counts for more.
      this.#errands.again(request, now);
      return;
    }
    this.#errands.done(request);
    if (request.kind !== 'get') this.#passOn(this.#inbox.takeReply(request, reply, now), now);
    else if (reply.ok) this.#passOn(this.#inbox.takeInfo(reply.invitation, now), now);
    else this.#passOn(this.#inbox.forgotten(request.about, now), now);
  }

  // ------------------------------------------------------------------------ time

  #applyDue(now) {
    for (const [number, call] of [...this.#calls]) {
      if (call.deadline > now || !this.#calls.has(number)) continue;
      if (call.name !== undefined) {
        this.#fail(number, call.sent > 0 ? 'no_reply' : this.#link === 'no_beckon' ? 'no_beckon' : 'not_connected');
        continue;
      }
      this.#take(number);
      if (call.request.kind === 'sync') {
        this.#syncing = false;
        this.#sync_at = now + this.#options.sync_again;
        this.#noBeckon();
      } else {
        // There was no answer: again.
        this.#errands.again(call.request, now);
      }
    }
    for (const [number, call] of [...this.#calls]) {
      if (call.in_flight && call.again_at <= now && this.#calls.has(number)) this.#send(number, now);
    }
    if (this.#here_at <= now) this.#sayHere(now);
    if (this.#sync_at <= now && !this.#syncing) {
      const after = this.#sync_after;
      this.#sync_after = undefined;
      this.#startSync(after, now);
    }
    this.#passOn(this.#inbox.advance(this.#link === 'syncing' || this.#link === 'ready', now), now);
    this.#pump(now);
  }

  #noBeckon() {
    this.#setLink('no_beckon');
    for (const [number, call] of [...this.#calls]) {
      if (call.name !== undefined) this.#fail(number, call.sent > 0 ? 'no_reply' : 'no_beckon');
    }
  }

  /** Applies what is due. */
  advance(now) {
    this.#applyDue(now);
    return this.#done();
  }

  nextDeadline() {
    const all = [this.#inbox.nextDeadline(), this.#here_at];
    for (const { deadline, in_flight, again_at } of this.#calls.values()) {
      all.push(deadline);
      if (in_flight) all.push(again_at);
    }
    if (!this.#syncing) all.push(this.#sync_at);
    if (this.#link === 'ready') {
      const pace = this.#pace.next();
      const errand = this.#errands.nextDeadline();
      if (errand !== undefined) all.push(Math.max(errand, pace));
      if (this.#in_flight < this.#options.max_in_flight) {
        for (const number of this.#waiting) all.push(Math.max(this.#calls.get(number).again_at ?? -Infinity, pace));
      }
    }
    const known = all.filter((when) => when !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  }

  /** Ends every call with `closed`, and says that this device is gone. */
  close() {
    for (const [number, call] of [...this.#calls]) {
      if (call.name !== undefined) this.#fail(number, 'closed');
      else this.#take(number);
    }
    this.#errands.clear();
    this.#here_at = undefined;
    if (this.#link !== 'offline') this.#effects.push(this.#here({ gone: true }));
    return this.#done();
  }
}
