// SPDX-License-Identifier: Apache-2.0
// Where the page begins: what one touches or types, and who one is.
import { actions, joinGroup, peopleToAdd, ringByName, add } from './actions.js';
import { stayInstalled } from './awake.js';
import { isId } from './contacts.js';
import { $, make } from './dom.js';
import { drawContacts, drawLanguage } from './draw.js';
import { changeSettings, loadContacts, locale, look, parameters, screen, setBusy, setLanguage, settings, sound, start } from './intercom.js';
import { isKept, readLogin } from './kept.js';
import { language_names, languages } from './strings.js';
import { hueOf, initialsOf } from './words.js';

addEventListener('click', ({ target }) => {
  const button = target.closest?.('button[data-act]');
  if (!button || button.getAttribute('aria-disabled') === 'true') return;
  const { act, arg, group } = button.dataset;
  button.closest('dialog')?.close();
  actions[act](arg, group !== undefined);
});
for (const touch of ['pointerdown', 'keydown', 'touchend']) addEventListener(touch, () => sound.unlock(), { capture: true, passive: true });
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && sound.unlock());

const keys = {
  incoming: { a: 'answer', d: 'decline', b: 'say-busy' },
  outgoing: { h: 'cancel', Escape: 'cancel' },
  call: { h: 'hangup', m: 'mic', c: 'camera', a: 'add-person' },
  ended: { Escape: 'close' },
};
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.matches?.('input, select, dialog *, dialog')) return;
  const id = keys[screen()]?.[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!id) return;
  event.preventDefault();
  if (!$(id).hidden) $(id).click();
});

/** What a form's field has, which is then empty; what is no name stays, and is pointed at. */
function taken(input) {
  const { value } = input;
  if (!isId(value)) {
    input.focus();
    return undefined;
  }
  input.value = '';
  return value;
}

const onSubmit = (form, done) => $(form).addEventListener('submit', (event) => {
  event.preventDefault();
  done(event);
});
onSubmit('who', () => {
  const userID = $('name').value;
  if (isId(userID)) actions['sign-in'](userID);
  else $('name').focus();
});
onSubmit('add', ({ submitter }) => {
  const name = taken($('whom'));
  if (name) (submitter?.value === 'group' ? joinGroup : ringByName)(name);
});
onSubmit('another', () => {
  const name = taken($('another-name'));
  if (!name) return;
  $('adding').close();
  add(name);
});

$('add-person').addEventListener('click', async () => {
  const found = await peopleToAdd();
  if (!found) return;
  const { people, of_group } = found;
  drawContacts($('people'), people.map(({ id, name }) => ({ act: 'add', arg: id, name, face: { initials: initialsOf(name), hue: hueOf(id) } })));
  $('no-people').hidden = people.length > 0;
  $('another').hidden = of_group;
  if (screen() === 'call' && !$('adding').open) $('adding').showModal();
});
for (const button of document.querySelectorAll('dialog .close')) button.addEventListener('click', () => button.closest('dialog').close());

// --------------------------------------------------------------------------------------- settings

$('busy').addEventListener('change', () => {
  changeSettings({ busy: $('busy').checked });
  setBusy(settings.busy);
  look();
});
$('open-settings').addEventListener('click', () => $('settings').showModal());
$('awake').checked = settings.awake;
$('awake').addEventListener('change', () => {
  changeSettings({ awake: $('awake').checked });
  look();
});
$('language').append(...languages.map((one) => make('option', { value: one, lang: one }, language_names[one])));
$('language').value = languages.includes(settings.language) ? settings.language : '';
$('language').addEventListener('change', () => {
  changeSettings({ language: $('language').value });
  drawLanguage(setLanguage());
  tick();
  look();
});

// ------------------------------------------------------------------------------------------ and go

function tick() {
  const now = new Date();
  $('clock').textContent = now.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });
  // Half a day's hours come with a word.
  $('clock').classList.toggle('long', $('clock').textContent.length > 5);
  $('date').textContent = now.toLocaleDateString(locale, { weekday: 'long', day: 'numeric', month: 'long' });
}

/**
 * The address says who this is, for a panel that nobody signs in at; else who was here before. Whoever made a link
 * that leads to a broker of theirs does not get the password for another.
 */
function whoWasHere() {
  const last = readLogin();
  const server = parameters.get('server') ?? last?.server;
  const kept = last?.server === server ? last : undefined;
  const userID = parameters.get('user');
  return userID && kept?.userID !== userID ? { userID, password: '' } : kept;
}

async function begin() {
  drawLanguage(setLanguage());
  tick();
  await loadContacts();
  const before = whoWasHere();
  if (before) start(before, { stays: isKept(before) });
  // What was shown goes by itself, by the clock.
  setInterval(() => {
    tick();
    look();
  }, 500);
  stayInstalled(() => ['home', 'bell'].includes(screen()));
}

addEventListener('hashchange', () => location.reload());
begin();
