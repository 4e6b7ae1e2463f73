// SPDX-License-Identifier: Apache-2.0

/** So that they do not get in the way of calls. */
const max_in_flight = 4;
/** That are remembered, to be called off. */
const max_errands = 1_000;

/**
 * What a device asks for by itself until there is an answer: to learn how an invitation stands, to
 * call one off and get out of its call, or to reject one as busy. Which are in flight, and when the
 * others are to be tried (again). The same as core/device/errands.hpp.
 */
export class Errands {
  /** By kind and id: the request, and when to try (again); undefined: it is in flight. */
  #errands = new Map();
  #in_flight = 0;
  /** That are called off, and may be a call. */
  #calls = new Set();

  static #nameOf = ({ kind, about }) => `${kind} ${about}`;

  #add(kind, about, body, when) {
    const request = { kind, about, body };
    const name = Errands.#nameOf(request);
    if (!this.#errands.has(name)) this.#errands.set(name, { request, when });
  }

  /** Asks how it stands. */
  get(id, when) {
    this.#add('get', id, {}, when);
  }
  /**
   * Cancels it; unless there are too many. Who accepted before may be in a call with this user, who
   * knows nothing of it: it is ended afterwards.
   */
  callOff(id, may_be_call) {
    if (this.#errands.size >= max_errands) return;
    this.#add('cancel', id, {}, -Infinity);
    if (may_be_call) this.#calls.add(id);
  }
  reject(id, body, when) {
    this.#add('reject', id, body, when);
  }

  /** The request of the next one that is due, which is in flight now; undefined: none may be sent. */
  begin(now) {
    if (this.#in_flight >= max_in_flight) return undefined;
    for (const errand of this.#errands.values()) {
      if (errand.when === undefined || errand.when > now) continue;
      errand.when = undefined;
      this.#in_flight += 1;
      return errand.request;
    }
    return undefined;
  }

  /** It is in flight no more, and to be tried again. */
  again(request, when) {
    this.#in_flight -= 1;
    this.#errands.get(Errands.#nameOf(request)).when = when;
  }
  /** The data of that reject was too large. False: it had none. */
  dropData(request) {
    if (request.kind !== 'reject' || request.body.data === undefined) return false;
    this.#errands.get(Errands.#nameOf(request)).request = { ...request, body: { ...request.body, data: undefined } };
    return true;
  }
  done(request) {
    this.#in_flight -= 1;
    this.#errands.delete(Errands.#nameOf(request));
    if (request.kind === 'cancel' && this.#calls.delete(request.about)) this.#add('hangup', request.about, { all: true }, -Infinity);
  }

  /** All are to be tried again, but to ask how an invitation stands: the next sync tells. */
  loseConnection() {
    for (const [name, errand] of [...this.#errands]) {
      if (errand.request.kind === 'get') this.#errands.delete(name);
      else errand.when = -Infinity;
    }
    this.#in_flight = 0;
  }
  clear() {
    this.#errands.clear();
    this.#calls.clear();
    this.#in_flight = 0;
  }

  nextDeadline() {
    if (this.#in_flight >= max_in_flight) return undefined;
    const all = [...this.#errands.values()].map(({ when }) => when).filter((when) => when !== undefined);
    return all.length > 0 ? Math.min(...all) : undefined;
  }
}
