// SPDX-License-Identifier: Apache-2.0
// The page: its state, and what changes it. What rings and who talks is asked of the client each time that
// something happens (`look`), never kept here: so a reload finds all as it was.
import { Client } from '../../client_js/src/client.js';
import { Awake, badge } from './awake.js';
import { no_contacts, readContacts } from './contacts.js';
import { draw } from './draw.js';
import { Gear } from './gear.js';
import { in_browser, of_user, readMine, readSettings, writeLogin, writeMine, writeSettings } from './kept.js';
import { Media } from './media.js';
import { isWanted, othersIn, shownOf, situation } from './situation.js';
import { Sound } from './sound.js';
import { pickLanguage, translator } from './strings.js';
import { endOf, initial_state, mayBeSeen, sentence, view } from './view.js';

/** What the address says, behind #. */
export const parameters = new URLSearchParams(location.hash.slice(1));
const linger_ms = 1_000 * Number(parameters.get('linger') ?? 8);
const most_missed = 50;

export const state = { ...initial_state(), contacts: no_contacts, mine: readMine(), bell: (parameters.get('bell') ?? '').split(',').filter(Boolean) };
export const settings = readSettings();
export const sound = new Sound(look);
export const gear = new Gear(look);
const awake = new Awake();
export let client;
export let signaling;
export let t = translator('en');
/** How times and dates are written: as the browser does, where it speaks the same language. */
export let locale = 'en';
let media;

export function setLanguage() {
  const own = navigator.languages ?? [navigator.language];
  t = translator(pickLanguage([settings.language, parameters.get('lang'), ...own].filter(Boolean)));
  locale = own.find((one) => one.split('-')[0] === t.language) ?? t.language;
  return t;
}

export function changeSettings(changed) {
  Object.assign(settings, changed);
  writeSettings(settings);
}

/** At the door, nobody is to be turned away by what a visitor pressed. */
export function setBusy(busy) {
  state.busy = busy && state.bell.length === 0;
  signaling?.setBusy(state.busy);
}

// ------------------------------------------------------------------------------------- what one sees

const timeOfDay = (ms) => new Date(ms).toLocaleString(locale, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
const streamOf = (user) => {
  if (user === state.me) return { stream: gear.local, shows: gear.shows };
  const peer = media?.peers.find((one) => one.user === user && one.tracks.getTracks().length > 0);
  return { stream: peer?.tracks, shows: peer?.shows };
};
streamOf.isOwn = (user) => user === state.me;

let seen;
function show() {
  Object.assign(state, { now: Date.now(), gear: gear.status, sound: sound.state });
  seen = view(state, t, timeOfDay);
  draw(seen, t, streamOf, look);
  badge(seen.badge);
}

/** The screen that is shown. */
export const screen = () => seen?.screen;

let shown_invitation;
/** What rang in this window, and by whom. */
const rang = new Map();
/** To whom `hello` was said: again when this window comes in, or somebody does. */
let greeted;
const greeting = ({ inviteID, participants }) => `${inviteID} ${client.device} ${participants.join()}`;

/** Something happened: looks what there is, does what that asks for, and shows it. */
export function look() {
  if (client) act();
  show();
}

function act() {
  state.open = signaling.getPendingInvitations();
  const now = situation(state);
  const { call, resumable, outgoing, incoming } = now;
  if (resumable && !call && client.connectionState === 'connected') resume(resumable.inviteID);
  const invitation = shownOf(now)?.inviteID;
  if (invitation !== shown_invitation) {
    media.keep(() => false);
    shown_invitation = invitation;
    if (incoming && incoming.inviteID === invitation && mayBeSeen(state, incoming.inviter)) media.hello(incoming.inviter);
  }
  if (incoming && !rang.has(incoming.inviteID)) {
    rang.set(incoming.inviteID, incoming.inviter);
    signaling.ringing(incoming.inviteID);
  }
  if (call && greeted !== greeting(call)) {
    greeted = greeting(call);
    media.hello();
  }
  if (!call) greeted = undefined;
  else note(call.inviteID, { users: othersIn(call, state.me) });
  media.keep((peer) => isWanted(now, peer, (user) => mayBeSeen(state, user)));
  gear.want(Boolean(call || outgoing));
  media.share(gear.local, gear.shows);
  sound.play(incoming ? (call || outgoing ? 'knocks' : 'rings') : outgoing && !call ? 'ringing' : 'none');
  awake.want(Boolean(call || outgoing || incoming) || (settings.awake && state.me !== ''));
  if (call || outgoing || incoming) state.end = undefined;
}

/** One of the table's sentences for a while, with its words; or `why`, which is one already. */
export function notice(key, words = {}) {
  state.notice = { key, words, until: Date.now() + linger_ms };
  look();
}

export const noticeError = (result) => {
  state.notice = { why: sentence(t, result), until: Date.now() + linger_ms };
  look();
};

// ------------------------------------------------------------------------------- what becomes of rings

/** Whom each invitation of this window is with, to say so at its end: { users, group, again }. */
const known = new Map();
const most_known = 20;

export function note(inviteID, about) {
  const before = known.get(inviteID);
  known.delete(inviteID);
  known.set(inviteID, { ...before, ...about });
  if (known.size > most_known) known.delete(known.keys().next().value);
}

export function claim(inviteID) {
  state.mine = inviteID;
  writeMine(inviteID);
}

/** It is over: `what` is a row of the table, or `why` a sentence. */
export function over(inviteID, { what, why, ms }) {
  if (state.mine === inviteID) claim(undefined);
  state.end = { what, why, ms, ...known.get(inviteID), until: Date.now() + linger_ms };
}

/** By invitation: whom it asks, and who had no device online then and has not been heard of since. */
export function noteAway(inviteID, users) {
  if (users.length > 0) state.away.set(inviteID, new Set([...(state.away.get(inviteID) ?? []), ...users]));
}

export async function resume(inviteID) {
  if (resume.going === inviteID) return;
  resume.going = inviteID;
  claim(inviteID);
  const result = await signaling.resume(inviteID);
  resume.going = undefined;
  if (!result.ok) {
    claim(undefined);
    noticeError(result);
  }
  look();
}

function miss(inviteID, inviter) {
  state.missed = [{ inviteID, inviter, at: Date.now() }, ...state.missed.filter((one) => one.inviteID !== inviteID)].slice(0, most_missed);
  of_user.writeMissed(state.me, state.missed);
}

/** All that was missed until now is known. */
export function markSeen() {
  state.seen = Date.now();
  state.missed = [];
  of_user.writeSeen(state.me, state.seen);
  of_user.writeMissed(state.me, []);
  look();
}

const listener = {
  onSignalingEvent({ type, inviteID, byDevice, invitees, data, reason }) {
    if (type === 'signal') {
      const [user] = invitees;
      if (state.away.get(inviteID)?.delete(user)) look();
      const wanted = inviteID === shown_invitation && isWanted(situation(state), { user, device: byDevice }, (one) => mayBeSeen(state, one));
      if (wanted && typeof data === 'string') media.take(user, byDevice, data);
    }
    // Of these there is a call of its own, which has yet to come.
    if (['signal', 'participantLeft', 'participantMoved', 'callEnded'].includes(type)) return;
    look();
    const didNotCome = { inviteeRejected: 'rejected', invitationTimeout: 'timed_out' }[type];
    if (inviteID === shown_invitation && screen() === 'call' && didNotCome) notice('did_not_come', { users: invitees, key: endOf({ state: didNotCome, reason }) });
  },
  onInvitationEnded({ inviteID, state: how, reason, here, by }) {
    // Who talks now has its end in onCallEnded.
    const talks = signaling.getPendingInvitations().some((info) => info.inviteID === inviteID && info.participants.includes(state.me));
    if (inviteID === state.mine && !talks && how !== 'accepted') {
      over(inviteID, { what: endOf({ state: how, reason, here }) });
    } else if (!here && rang.has(inviteID) && reason !== 'replaced') {
      noticeEnd({ inviteID, how, reason, by, inviter: rang.get(inviteID) });
    }
    rang.delete(inviteID);
    state.away.delete(inviteID);
    look();
    refreshHistory();
  },
  onCallEnded(inviteID, reason, durationMs) {
    state.away.delete(inviteID);
    if (inviteID === state.mine || inviteID === shown_invitation) over(inviteID, { what: reason === 'connection_lost' ? 'ended_connection' : 'ended_call', ms: durationMs });
    look();
    refreshHistory();
  },
  onParticipantLeft(inviteID, user) {
    if (user !== state.me) notice('left_call', { users: [user] });
    else if (inviteID === state.mine) over(inviteID, { what: 'ended_left' });
    look();
  },
  onParticipantMoved(inviteID, user) {
    if (user === state.me && inviteID === state.mine) {
      claim(undefined);
      notice('goes_on_elsewhere');
    }
    look();
  },
  onRejectedAsBusy(inviteID, inviter) {
    miss(inviteID, inviter);
    notice('not_disturbed', { users: [inviter] });
    refreshHistory();
  },
};

/** It rang here, and stopped without this window. */
function noticeEnd({ inviteID, how, reason, by, inviter }) {
  if (by === state.me) return notice(how === 'accepted' ? 'answered_elsewhere' : 'declined_elsewhere');
  if (how === 'cancelled' && reason === 'answered') return notice('answered_by', { users: [by] });
  miss(inviteID, inviter);
  if (how === 'timed_out') return notice('missed_from', { users: [inviter] });
  return how === 'cancelled' ? notice('caller_stopped') : undefined;
}

// --------------------------------------------------------------------------- what the broker and files have

/**
 * `ask`, once at a time and not all the time, however often that is wanted: others cause what it is wanted for,
 * and the broker answers nobody all the time.
 */
function calmly(ask, pause_ms = 1_000) {
  let is_asking = false;
  let is_wanted = false;
  const run = async () => {
    is_wanted = true;
    if (is_asking) return;
    is_asking = true;
    while (is_wanted) {
      is_wanted = false;
      await ask();
      look();
      await new Promise((done) => setTimeout(done, pause_ms));
    }
    is_asking = false;
  };
  return run;
}

export const refreshGroups = calmly(async () => {
  const result = await client?.getGroupManager().getJoinedGroupList();
  if (result?.ok) state.groups = result.groups;
});

const refreshHistory = calmly(async () => {
  const result = await signaling.getHistory({ limit: 20 });
  if (result.ok) state.history = result.history.map((one) => ({ ...one, at: Date.now() - one.ageMs }));
});

/** contacts.json beside the page; when it is away or wrong, what it said last. */
export async function loadContacts() {
  const last = readContacts(in_browser.read('contacts', (value) => typeof value === 'string') ?? 'null');
  try {
    const response = await fetch('contacts.json', { cache: 'no-cache', signal: AbortSignal.timeout(4_000) });
    const source = response.ok ? await response.text() : undefined;
    if (source !== undefined) {
      const read = readContacts(source);
      state.contacts = read.problem ? { ...last, problem: read.problem } : read;
      if (!read.problem) in_browser.write('contacts', source);
    } else if (response.status === 404) {
      state.contacts = no_contacts;
      in_browser.write('contacts', undefined);
    } else {
      throw new Error(`${response.status}`);
    }
  } catch {
    state.contacts = last.given ? last : no_contacts;
  }
  look();
}

export const ringSeconds = () => Number(parameters.get('ring') ?? state.contacts.ring_seconds ?? 30);

function iceServers() {
  const said = parameters.get('stun');
  return said ? [{ urls: `stun:${said}` }] : state.contacts.ice;
}

// --------------------------------------------------------------------------------------- who this is

/** Connects as this user. `typed`: somebody is there who can mend the password. */
export function start(login, { stays = false, typed = false } = {}) {
  // Of what was kept only what the address said; contacts.json may say something else by now.
  const said = parameters.get('server') ?? login.server;
  const server = said ?? state.contacts.server;
  try {
    const { userID, password } = login;
    client = new Client({ userID, password, ...(server && { server }), reconnectMin: 250, reconnectMax: 5_000 });
  } catch (error) {
    client = undefined;
    return noticeError(error);
  }
  writeLogin({ ...login, ...(said && { server: said }) }, stays);
  signaling = client.getSignalingManager();
  const me = login.userID;
  Object.assign(state, {
    me, login: { ...login, typed, stays, refused: false }, link_since: Date.now(),
    remembered: of_user.readRemembered(me), missed: of_user.readMissed(me), seen: of_user.readSeen(me),
  });
  media = new Media({ me: () => client.device, send: (to, data) => signaling.signal(shown_invitation, data, to), changed: look, ice: iceServers });
  signaling.addSignalingListener(listener);
  client.getGroupManager().addGroupListener(new Proxy({}, { get: () => refreshGroups }));
  client.addConnectionListener({ onConnectionStateChanged });
  setBusy(settings.busy);
  client.connect();
  look();
}

function onConnectionStateChanged(link, why) {
  if (link === 'connected' || state.link === 'connected') state.link_since = Date.now();
  const refused = why.startsWith('the broker refused the connection');
  Object.assign(state, { link, refused: link === 'connected' ? false : state.refused || refused });
  document.getElementById('link').title = why;
  if (refused && state.login.typed) return signInAgain();
  if (link === 'connected') {
    state.login.typed = false;
    refreshGroups();
    refreshHistory();
    loadContacts();
  }
  look();
}

/** What was typed was refused: it is typed again. */
function signInAgain() {
  client.close();
  client = undefined;
  writeLogin(undefined, false);
  Object.assign(state, { me: '', login: { ...state.login, refused: true }, open: [], link: 'disconnected' });
  look();
}

export function signOut() {
  claim(undefined);
  writeLogin(undefined, false);
  client?.close();
  parameters.delete('user');
  location.hash = parameters;
  location.reload();
}
