// SPDX-License-Identifier: Apache-2.0
// One device in virtual time, and a test that plays the broker by hand.
import assert from 'node:assert/strict';
import { decode, encode } from '@msgpack/msgpack';
import { Device } from '../src/device.js';

export const here = 'b1'.repeat(8);
export const elsewhere = 'b2'.repeat(8);
export const of = { alice: 'a1'.repeat(8), bob: here, carol: 'c1'.repeat(8), dave: 'd1'.repeat(8) };

export class Alone {
  now = 1_000_000;
  sends = [];
  heres = [];
  /** What was sent again because no reply came. */
  repeats = [];
  #in_flight = new Set();
  #told = [];
  #results = new Map();
  #calls = 0;

  constructor(options = {}, user = 'bob') {
    this.device = new Device({ user, req_prefix: 'r-', device: 'd', ...options });
  }

  call(kind, about, body = {}, offline = 'wait') {
    this.#take(this.device.call(++this.#calls, { kind, about, body }, offline, this.now));
    return this.#calls;
  }
  invite(invitee, body = {}) {
    return this.call('invite', invitee, { id: 'x', timeout_ms: 30_000, ...body });
  }
  connect() {
    this.#in_flight.clear();
    this.#take(this.device.connected(this.now));
  }
  disconnect() {
    this.#take(this.device.disconnected(this.now));
  }
  close() {
    this.#take(this.device.close());
  }
  /** Connected, and the broker holds these. */
  connectAndSync(invitations = []) {
    this.connect();
    this.sync(invitations);
  }
  sync(invitations = [], more = {}) {
    this.reply(this.sent('sync'), { server_epoch: 'epoch', invitations, ...more });
  }

  /** The oldest request that the test has not seen. */
  sent(verb) {
    const request = this.sends.shift();
    assert.ok(request, `nothing was sent, not ${verb}`);
    if (verb) assert.equal(request.verb, verb);
    return request;
  }
  get silent() {
    return this.sends.length === 0;
  }
  reply(to, body, device = here) {
    const ok = body.error === undefined;
    this.#in_flight.delete(to.body.req);
    this.receiveReply(encode({ re: to.verb, ok, device, req: to.body.req, ...(ok ? {} : { code: 20199, message: 'no' }), ...body }));
  }
  refuse(to, error, code, more = {}) {
    this.reply(to, { error, code, ...more });
  }
  event(event, id, rev, by, body = {}, by_device = of[by]) {
    this.receiveEvent(encode({ event, id, rev, ...(by ? { by, by_device } : {}), ...body }));
  }
  receiveReply(payload) {
    this.#take(this.device.receiveReply(payload, this.now));
  }
  receiveEvent(payload) {
    this.#take(this.device.receiveEvent(payload, this.now));
  }
  wait(duration) {
    const until = this.now + duration;
    while (this.device.nextDeadline() <= until) {
      this.now = Math.max(this.now, this.device.nextDeadline());
      this.#take(this.device.advance(this.now));
      assert.ok(!(this.device.nextDeadline() <= this.now), 'what is due is done');
    }
    this.now = until;
  }

  /** What the application was told since the last time. */
  told(news) {
    const told = this.#told.filter((one) => !news || one.news === news || one.body?.event === news || one.effect === news);
    this.#told = [];
    return told;
  }
  /** How a call went, if it is over; each only once. */
  result(call) {
    const results = this.#results.get(call) ?? [];
    assert.ok(results.length <= 1, 'a call has one result');
    return results[0];
  }
  failure(call) {
    return this.result(call)?.failure;
  }
  get open() {
    return this.device.open(this.now);
  }

  #take(effects) {
    for (const effect of effects) {
      if (effect.effect === 'send') {
        const [, , place, about, verb, me] = effect.topic.split('/');
        const send = { place, about, verb, me, body: decode(effect.payload) };
        if (verb === 'here') this.heres.push(send);
        else if (this.#in_flight.has(send.body.req)) this.repeats.push(send);
        else this.sends.push(send);
        this.#in_flight.add(send.body.req);
      } else if (effect.effect === 'result') {
        this.#results.set(effect.call, [...(this.#results.get(effect.call) ?? []), effect]);
      } else {
        this.#told.push(effect);
      }
    }
  }
}

/** As `sync` tells it: alice asks bob (and others). */
export function ring(id = 'x', invitees = ['bob'], more = {}) {
  return {
    id, inviter: 'alice', call: false, answer: 'all', online_only: false, visibility: 'invitees', rev: 1,
    state: 'open', role: 'invitee', remaining_ms: 30_000,
    invitees: invitees.map((user) => (typeof user === 'string' ? { user, state: 'pending', ringing: false } : { ringing: false, ...user })),
    ...more,
  };
}
/** As `sync` tells it where it leaves something out: without a `rev`. */
export function inPart({ rev: _, ...info }, more = { invitees_left_out: 1 }) {
  return { ...info, ...more };
}
/** As the event tells it. */
export function announce(alone, info = ring(), rev = info.rev) {
  const { id, inviter, group, data, remaining_ms, call, answer, visibility, online_only, role } = info;
  const body = { inviter, group, data, remaining_ms, call, answer, visibility, online_only, role };
  const present = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
  alone.event('new_invitation', id, rev, inviter, { ...present, invitees: info.invitees.map(({ user }) => user) });
}
/** As `get` tells it, once bob's part is over. */
export function over(state, more = {}) {
  const info = ring('x', [{ user: 'bob', state, ...more }], { rev: 2, state: 'ended' });
  delete info.remaining_ms;
  return info;
}
