// SPDX-License-Identifier: Apache-2.0
// What one sees, of each state of the page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { no_contacts, readContacts } from '../src/contacts.js';
import { isWanted, situation } from '../src/situation.js';
import { translator } from '../src/strings.js';
import { bellRings, endOf, initial_state, mayBeSeen, missedOf, sentence, view } from '../src/view.js';

const t = translator('en');
const contacts = readContacts(JSON.stringify({ contacts: [{ user: 'door', name: 'Front door', open: 'word' }, { group: 'flat-3', name: 'Flat 3' }] }));
const gear = { why: '', audio: 'on', video: 'on', asks: false };
const at_home = { ...initial_state(), me: 'kitchen', link: 'connected', contacts: no_contacts, gear, now: 1_000_000 };
const see = (state) => view({ ...at_home, ...state }, t, (ms) => `at ${ms}`);

const invitee = (user, state = 'pending', more = {}) => ({ user, state, ringing: false, device: '', data: '', reason: '', ...more });
const invitation = (more) => ({
  inviteID: 'i', inviter: 'door', groupID: '', inviteeList: ['kitchen'], data: '', role: 'invitee', call: true, invitees: [invitee('kitchen')],
  participants: [], callDurationMs: 0, here: false, devices: {}, ...more,
});
const talking = (more) => invitation({ participants: ['door', 'kitchen'], here: true, invitees: [invitee('kitchen', 'accepted')], ...more });

test('nobody has signed in: the names of the contacts are offered, and why the last was refused', () => {
  const { screen, sign_in } = see({ me: '', contacts, login: { userID: 'hall', refused: true } });
  assert.deepEqual([screen, sign_in.names.map(({ label }) => label)], ['sign-in', ['Front door']]);
  assert.match(sign_in.refused, /refuses hall/);
});

test('what is shown first: the call here, then what is rung, who rings, how it ended, and else home or the bell', () => {
  const end = { what: 'ended_call', until: 1_000_001 };
  const rings = invitation({});
  const rung = invitation({ inviteID: 'o', inviter: 'kitchen', role: 'inviter', invitees: [invitee('door')], inviteeList: ['door'] });
  const call = talking({ inviteID: 'c' });
  const screen = (open, more) => see({ open, mine: 'o', ...more }).screen;
  assert.equal(screen([rings, rung, call], { end }), 'call');
  assert.equal(screen([rings, rung], { end }), 'outgoing');
  assert.equal(screen([rings], { end }), 'incoming');
  assert.equal(screen([], { end }), 'ended');
  assert.equal(screen([], { end: { ...end, until: 1_000_000 } }), 'home');
  assert.equal(screen([], { bell: ['flat-3'] }), 'bell');
  assert.equal(screen([call], { left: 'c' }), 'home');
});

test('who rings is told by name, to a screen reader too, and what they say is quoted', () => {
  const { incoming, alert, title } = see({ contacts, open: [invitation({ data: ' hello\n\u202e', groupID: 'flat-3' })] });
  assert.deepEqual([incoming.who, incoming.what, alert, title], ['Front door', 'to Flat 3 · “hello”', 'Front door rings', 'Front door rings']);
  assert.deepEqual(incoming.doors.map(({ act, arg }) => [act, arg]), [['open-door', 'door']]);
});

test('a stranger is called one where there are contacts, and is not seen before an answer', () => {
  const open = [invitation({ inviter: 'mallory' })];
  assert.equal(see({ contacts, open }).incoming.what, 'not among the contacts');
  assert.equal(see({ open }).incoming.what, 'rings');
  const now = situation({ open, me: 'kitchen' });
  const peer = { user: 'mallory', device: 'd' };
  assert.equal(isWanted(now, peer, (user) => mayBeSeen({ contacts }, user)), false);
  assert.equal(isWanted(now, peer, (user) => mayBeSeen({ contacts: no_contacts }, user)), true);
});

test('in a call only the device that talks is seen', () => {
  const now = situation({ open: [talking({ devices: { door: 'one' } })], me: 'kitchen' });
  const wanted = (user, device) => isWanted(now, { user, device }, () => true);
  assert.deepEqual([wanted('door', 'one'), wanted('door', 'two'), wanted('mallory', 'one')], [true, false, false]);
});

test('buttons tell the truth: on, off, or that there is none', () => {
  const of = (its) => see({ open: [talking()], gear: { ...gear, ...its } }).call;
  assert.deepEqual(of({}).camera, { text: 'Camera on', pressed: true, disabled: false });
  assert.deepEqual(of({ video: 'off' }).camera, { text: 'Camera off', pressed: false, disabled: false });
  assert.deepEqual(of({ video: 'none' }).camera, { text: 'No camera', pressed: false, disabled: true });
  assert.deepEqual(of({ audio: 'none' }).mic, { text: 'No mic', pressed: false, disabled: true });
});

const signs = (state) => see(state).signs.map(({ kind }) => kind);
test('signs stay for as long as they are true', () => {
  assert.deepEqual(signs({}), []);
  assert.deepEqual(signs({ sound: 'blocked' }), ['sound']);
  assert.deepEqual(signs({ gear: { ...gear, why: 'insecure', audio: 'none', video: 'none' } }), ['gear']);
  assert.deepEqual(signs({ gear: { ...gear, video: 'none' }, open: [talking()] }), ['gear']);
  assert.deepEqual(signs({ busy: true }), ['quiet']);
  assert.deepEqual(signs({ gear: { ...gear, asks: true } }), ['ask']);
  assert.match(see({ contacts: { ...no_contacts, problem: { key: 'contacts_not_read', why: 'not_json' } } }).signs[0].text, /contacts.json cannot be read \(this is no JSON\)/);
});

test('a lost connection is a dot at first, a sentence when it lasts, and at once when the broker refuses', () => {
  assert.deepEqual(signs({ link: 'disconnected', link_since: 999_000 }), []);
  assert.equal(see({ link: 'disconnected', link_since: 999_000 }).link.text, 'no connection');
  assert.deepEqual(signs({ link: 'disconnected', link_since: 900_000 }), ['link']);
  assert.deepEqual(signs({ link: 'connecting', link_since: 999_000, refused: true }), ['link']);
});

test('missed calls are told once, wherever one heard of them, until they were seen', () => {
  const history = [{ inviteID: 'a', inviter: 'door', missed: true, at: 50 }, { inviteID: 'b', inviter: 'hall', missed: true, at: 90 }, { inviteID: 'c', inviter: 'hall', missed: false, at: 95 }];
  const missed = [{ inviteID: 'a', inviter: 'door', at: 51 }];
  assert.deepEqual(missedOf({ missed, history, seen: 0 }).map(({ inviteID }) => inviteID), ['b', 'a']);
  assert.deepEqual(missedOf({ missed, history, seen: 60 }).map(({ inviteID }) => inviteID), ['b']);
  assert.deepEqual(missedOf({ missed, history, seen: 90 }), []);
});

test('a bell rings the group where there is one of that name, else users, and shows nothing else', () => {
  assert.deepEqual(bellRings({ bell: ['flat-3'], contacts, groups: [] }), { users: [], group: 'flat-3' });
  assert.deepEqual(bellRings({ bell: ['flat-4'], contacts, groups: [{ groupID: 'flat-4' }] }), { users: [], group: 'flat-4' });
  assert.deepEqual(bellRings({ bell: ['door', 'hall'], contacts, groups: [] }), { users: ['door', 'hall'], group: '' });
  const seen = see({ bell: ['flat-3'], contacts, busy: true, open: [talking({ inviteID: 'c' }), invitation({ inviter: 'hall' })], me: 'kitchen' });
  assert.deepEqual([seen.bars, seen.call.doors, seen.call.add, seen.bell_only], [[], [], false, true]);
  assert.deepEqual(see({ bell: ['flat-3'], contacts, link: 'disconnected' }).bell, { who: 'Flat 3', works: false, text: 'no connection' });
});

test('of very many only some are named and shown', () => {
  const many = Array.from({ length: 300 }, (_, at) => `u${at}`);
  const { call } = see({ open: [talking({ participants: ['kitchen', ...many], invitees: many.map((user) => invitee(user)) })] });
  assert.equal(call.who, 'u0, u1, u2, u3, u4, u5, +294');
  assert.deepEqual([call.states.length, call.states.at(-1), call.tiles.length], [7, '+294', 9]);
});

test('who rings during a call knocks', () => {
  const { screen, bars, alert } = see({ open: [talking({ inviteID: 'c' }), invitation({ inviter: 'hall' })] });
  assert.deepEqual([screen, bars.map(({ text }) => text), alert], ['call', ['hall rings'], 'hall rings']);
});

test('how it ended is one of the page\'s own words, whatever reason somebody gave', () => {
  const ends = [{ state: 'rejected', reason: 'busy' }, { state: 'rejected', reason: 'constructor' }, { state: 'cancelled', reason: '', here: true }, { state: 'timed_out' }, { state: '__proto__', reason: 'toString' }];
  assert.deepEqual(ends.map(endOf), ['busy', 'ended_declined', 'ended_cancelled', 'ended_no_answer', 'ended_lost']);
  assert.equal(sentence(t, { error: 'toString', message: 'The broker\nsays so' }), 'The broker says so');
});

test('a group is called as contacts.json does, whatever its owner calls it, and is marked as one', () => {
  const { home } = see({ contacts, groups: [{ groupID: 'flat-3', groupName: 'Trap' }, { groupID: 'trap', groupName: 'Front door' }] });
  assert.deepEqual(home.contacts.map(({ name, note, group }) => [name, note, group]), [['Front door', 'group trap', true], ['Front door', '', false], ['Flat 3', 'group flat-3', true]]);
});
