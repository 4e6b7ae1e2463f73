// SPDX-License-Identifier: Apache-2.0
// For a page that lives on a wall: the screen stays on, and the page is there, and new, by itself.

/** Keeps the screen on while that is wanted and the page is seen: a browser takes it back when it is not. */
export class Awake {
  #lock;
  #is_wanted = false;
  #asking = false;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#ask());
  }

  want(is_wanted) {
    if (this.#is_wanted === is_wanted) return;
    this.#is_wanted = is_wanted;
    if (is_wanted) {
      this.#ask();
    } else {
      this.#lock?.release().catch(() => {});
      this.#lock = undefined;
    }
  }

  async #ask() {
    if (!this.#is_wanted || this.#asking || document.visibilityState !== 'visible' || !navigator.wakeLock) return;
    if (this.#lock && !this.#lock.released) return;
    this.#asking = true;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (this.#is_wanted) this.#lock = lock;
      else await lock.release();
    } catch {
      // An empty battery, perhaps: it is asked again when somebody looks.
    }
    this.#asking = false;
  }
}

const look_for_news_ms = 3_600_000;

/**
 * Has the page kept by worker.js, so that it is there when its server is not; and comes again by itself when
 * there is a newer one, while `isIdle()`.
 */
export async function stayInstalled(isIdle) {
  const { serviceWorker } = navigator;
  if (!serviceWorker || !isSecureContext) return;
  const had_one = Boolean(serviceWorker.controller);
  let is_newer = false;
  const comeAgain = () => is_newer && isIdle() && location.reload();
  serviceWorker.addEventListener('controllerchange', () => {
    is_newer = had_one;
    comeAgain();
  });
  try {
    const registration = await serviceWorker.register('worker.js');
    setInterval(() => registration.update().catch(() => {}), look_for_news_ms);
    setInterval(comeAgain, 5_000);
  } catch {
    // A server that tells no content types, such as Mosquitto's own, cannot have one.
  }
}

let shown_count;

/** The number on the icon of an installed page. */
export function badge(count) {
  if (count === shown_count) return;
  shown_count = count;
  const done = count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
  done?.catch(() => {});
}
