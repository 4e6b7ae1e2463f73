// SPDX-License-Identifier: Apache-2.0
// What this window keeps over a reload, and what this browser keeps for its users. Where nothing can be
// kept, or something else was, it is as if nothing had been.

function storage(name) {
  try {
    return globalThis[name];
  } catch {
    return undefined; // forbidden by the browser's settings
  }
}

function place(name) {
  const store = storage(name);
  return {
    read(key, fits) {
      try {
        const value = JSON.parse(store.getItem(`intercom ${key}`));
        return fits(value) ? value : undefined;
      } catch {
        return undefined;
      }
    },
    write(key, value) {
      try {
        if (value === undefined) store.removeItem(`intercom ${key}`);
        else store.setItem(`intercom ${key}`, JSON.stringify(value));
      } catch {
        // Full, or forbidden: then it is not kept.
      }
    },
  };
}

export const in_window = place('sessionStorage');
export const in_browser = place('localStorage');

const isText = (value) => typeof value === 'string';
const isLogin = (value) => isText(value?.userID) && isText(value.password);

/** Who signed in here: in this window, or to stay. */
export const readLogin = () => in_window.read('login', isLogin) ?? in_browser.read('login', isLogin);

/** Whether it is there also after this window was closed. */
export const isKept = ({ userID }) => in_browser.read('login', isLogin)?.userID === userID;

export function writeLogin(login, stays) {
  in_window.write('login', login);
  in_browser.write('login', stays ? login : undefined);
}

export const readMine = () => in_window.read('mine', isText);
export const writeMine = (inviteID) => in_window.write('mine', inviteID);

/** `language` ('' is the browser's own), `awake`, `busy`. */
export const readSettings = () => ({ language: '', awake: true, busy: false, ...in_browser.read('settings', (value) => value !== null && typeof value === 'object') });
export const writeSettings = (settings) => in_browser.write('settings', settings);

const isMissed = ({ inviteID, inviter, at }) => isText(inviteID) && isText(inviter) && Number.isFinite(at);

/** Of one user: whom they rang by name, which calls were missed, and until when that was seen. */
export const of_user = {
  readRemembered: (me) => in_browser.read(`rung by ${me}`, (all) => Array.isArray(all) && all.every(isText)) ?? [],
  writeRemembered: (me, users) => in_browser.write(`rung by ${me}`, users),
  readMissed: (me) => in_browser.read(`missed by ${me}`, (all) => Array.isArray(all) && all.every(isMissed)) ?? [],
  writeMissed: (me, missed) => in_browser.write(`missed by ${me}`, missed),
  readSeen: (me) => in_browser.read(`seen by ${me}`, Number.isFinite) ?? 0,
  writeSeen: (me, at) => in_browser.write(`seen by ${me}`, at),
};
