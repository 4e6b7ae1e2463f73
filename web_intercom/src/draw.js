// SPDX-License-Identifier: Apache-2.0
// Puts a view (view.js) onto the page. Decides nothing.
import { $, actButton, face, icon, list, make, write } from './dom.js';
import { place } from './pictures.js';

/** Who touched something else at that moment has not answered. */
const answer_guard_ms = 300;
const focused_first = { incoming: 'answer', outgoing: 'cancel', call: 'hangup', ended: 'close', bell: 'bell' };
let screen = '';

/** What never changes but by the language. */
export function drawLanguage(t) {
  document.documentElement.lang = t.language;
  for (const element of document.querySelectorAll('[data-text]')) write(element, t(element.dataset.text));
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t(element.dataset.label));
  for (const element of document.querySelectorAll('[data-title]')) element.title = t(element.dataset.title);
}

function drawScreen(view) {
  if (view.screen === screen) return;
  screen = view.screen;
  document.body.dataset.screen = screen;
  document.body.classList.toggle('on-stage', view.stage);
  document.body.classList.toggle('bell-only', view.bell_only);
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  if (screen === 'incoming') {
    $('answer').setAttribute('aria-disabled', 'true');
    setTimeout(() => $('answer').removeAttribute('aria-disabled'), answer_guard_ms);
  }
  if (focused_first[screen]) $(focused_first[screen]).focus({ preventScroll: true });
}

const withButtons = (className) => ({ kind = '', text, buttons = [] }) => make('li', { className: `${className} ${kind}` }, make('span', {}, text), ...buttons.map((one) => actButton(one)));

function drawSigns(view) {
  document.title = view.title;
  write($('announce'), view.alert);
  write($('me'), view.me);
  $('link').dataset.state = view.link.state;
  write($('link-text'), view.link.text);
  $('busy').checked = view.busy;
  write($('notice'), view.notice);
  list($('signs'), view.signs, withButtons('sign'));
  list($('elsewhere'), view.bars, withButtons('bar'));
  write($('signed-in'), view.signed_in);
}

const contact = (one) => make('li', {}, actButton(
  one, face(one.face), make('span', { className: 'name' }, one.name), ...(one.note ? [make('small', {}, one.note)] : [])),
  ...(one.door ? [actButton({ ...one.door, kind: 'door' }, icon('door'), one.door.label)] : []));

export const drawContacts = (element, contacts) => list(element, contacts, contact);

const parts = {
  sign_in({ names, refused }) {
    list($('names'), names, (one) => actButton(one));
    write($('refused'), refused);
  },
  home({ contacts, missed, calls }) {
    drawContacts($('contacts'), contacts);
    list($('missed'), missed ? [missed] : [], ({ text, lines, seen }) => [
      make('strong', {}, text), ...lines.map((line) => make('span', {}, line)), actButton(seen),
    ]);
    $('history-title').hidden = calls.length === 0;
    list($('history'), calls, ({ missed: is_missed, text, how, ring }) => make('li', { className: is_missed ? 'missed' : '' },
      make('div', {}, make('strong', {}, text), make('small', {}, how)),
      actButton({ act: ring.group ? 'ring' : 'ring-all', arg: ring.group || ring.users.join(), group: Boolean(ring.group), label: ring.label, title: ring.title, kind: 'quiet' })));
  },
  bell({ who, works, text }) {
    write($('bell-who'), who);
    write($('bell-text'), text);
    $('bell').classList.toggle('off', !works);
  },
  incoming({ who, what, tiles, doors }, streams) {
    write($('incoming-who'), who);
    write($('incoming-what'), what);
    list($('incoming-doors'), doors, door);
    streams.place($('incoming-picture'), tiles);
  },
  outgoing({ who, states, own }, streams) {
    write($('outgoing-who'), who);
    list($('outgoing-states'), states, (text) => make('li', {}, text));
    streams.place($('outgoing-picture'), [own]);
  },
  call({ who, duration, states, tiles, own, mic, camera, doors, add }, streams) {
    write($('call-who'), who);
    write($('duration'), duration);
    list($('call-states'), states, (text) => make('li', {}, text));
    list($('call-doors'), doors, door);
    $('add-person').hidden = !add;
    for (const [id, { text, pressed, disabled }] of [['mic', mic], ['camera', camera]]) {
      const button = $(id);
      write(button.querySelector('span'), text);
      button.setAttribute('aria-pressed', pressed);
      button.disabled = disabled;
    }
    streams.place($('pictures'), tiles);
    streams.place($('own'), [own]);
  },
  ended({ what, how, again }) {
    write($('ended-what'), what);
    write($('ended-how'), how);
    $('again').hidden = !again;
  },
};

const door = ({ label, ...one }) => actButton({ ...one, label, kind: 'round yellow' }, icon('door'), make('span', {}, label));

/** `streamOf(user)` as in pictures.js; `changed()` when a picture has begun to move. */
export function draw(view, t, streamOf, changed) {
  const streams = {
    place: (stage, tiles) => place(stage, tiles, streamOf, changed, ({ user, name }) => (streamOf.isOwn(user) ? t('own_picture') : t('picture_of', { who: name }))),
  };
  drawSigns(view);
  drawScreen(view);
  for (const [name, put] of Object.entries(parts)) if (view[name]) put(view[name], streams);
  // What is not seen shows nobody.
  for (const [name, ids] of [['incoming', ['incoming-picture']], ['outgoing', ['outgoing-picture']], ['call', ['pictures', 'own']]]) {
    if (!view[name]) for (const id of ids) streams.place($(id), []);
  }
}
