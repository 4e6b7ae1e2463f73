// SPDX-License-Identifier: Apache-2.0
// From the state of the page to all that one sees of it. Pure: what is shown is decided here, and nowhere
// else. `t` is the translator of strings.js.
import { isKnown, nameOf, wordOf } from './contacts.js';
import { othersIn, situation } from './situation.js';
import { clockTime, hueOf, initialsOf, plain } from './words.js';

/** Names offered where no contacts.json says others. */
const usual_names = ['door', 'kitchen', 'hall', 'upstairs'];
const most_contacts = 48;
const most_calls = 20;
/** Of those who are asked, and who talk: others have no room on the screen. */
const most_named = 6;
const most_tiles = 9;
const offline_is_long_ms = 15_000;

/** What the page starts with; the rest of the modules change it, and look again. */
export const initial_state = () => ({
  me: '', login: undefined, link: 'disconnected', link_since: 0, refused: false, open: [], mine: undefined, left: undefined,
  end: undefined, notice: undefined, groups: [], history: [], missed: [], seen: 0, busy: false, contacts: undefined, remembered: [],
  gear: { why: '', audio: 'unknown', video: 'unknown', asks: false }, sound: 'running', bell: [], away: new Map(), now: 0,
});

/** `t` for what came from somewhere: a word of an error, or of an end. */
export const sentence = (t, { error = '', message = '' }) => (t.has(`error_${error}`) ? t(`error_${error}`) : plain(message) || plain(error));

const face = (id, name, group = false) => ({ id, initials: group ? '' : initialsOf(name), hue: hueOf(id), group });
function namesOf(state, users) {
  const names = users.slice(0, most_named).map((user) => nameOf(state.contacts, user));
  return [...names, ...more(users)].join(', ');
}
const more = (all) => (all.length > most_named ? [`+${all.length - most_named}`] : []);

/** Whom an invitation is with: the group, or those who were asked. */
export const withWhom = (state, { users = [], group = '' }) => (group ? groupName(state, group) : namesOf(state, users));

function groupName({ contacts, groups }, id) {
  const named = nameOf(contacts, id, true);
  return named === id ? plain(groups.find(({ groupID }) => groupID === id)?.groupName, 40) || id : named;
}

/** Whom one may ring, in the order in which they are offered: [{ id, group, name, word }]. */
export function contactsOf(state) {
  const { contacts, groups, remembered, me } = state;
  const listed = contacts.given ? contacts.people : usual_names.map((id) => ({ id, group: false, name: id }));
  const has = (id, group) => listed.some((one) => one.id === id && one.group === group);
  return [
    ...groups.filter(({ groupID }) => !has(groupID, true)).map(({ groupID }) => ({ id: groupID, group: true, name: groupName(state, groupID) })),
    ...listed,
    ...remembered.filter((id) => !has(id, false)).map((id) => ({ id, group: false, name: id })),
  ].filter(({ id, group }) => group || id !== me).slice(0, most_contacts);
}

const isGroup = ({ contacts, groups }, id) => contacts.people.some((one) => one.group && one.id === id) || groups.some(({ groupID }) => groupID === id);

/** What the bell of this page rings: users, or one group. */
export const bellRings = (state) => (state.bell.length === 1 && isGroup(state, state.bell[0]) ? { users: [], group: state.bell[0] } : { users: state.bell, group: '' });

/** Whether somebody's picture may come before anybody answers: strangers have to wait. */
export const mayBeSeen = ({ contacts }, user) => !contacts.given || isKnown(contacts, user);

/** Calls that nobody here has seen to, newest first: [{ inviteID, inviter, at }]. */
export function missedOf({ missed, history, seen }) {
  const of_history = history.filter((one) => one.missed).map(({ inviteID, inviter, at }) => ({ inviteID, inviter, at }));
  const known = new Set(missed.map(({ inviteID }) => inviteID));
  return [...missed, ...of_history.filter(({ inviteID }) => !known.has(inviteID))].filter(({ at }) => at > seen).sort((one, other) => other.at - one.at);
}

// ---------------------------------------------------------------------------------------- the parts

function linkOf(state, t) {
  const { link, now, link_since, refused } = state;
  const text = { connected: 'online', connecting: 'connecting', noBeckon: 'no_beckon' }[link] ?? 'offline';
  const is_long = link !== 'connected' && (refused || now - link_since > offline_is_long_ms);
  return { state: link, text: t(text), sign: is_long ? (refused ? t('refused', { who: state.me }) : t(link === 'noBeckon' ? 'error_no_beckon' : 'offline_long')) : '' };
}

/** The sentence about camera and microphone, if one of them is not there. */
function gearSentence({ gear }, t) {
  if (gear.why === 'insecure') return t('insecure');
  if (gear.why === 'denied') return t('gear_denied');
  const [no_mic, no_camera] = [gear.audio === 'none', gear.video === 'none'];
  return no_mic && no_camera ? t('gear_missing') : no_camera ? t('no_camera_found') : no_mic ? t('no_mic_found') : '';
}

function problemOf({ contacts }, t) {
  const { key, where, why, words } = contacts.problem ?? {};
  return key ? t(key, { where, why: t(why, words) }) : '';
}

/** What stays on the page for as long as it is so. */
function signsOf(state, t, screen) {
  const { sound, busy, gear, bell } = state;
  const is_quiet = busy && bell.length === 0 && screen === 'home';
  return [
    ...(sound === 'blocked' ? [{ kind: 'sound', text: t('touch_for_sound') }] : []),
    ...(sound === 'none' ? [{ kind: 'sound', text: t('no_sound') }] : []),
    ...(is_quiet ? [{ kind: 'quiet', text: t('not_disturbed_sign') }] : []),
    ...[gearSentence(state, t)].filter(Boolean).map((text) => ({ kind: 'gear', text })),
    ...[problemOf(state, t)].filter(Boolean).map((text) => ({ kind: 'problem', text })),
    ...[linkOf(state, t).sign].filter(() => screen !== 'sign-in').filter(Boolean).map((text) => ({ kind: 'link', text })),
    ...(gear.asks && ['home', 'bell'].includes(screen) ? [{ kind: 'ask', text: t('ask_gear'), buttons: [{ act: 'allow', label: t('allow') }] }] : []),
  ];
}

/** What goes on beside the screen, with what one can do about it. */
function barsOf(state, t, screen, { call, outgoing, incoming, elsewhere, rung_elsewhere }) {
  if (state.bell.length > 0) return [];
  const who = (users) => namesOf(state, users);
  const bars = [];
  if (incoming && screen !== 'incoming') {
    bars.push({ text: t('who_rings', { who: who([incoming.inviter]) }), buttons: [
      { act: 'answer-instead', arg: incoming.inviteID, label: t('answer_instead'), kind: 'primary' },
      { act: 'say-busy-to', arg: incoming.inviteID, label: t('busy') },
    ] });
  }
  if (!call && elsewhere.length > 0) {
    const [one] = elsewhere;
    bars.push({ text: t('in_call_elsewhere', { who: who(othersIn(one, state.me)) }), buttons: [{ act: 'resume', arg: one.inviteID, label: t('take_it_here'), kind: 'primary' }] });
  }
  if (!call && rung_elsewhere.length > 0) {
    const [one] = rung_elsewhere;
    bars.push({ text: t('ringing_elsewhere', { who: withWhom(state, { users: one.inviteeList, group: one.groupID }) }), buttons: [{ act: 'cancel-that', arg: one.inviteID, label: t('cancel') }] });
  }
  return outgoing ? bars.filter(({ buttons }) => buttons[0].act !== 'resume') : bars;
}

const openButtons = ({ contacts, bell }, t, users) => (bell.length > 0 ? [] : users.filter((user) => wordOf(contacts, user) !== undefined))
  .map((user) => ({ act: 'open-door', arg: user, label: users.length > 1 ? t('open_door_of', { who: nameOf(contacts, user) }) : t('open_door'), title: t('open_door_of', { who: nameOf(contacts, user) }) }));

/** Of those who are asked: how each stands, and who has no device online. */
function statesOf(state, t, info, invitees) {
  const absent = info.invitees.filter(({ user, state: its, ringing }) => its === 'pending' && !ringing && state.away.get(info.inviteID)?.has(user)).map(({ user }) => user);
  const lines = invitees.slice(0, most_named).map(({ user, state: its, ringing }) => t(`state_${its === 'pending' ? (ringing ? 'ringing' : 'calling') : its}`, { who: nameOf(state.contacts, user) }));
  return [...lines, ...more(invitees), ...(absent.length > 0 ? [t('nobody_there', { who: namesOf(state, absent) })] : [])];
}

const tile = (state, user, muted, caption) => {
  const name = nameOf(state.contacts, user);
  return { user, name, muted, caption: caption ? name : '', face: face(user, name) };
};

/** A switch of the own sound or picture says what is so, and is none where there is nothing to switch. */
function switchOf({ gear }, t, kind, label) {
  const is = gear[kind] === 'unknown' ? 'on' : gear[kind];
  return { text: t(`${label}_${is}`), pressed: is === 'on', disabled: is === 'none' };
}

// -------------------------------------------------------------------------------------- the screens

function homeOf(state, t, time) {
  const missed = missedOf(state);
  const contact = (one) => ({
    act: 'ring', arg: one.id, group: one.group, name: one.name, face: face(one.id, one.name, one.group),
    note: one.name === one.id ? (one.group ? t('group') : '') : one.group ? `${t('group')} ${one.id}` : '',
    door: one.open !== undefined && !one.group ? { act: 'open-door', arg: one.id, label: t('open_door'), title: t('open_door_of', { who: one.name }) } : undefined,
  });
  return {
    contacts: contactsOf(state).map(contact),
    missed: missed.length === 0 ? undefined : {
      text: t('missed_count', { count: missed.length }), seen: { act: 'seen', label: t('seen') },
      lines: missed.slice(0, 3).map(({ inviter, at }) => `${nameOf(state.contacts, inviter)} · ${time(at)}`),
    },
    calls: callsOf(state, t, time),
  };
}

/** What has ended. What was replaced rang on: that stands there as one. */
function callsOf(state, t, time) {
  const calls = state.history.filter(({ invitees }) => !invitees.some(({ reason }) => reason === 'replaced')).slice(0, most_calls);
  return calls.map(({ inviteID, inviter, groupID, invitees, role, missed, reason, talkMs, at }) => {
    const out = role === 'inviter';
    const group = out ? groupID : '';
    const users = out ? invitees.map(({ user }) => user) : [inviter];
    const who = withWhom(state, { users, group });
    const how = missed ? t('missed') : talkMs === undefined ? t(endOf({ state: reason, reason })) : t('talked', { time: clockTime(talkMs) });
    return { id: inviteID, missed, text: t(out ? 'to' : 'from', { who }), how: `${how} · ${time(at)}`, ring: { users, group, label: t('ring'), title: t('ring_whom', { who }) } };
  });
}

/** The row of the table for how something ended: by why, or else by where it stands. */
export function endOf({ state, reason, here = false }) {
  const by_reason = new Map([['busy', 'busy'], ['declined', 'ended_declined']]);
  const cancelled = here ? 'ended_cancelled' : reason === 'replaced' ? 'ended_elsewhere' : 'ended_stopped';
  const by_state = new Map([
    ['timed_out', 'ended_no_answer'], ['cancelled', cancelled], ['rejected', 'ended_declined'], ['revoked', 'ended_stopped'],
    ['accepted', 'ended_answered'], ['hangup', 'ended_call'], ['connection_lost', 'ended_connection'],
  ]);
  return by_reason.get(reason) ?? by_state.get(state) ?? 'ended_lost';
}

function incomingOf(state, t, incoming) {
  const { inviter, groupID, data } = incoming;
  const said = plain(data);
  const parts = [
    groupID && t('to_group', { group: groupName(state, groupID) }),
    state.contacts.given && !isKnown(state.contacts, inviter) && t('not_in_contacts'),
    said && t('says', { data: said }),
  ].filter(Boolean);
  return { who: nameOf(state.contacts, inviter), what: parts.join(' · ') || t('rings'), tiles: [tile(state, inviter, true, false)], doors: openButtons(state, t, [inviter]) };
}

function outgoingOf(state, t, outgoing) {
  const { groupID, inviteeList, invitees } = outgoing;
  const who = withWhom(state, { users: inviteeList, group: groupID });
  return { who, states: statesOf(state, t, outgoing, invitees), own: { ...tile(state, state.me, true, false), face: face(groupID || inviteeList[0], who, Boolean(groupID)) } };
}

function callOf(state, t, call) {
  const others = othersIn(call, state.me);
  return {
    who: namesOf(state, others), duration: clockTime(call.callDurationMs),
    states: statesOf(state, t, call, call.invitees.filter(({ state: its }) => its === 'pending')),
    tiles: others.slice(0, most_tiles).map((user) => tile(state, user, state.sound === 'blocked', others.length > 1)),
    own: tile(state, state.me, true, false),
    mic: switchOf(state, t, 'audio', 'mic'), camera: switchOf(state, t, 'video', 'camera'),
    doors: openButtons(state, t, others), add: state.bell.length === 0,
  };
}

function endedOf(state, t, { what, why, users, group, ms, again }) {
  const who = withWhom(state, { users, group });
  return { what: why ?? t(what), how: [who, ms === undefined ? '' : clockTime(ms)].filter(Boolean).join(' · '), again: Boolean(again) && state.bell.length === 0 };
}

/** All that one sees. `time(ms)` writes a time of day. */
export function view(state, t, time) {
  const now = situation(state);
  const { call, outgoing, incoming } = now;
  const end = state.end && state.end.until > state.now ? state.end : undefined;
  const idle = state.bell.length > 0 ? 'bell' : 'home';
  const screen = state.me === '' ? 'sign-in' : call ? 'call' : outgoing ? 'outgoing' : incoming ? 'incoming' : end ? 'ended' : idle;
  const notice = state.notice && state.notice.until > state.now ? state.notice : undefined;
  const missed = missedOf(state).length;
  const who = state.me && nameOf(state.contacts, state.me);
  const rings = incoming ? t('who_rings', { who: nameOf(state.contacts, incoming.inviter) }) : '';
  return {
    screen, stage: ['incoming', 'outgoing', 'call'].includes(screen), bell_only: state.bell.length > 0,
    title: `${missed > 0 && !rings ? `(${missed}) ` : ''}${rings || (who ? t('title_of', { who }) : t('intercom'))}`,
    alert: rings || (screen === 'ended' ? end.why ?? t(end.what) : ''), badge: missed, me: who, signed_in: who ? t('signed_in_as', { who: state.me }) : '',
    link: linkOf(state, t), busy: state.busy, signs: signsOf(state, t, screen), bars: barsOf(state, t, screen, now),
    notice: notice ? notice.why ?? t(notice.key, wordsOf(state, t, notice.words)) : '',
    ...(screen === 'sign-in' && { sign_in: { names: contactsOf({ ...state, groups: [], remembered: [] }).filter(({ group }) => !group).map(({ id, name }) => ({ act: 'sign-in', arg: id, label: name })),
      refused: state.login?.refused ? t('refused', { who: state.login.userID }) : '' } }),
    ...(screen === 'home' && { home: homeOf(state, t, time) }),
    ...(screen === 'bell' && { bell: { who: withWhom(state, bellRings(state)), works: state.link === 'connected', text: t(state.link === 'connected' ? 'press_to_ring' : 'offline') } }),
    ...(screen === 'incoming' && { incoming: incomingOf(state, t, incoming) }),
    ...(screen === 'outgoing' && { outgoing: outgoingOf(state, t, outgoing) }),
    ...(screen === 'call' && { call: callOf(state, t, call) }),
    ...(screen === 'ended' && { ended: endedOf(state, t, end) }),
  };
}

/** Of a notice: `users` become names, and `key` a sentence of the table. */
function wordsOf(state, t, { users, group, key, ...words } = {}) {
  return { ...words, ...(users && { who: namesOf(state, users) }), ...(group && { group: groupName(state, group) }), ...(key && { why: t(key) }) };
}
