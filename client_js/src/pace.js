// SPDX-License-Identifier: Apache-2.0

/**
 * When the next request may be sent, so that the broker takes them all: so many at once, and then so
 * many a second. A little less than what it allows one user, since the line bunches them and other
 * devices ask as well. The same as core/device/pace.hpp.
 */
export class Pace {
  #interval;
  #at_once;
  /** What was sent is paid for then. */
  #full = 0;

  constructor() {
    this.set(50, 200);
  }
  set(per_second, burst) {
    this.#interval = 10_000 / 9 / Math.max(per_second, 1);
    this.#at_once = this.#interval * Math.max(Math.floor((burst * 3) / 4) - 1, 0);
  }
  /** The first instant at which one may be sent. */
  next() {
    return Math.ceil(this.#full - this.#at_once);
  }
  sent(now) {
    this.#full = Math.max(this.#full, now) + this.#interval;
  }
  /** The broker takes none now. */
  refused(now) {
    this.#full = Math.max(this.#full, now + this.#at_once);
  }
}
