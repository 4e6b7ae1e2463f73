// SPDX-License-Identifier: Apache-2.0
// The page: who rings whom, and what one sees. What rings and who talks is asked of the client each
// time that something happens (`look`), never kept here: so a reload finds all as it was.
import { Client } from '../client_js/src/client.js';
import { Media } from './media.js';

const $ = (id) => document.getElementById(id);
const usual_names = ['door', 'kitchen', 'hall', 'upstairs'];
/** What the address says: user, server, stun, and for how long it rings. */
const parameters = new URLSearchParams(location.hash.slice(1));
const ring_s = Number(parameters.get('ring') ?? 30);

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
  svg.firstChild.setAttribute('href', `#i-${name}`);
  return svg;
}

function face(name, group = false) {
  const tint = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  const element = make('span', { className: 'face', ariaHidden: 'true' }, group ? icon('group') : name.slice(0, 1).toUpperCase());
  element.style.setProperty('--tint', `hsl(${tint} 35% 32%)`);
  return element;
}

const listed = (users) => users.join(', ');
const clock_time = (ms) => {
  const s = Math.floor(ms / 1000);
  const two = (number) => String(number).padStart(2, '0');
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};

/** What this window keeps over a reload, and what this browser keeps for its users. */
const kept = {
  read: (store, key, otherwise) => JSON.parse(store.getItem(key) ?? 'null') ?? otherwise,
  write: (store, key, value) => store.setItem(key, JSON.stringify(value)),
};

let client;
let signaling;
let media;
let me = '';
/** The invitation that this window rings, answered or talks in: it is shown here after a reload, too. */
let mine = kept.read(sessionStorage, 'mine');
/** How the last one ended, until that is closed. */
let end;
/** The call that this window has left, and others go on with. */
let left;
let local;
let groups = [];
let screen = 'sign-in';

function claim(inviteID) {
  mine = inviteID;
  kept.write(sessionStorage, 'mine', inviteID ?? null);
}

// ------------------------------------------------------------------------------------ what there is

/** What is shown: the call here, else what this window rings, else who rings. */
function present() {
  const open = signaling.getPendingInvitations();
  const pendingHere = ({ role, invitees }) => role === 'invitee' && invitees.some(({ user, state }) => user === me && state === 'pending');
  const isPending = ({ invitees }) => invitees.some(({ state }) => state === 'pending');
  const isAccepted = ({ invitees }) => invitees.some(({ state }) => state === 'accepted');
  const talks = open.filter(({ inviteID, participants }) => participants.includes(me) && inviteID !== left);
  return {
    call: talks.find(({ here }) => here),
    resumable: talks.find(({ inviteID, here }) => inviteID === mine && !here),
    elsewhere: talks.filter(({ here }) => !here),
    outgoing: open.find((one) => one.inviteID === mine && one.role === 'inviter' && !talks.includes(one) && isPending(one)),
    // What another window, or another panel, of the same user rings.
    rung_elsewhere: open.filter((one) => one.inviteID !== mine && one.role === 'inviter' && isPending(one) && !(one.call && isAccepted(one))),
    incoming: open.find((one) => pendingHere(one) && one.inviteID !== mine) ?? open.find(pendingHere),
  };
}

const others = ({ participants }) => participants.filter((user) => user !== me);

/** Who may be seen and heard: who talks, with the device that talks; before that whoever is rung or rings. */
function isWanted({ call, outgoing, incoming }, { user, device }) {
  const isPendingIn = (info) => info.invitees.some((one) => one.user === user && one.state === 'pending');
  if (call) {
    if (call.participants.includes(user)) return (call.devices[user] || device) === device;
    return call.role === 'inviter' && isPendingIn(call);
  }
  if (outgoing) return isPendingIn(outgoing);
  return incoming?.inviter === user;
}

let shown_invitation;
/** What rang in this window. */
const rang = new Set();

/** Something happened: looks what there is, and shows it. */
function look() {
  if (!client) return;
  const now = present();
  const { call, resumable, outgoing, incoming } = now;
  if (resumable && !call && client.connectionState === 'connected') resume(resumable.inviteID);
  const invitation = (call ?? outgoing ?? incoming)?.inviteID;
  if (invitation !== shown_invitation) {
    media.keep(() => false);
    shown_invitation = invitation;
    if (!call && !outgoing && incoming) {
      // That it rings here, and that its picture is wanted.
      rang.add(incoming.inviteID);
      signaling.ringing(incoming.inviteID);
      media.hello(incoming.inviter);
    }
  }
  if (call && greeted !== greeting(call)) {
    greeted = greeting(call);
    media.hello();
  }
  if (!call) greeted = undefined;
  media.keep((peer) => isWanted(now, peer));
  tone(call ? 'none' : outgoing ? 'ringing' : incoming ? 'rings' : 'none');
  if (call || outgoing) share();
  else unshare();
  if (call || outgoing || incoming) end = undefined;
  show(call ? 'call' : outgoing ? 'outgoing' : incoming ? 'incoming' : end ? 'ended' : 'home', now);
}

/** To whom `hello` was said: again when this window comes in, or somebody does. */
let greeted;
const greeting = ({ inviteID, participants }) => `${inviteID} ${client.device} ${participants.join()}`;

// ------------------------------------------------------------------------------ own sound and picture

let asking;
async function share() {
  if (!local && !asking) {
    asking = capture();
    const captured = await asking;
    asking = undefined;
    const { call, outgoing } = present();
    if (!call && !outgoing) {
      captured?.getTracks().forEach((track) => track.stop());
      return;
    }
    local = captured;
    look();
    return;
  }
  // A pressed button says that it is on.
  for (const [kind, id] of [['audio', 'mic'], ['video', 'camera']]) {
    for (const track of local?.getTracks() ?? []) if (track.kind === kind) track.enabled = $(id).ariaPressed === 'true';
  }
  media.share(local);
}

async function capture() {
  if (!navigator.mediaDevices) {
    notice('No camera or microphone here: the page must come over https, or from this machine.');
    return new MediaStream();
  }
  for (const wanted of [{ audio: true, video: { width: { ideal: 1280 } } }, { audio: true }, { video: true }]) {
    try {
      return await navigator.mediaDevices.getUserMedia(wanted);
    } catch (error) {
      if (error.name === 'NotAllowedError') break;
    }
  }
  notice('Without camera and microphone.');
  return new MediaStream();
}

function unshare() {
  local?.getTracks().forEach((track) => track.stop());
  local = undefined;
  media.share(undefined);
  for (const id of ['mic', 'camera']) $(id).ariaPressed = 'true';
}

// ------------------------------------------------------------------------------------- what one does

async function ring(users, group) {
  end = undefined;
  // Who rings the same again rings there once: also after this window was closed and opened again.
  const options = { call: true, timeout: ring_s, answer: 'first', replace: true };
  const asked = group ? signaling.inviteInGroup(group, [], '', options) : signaling.inviteSeveral(users, '', options);
  claim(asked.inviteID);
  known.set(asked.inviteID, { users, group });
  look();
  const result = await asked;
  noteAway(asked.inviteID, result.offline);
  if (result.mergedInto) claim(result.mergedInto);
  else if (!result.ok && result.error !== 'withdrawn') over(asked.inviteID, sentence(result));
  look();
}

/** By invitation: whom it asks, and who had no device online then and has not been heard of since. */
const away = new Map();
function noteAway(inviteID, users) {
  if (users.length > 0) away.set(inviteID, new Set([...(away.get(inviteID) ?? []), ...users]));
}
const areAway = ({ inviteID, invitees }) =>
  invitees.filter(({ user, state, ringing }) => state === 'pending' && !ringing && away.get(inviteID)?.has(user)).map(({ user }) => user);

/** Answers what rings or, when the bell was pressed again at that moment, what it rings on as. */
async function answerRing(inviteID, say) {
  const result = await say(inviteID);
  return result.replacedBy ? answerRing(result.replacedBy, say) : result;
}

async function answer() {
  const { incoming } = present();
  if (!incoming) return;
  const result = await answerRing(incoming.inviteID, (inviteID) => {
    claim(inviteID);
    known.set(inviteID, { users: [incoming.inviter] });
    return signaling.accept(inviteID);
  });
  if (!result.ok) {
    claim(undefined);
    notice(sentence(result));
  } else if (!incoming.call) {
    over(mine, 'Answered', incoming.inviter);
  }
  look();
}

async function reject(reason) {
  const { incoming } = present();
  if (!incoming) return;
  const result = await answerRing(incoming.inviteID, (inviteID) => signaling.reject(inviteID, '', reason));
  if (!result.ok) notice(sentence(result));
  look();
}

async function hangup() {
  const { call, outgoing } = present();
  if (call) {
    const { inviteID, callDurationMs } = call;
    const result = await signaling.hangup(inviteID);
    if (!result.ok) notice(sentence(result));
    // Others talk on: no event tells that to who did it.
    else if (call.participants.length > 2) {
      left = inviteID;
      over(inviteID, 'You left the call', `${withWhom(inviteID)} · ${clock_time(callDurationMs)}`);
    }
  } else if (outgoing) {
    await signaling.cancel(outgoing.inviteID);
  }
  look();
}

async function cancel(inviteID) {
  const result = await signaling.cancel(inviteID);
  if (!result.ok) notice(sentence(result));
  look();
}

/** Whom one may add: of a group its members, else those whom one rings; nobody who was asked already. */
async function showPeople() {
  const { call } = present();
  if (!call) return;
  const members = call.groupID ? (await client.getGroupManager().getGroupMemberList(call.groupID)).members : undefined;
  const asked = [me, call.inviter, ...call.inviteeList];
  const people = (members?.map(({ userID }) => userID) ?? contacts()).filter((user) => !asked.includes(user));
  $('people').replaceChildren(...(people.length > 0 ? people.map((user) => contact(user, () => add(user))) : [make('p', {}, 'Nobody is left in the list.')]));
  $('another').hidden = Boolean(call.groupID);
  if (screen === 'call' && !$('adding').open) $('adding').showModal();
}

async function add(user) {
  $('adding').close();
  const { call } = present();
  if (!call) return;
  const result = await signaling.addInvitees(call.inviteID, [user], { timeout: ring_s });
  noteAway(call.inviteID, result.offline);
  const [error] = result.ok ? result.skipped : [result];
  if (error) notice(`${user}: ${sentence({ message: error.error, ...error })}`);
  look();
}

let resuming;
async function resume(inviteID) {
  if (resuming === inviteID) return;
  resuming = inviteID;
  claim(inviteID);
  const result = await signaling.resume(inviteID);
  resuming = undefined;
  if (!result.ok) {
    claim(undefined);
    notice(sentence(result));
  }
  look();
}

function toggle(id) {
  $(id).ariaPressed = $(id).ariaPressed === 'true' ? 'false' : 'true';
  look();
}

const sentences = {
  user_offline: 'Nobody is there', not_connected: 'No connection to the broker', no_reply: 'The broker does not answer',
  already_accepted: 'Answered on another device', already_rejected: 'Declined on another device', already_cancelled: 'Cancelled',
  already_timed_out: 'Too late', not_member: 'You are not in that group', unknown_group: 'There is no such group',
};
const sentence = ({ error, message }) => sentences[error] ?? message;

// ------------------------------------------------------------------------------------------ what ends

/** Whom each invitation of this window is with, to say so at its end. */
const known = new Map();
const withWhom = (inviteID) => {
  const { users = [], group } = known.get(inviteID) ?? {};
  return group ?? listed(users);
};

function over(inviteID, what, how = withWhom(inviteID)) {
  if (mine === inviteID) claim(undefined);
  const again = known.get(inviteID);
  end = { what, how, again: again && (() => ring(again.users, again.group)) };
}

const no = { busy: 'Busy', declined: 'Declined' };
/** Of who was added to the call. */
const didNotCome = { inviteeRejected: (reason) => no[reason] ?? 'Declined', invitationTimeout: () => 'No answer' };

const listener = {
  onSignalingEvent({ type, inviteID, by, byDevice, invitees, role, data, reason }) {
    if (type === 'signal') {
      const [user] = invitees;
      if (away.get(inviteID)?.delete(user)) look();
      if (inviteID === shown_invitation && typeof data === 'string' && isWanted(present(), { user, device: byDevice })) media.take(user, byDevice, data);
    }
    // Of these there is a call of its own, which has yet to come.
    if (['signal', 'participantLeft', 'participantMoved', 'callEnded'].includes(type)) return;
    if (type === 'newInvitation' && role === 'invitee') remember(by);
    look();
    if (inviteID === shown_invitation && screen === 'call' && didNotCome[type]) notice(`${listed(invitees)}: ${didNotCome[type](reason)}`);
  },
  onInvitationEnded({ inviteID, state, reason, here, by }) {
    // Who talks now has its end in onCallEnded.
    const talks = signaling.getPendingInvitations().some((one) => one.inviteID === inviteID && one.participants.includes(me));
    if (inviteID === mine && !talks && state !== 'accepted') {
      const stopped = here ? 'Cancelled' : reason === 'replaced' ? 'Rings from another window' : 'Stopped';
      const what = no[reason]
        ?? { timed_out: 'No answer', cancelled: stopped, rejected: 'Declined', revoked: 'Stopped' }[state] ?? 'Lost';
      over(inviteID, what);
    } else if (!here && rang.delete(inviteID) && reason !== 'replaced') {
      if (by === me) notice(state === 'accepted' ? 'Answered on another device' : 'Declined on another device');
      else notice({ timed_out: 'Missed', cancelled: reason === 'answered' ? `Answered by ${by}` : 'The caller stopped ringing' }[state] ?? '');
    }
    away.delete(inviteID);
    look();
    refreshHistory();
  },
  onCallEnded(inviteID, reason, durationMs) {
    away.delete(inviteID);
    if (inviteID === mine || inviteID === shown_invitation) {
      over(inviteID, reason === 'connection_lost' ? 'The connection was lost' : 'Call ended', `${withWhom(inviteID)} · ${clock_time(durationMs)}`);
    }
    look();
    refreshHistory();
  },
  onParticipantLeft(inviteID, user) {
    if (user !== me) notice(`${user} left`);
    else if (inviteID === mine) over(inviteID, 'You left the call');
    look();
  },
  onParticipantMoved(inviteID, user) {
    if (user === me && inviteID === mine) {
      claim(undefined);
      notice('The call goes on in another window');
    }
    look();
  },
  onRejectedAsBusy(inviteID, inviter) {
    remember(inviter);
    notice(`${inviter} rang: you were not disturbed`);
    refreshHistory();
  },
};

// ------------------------------------------------------------------------------------- what one sees

function notice(text) {
  $('notice').textContent = text;
}

const focused_first = { incoming: 'answer', outgoing: 'cancel', call: 'hangup', ended: 'close' };

function show(next, now) {
  if (next !== screen) {
    screen = next;
    document.body.dataset.screen = next;
    if (next !== 'home' && next !== 'ended') notice('');
    $('adding').close();
    if (focused_first[next]) $(focused_first[next]).focus({ preventScroll: true });
    if (next === 'home') showContacts();
  }
  const { call, outgoing, incoming, elsewhere: talks_elsewhere, rung_elsewhere } = now;
  document.title = incoming && next === 'incoming' ? `${incoming.inviter} rings` : me ? `Intercom · ${me}` : 'Intercom';
  $('elsewhere').hidden = talks_elsewhere.length + rung_elsewhere.length === 0 || next === 'call';
  $('elsewhere').replaceChildren(
    ...talks_elsewhere.slice(0, 1).flatMap((one) => [
      make('span', {}, `In a call with ${listed(others(one))} in another window`),
      make('button', { type: 'button', className: 'primary', onclick: () => resume(one.inviteID) }, 'Take it here'),
    ]),
    ...rung_elsewhere.slice(0, 1).flatMap((one) => [
      make('span', {}, `Ringing ${one.groupID || listed(one.inviteeList)} from another window`),
      make('button', { type: 'button', onclick: () => cancel(one.inviteID) }, 'Cancel'),
    ]),
  );
  if (next === 'incoming') {
    $('incoming-who').textContent = incoming.inviter;
    $('incoming-what').textContent = [incoming.groupID && `to ${incoming.groupID}`, typeof incoming.data === 'string' && incoming.data].filter(Boolean).join(' · ') || 'rings';
    pictures('incoming-picture', [incoming.inviter], true);
  } else if (next === 'outgoing') {
    $('outgoing-who').textContent = outgoing.groupID || listed(outgoing.inviteeList);
    $('outgoing-states').replaceChildren(...statesOf(outgoing, outgoing.invitees));
    ownPicture('outgoing-picture', withWhom(outgoing.inviteID) || listed(outgoing.inviteeList));
  } else if (next === 'call') {
    $('call-who').textContent = listed(others(call));
    known.set(call.inviteID, { ...known.get(call.inviteID), users: others(call) });
    $('call-states').replaceChildren(...statesOf(call, call.invitees.filter(({ state }) => state === 'pending')));
    pictures('pictures', others(call), false);
    ownPicture('own', me);
    for (const [id, on, off] of [['mic', 'Mic on', 'Mic off'], ['camera', 'Camera on', 'Camera off']]) {
      $(id).querySelector('span').textContent = $(id).ariaPressed === 'true' ? on : off;
    }
  } else if (next === 'ended') {
    $('ended-what').textContent = end.what;
    $('ended-how').textContent = end.how;
    $('again').hidden = !end.again;
  }
  tick();
}

const stateOf = ({ user, state, ringing }) =>
  make('li', {}, `${user}: ${state === 'pending' ? (ringing ? 'rings' : 'calling') : state.replace('_', ' ')}`);

function statesOf(info, invitees) {
  const nobody = areAway(info);
  return [...invitees.map(stateOf), ...(nobody.length > 0 ? [make('li', {}, `Nobody of ${listed(nobody)} is there now.`)] : [])];
}

/** A place for each of these, with the picture that comes from them, if one does. */
function pictures(id, users, muted) {
  place(id, users.map((user) => {
    const peer = media.peers.find((one) => one.user === user && one.tracks.getTracks().length > 0);
    return { name: user, stream: peer?.tracks, muted, caption: users.length > 1 };
  }));
}

function ownPicture(id, name) {
  place(id, [{ name, stream: local, muted: true }]);
}

function place(id, wanted) {
  const stage = $(id);
  for (const old of [...stage.children]) if (!wanted.some(({ name }) => name === old.dataset.name)) old.remove();
  for (const { name, stream, muted, caption } of wanted) {
    let figure = [...stage.children].find((one) => one.dataset.name === name);
    if (!figure) {
      const video = make('video', { autoplay: true, playsInline: true });
      figure = make('figure', { className: 'picture' }, face(name), video, make('figcaption', {}, name));
      figure.style.margin = 0;
      figure.dataset.name = name;
      video.onresize = video.onplaying = () => look();
      stage.append(figure);
    }
    const [video, below] = figure.querySelectorAll('video, figcaption');
    below.hidden = !caption;
    video.muted = muted;
    if (video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
    if (stream && video.paused) video.play().catch(() => {});
    const [track] = stream?.getVideoTracks() ?? [];
    figure.classList.toggle('moving', Boolean(track && !track.muted && track.enabled && track.readyState === 'live' && video.videoWidth > 0));
  }
}

function tick() {
  const now = new Date();
  $('clock').textContent = now.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  $('date').textContent = now.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' });
  const call = client && present().call;
  if (call) $('duration').textContent = clock_time(call.callDurationMs);
}

const contacts = () => kept.read(localStorage, `contacts ${me}`, usual_names).filter((user) => user !== me);
const contact = (user, onclick) => make('button', { type: 'button', onclick }, face(user), user);

function showContacts() {
  $('contacts').replaceChildren(
    ...groups.map(({ groupID, groupName }) => make('button', { type: 'button', onclick: () => ring([], groupID) }, face(groupID, true), groupName || groupID)),
    ...contacts().map((user) => contact(user, () => ring([user]))),
  );
}

function remember(user) {
  const names = kept.read(localStorage, `contacts ${me}`, usual_names);
  if (user && user !== me && !names.includes(user)) kept.write(localStorage, `contacts ${me}`, [user, ...names].slice(0, 24));
  if (screen === 'home') showContacts();
}

async function refreshGroups() {
  const result = await client.getGroupManager().getJoinedGroupList();
  if (result.ok) groups = result.groups;
  showContacts();
}

async function refreshHistory() {
  const { ok, history } = await signaling.getHistory({ limit: 20 });
  // What was replaced rang on: that stands there as one.
  const calls = history.filter(({ invitees }) => !invitees.some(({ reason }) => reason === 'replaced'));
  $('history-title').hidden = !ok || calls.length === 0;
  if (!ok) return;
  $('history').replaceChildren(...calls.map((one) => {
    const out = one.role === 'inviter';
    const users = out ? one.invitees.map(({ user }) => user) : [one.inviter];
    const how = one.missed ? 'Missed' : one.talkMs === undefined ? one.reason.replace('_', ' ') : `Talked ${clock_time(one.talkMs)}`;
    const when = new Date(Date.now() - one.ageMs).toLocaleString([], { weekday: 'short', hour: '2-digit', minute: '2-digit' });
    return make('li', { className: one.missed ? 'missed' : '' },
      make('div', {}, make('strong', {}, `${out ? 'To' : 'From'} ${one.groupID && out ? one.groupID : listed(users)}`), make('small', {}, `${how} · ${when}`)),
      make('button', { type: 'button', className: 'quiet', ariaLabel: `Ring ${listed(users)}`, onclick: () => (one.groupID && out ? ring([], one.groupID) : ring(users)) }, 'Ring'));
  }));
}

// --------------------------------------------------------------------------------------- the ring tone

let sound;
let sounding = 'none';
function tone(which) {
  if (which === sounding) return;
  sounding = which;
  clearInterval(tone.timer);
  if (which === 'none') {
    if (isTouched()) navigator.vibrate?.(0);
    return;
  }
  const beat = () => {
    if (!isTouched()) return;
    chime(which);
    if (which === 'rings') navigator.vibrate?.([300, 150, 300]);
  };
  beat();
  tone.timer = setInterval(beat, which === 'rings' ? 2_000 : 4_000);
}

/** Before that, the browser lets a page neither sound nor shake. */
const isTouched = () => !navigator.userActivation || navigator.userActivation.hasBeenActive;

function chime(which) {
  sound ??= new AudioContext();
  const start = sound.currentTime;
  const notes = which === 'rings' ? [659, 523, 659, 523] : [425];
  notes.forEach((frequency, at) => {
    const [oscillator, gain] = [sound.createOscillator(), sound.createGain()];
    const from = start + at * 0.18;
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(which === 'rings' ? 0.2 : 0.06, from + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, from + (which === 'rings' ? 0.3 : 1));
    oscillator.connect(gain).connect(sound.destination);
    oscillator.start(from);
    oscillator.stop(from + 1);
  });
}

// --------------------------------------------------------------------------------------- who this is

function start(userID, password) {
  me = userID;
  try {
    client = new Client({ userID, password, ...(parameters.has('server') && { server: parameters.get('server') }), reconnectMin: 250, reconnectMax: 5_000 });
  } catch (error) {
    notice(error.message);
    return;
  }
  kept.write(sessionStorage, 'user', { userID, password });
  $('me').textContent = userID;
  signaling = client.getSignalingManager();
  const ice = parameters.has('stun') ? [{ urls: `stun:${parameters.get('stun')}` }] : [];
  media = new Media({ me: () => client.device, send: (to, data) => signaling.signal(shown_invitation, data, to), changed: look, ice });
  signaling.addSignalingListener(listener);
  client.getGroupManager().addGroupListener(new Proxy({}, { get: () => refreshGroups }));
  client.addConnectionListener({
    onConnectionStateChanged(state, why) {
      $('link').dataset.state = state;
      $('link').textContent = { connected: 'online', connecting: 'connecting', noBeckon: 'this broker has no Beckon' }[state] ?? `offline: ${why}`;
      if (state === 'connected') {
        refreshGroups();
        refreshHistory();
      }
      look();
    },
  });
  signaling.setBusy($('busy').checked);
  client.connect();
  look();
}

function signOut() {
  claim(undefined);
  sessionStorage.clear();
  client?.close();
  parameters.delete('user');
  location.hash = parameters;
  location.reload();
}

$('names').append(...usual_names.map((name) => make('button', { type: 'button', onclick: () => start(name, $('password').value) }, name)));
$('who').onsubmit = (event) => {
  event.preventDefault();
  if ($('name').value) start($('name').value, $('password').value);
  else $('name').focus();
};
$('add').onsubmit = async (event) => {
  event.preventDefault();
  const name = $('whom').value;
  if (!name) return;
  $('whom').value = '';
  if (event.submitter?.value !== 'group') {
    remember(name);
    ring([name]);
    return;
  }
  const manager = client.getGroupManager();
  let result = await manager.joinGroup(name);
  if (result.error === 'unknown_group') result = await manager.createGroup(name);
  notice(result.ok ? `You are in ${name}` : sentence(result));
  refreshGroups();
};
$('busy').onchange = () => signaling.setBusy($('busy').checked);
$('sign-out').onclick = signOut;
$('answer').onclick = answer;
$('decline').onclick = () => reject('declined');
$('say-busy').onclick = () => reject('busy');
$('cancel').onclick = $('hangup').onclick = hangup;
$('mic').onclick = () => toggle('mic');
$('camera').onclick = () => toggle('camera');
$('add-person').onclick = showPeople;
$('add-nobody').onclick = () => $('adding').close();
$('another').onsubmit = (event) => {
  event.preventDefault();
  const user = $('another-name').value;
  $('another-name').value = '';
  remember(user);
  add(user);
};
$('again').onclick = () => end?.again?.();
$('close').onclick = () => {
  end = undefined;
  look();
};

const keys = {
  incoming: { a: answer, d: () => reject('declined'), b: () => reject('busy') },
  outgoing: { h: hangup, Escape: hangup },
  call: { h: hangup, m: () => toggle('mic'), c: () => toggle('camera'), a: showPeople },
  ended: { Escape: () => $('close').click() },
};
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.matches?.('input, dialog *, dialog')) return;
  const act = keys[screen]?.[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
setInterval(tick, 500);
tick();

const before = kept.read(sessionStorage, 'user') ?? (parameters.has('user') && { userID: parameters.get('user'), password: '' });
if (before) start(before.userID, before.password);
