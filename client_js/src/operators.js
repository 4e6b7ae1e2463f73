// SPDX-License-Identifier: Apache-2.0
import { askPages } from './pages.js';
import { toSignalingInfo } from './signaling.js';

/** Asks what only operators may, and tells what only they hear. See beckon.d.ts. */
export class OperatorManager {
  #engine;

  constructor(engine) {
    this.#engine = engine;
  }

  addOperatorListener(listener) {
    this.#engine.operator_listeners.add(listener);
  }
  removeOperatorListener(listener) {
    this.#engine.operator_listeners.delete(listener);
  }

  getOnlineUsers() {
    return askPages(this.#engine, () => ({ kind: 'online' }), 'users', ({ online }) => online.map(({ user, devices }) => ({ userID: user, devices })));
  }

  getOpenInvitations() {
    return askPages(this.#engine, () => ({ kind: 'open' }), 'invitations', ({ invitations }) => invitations.map(toSignalingInfo));
  }

  /** What is for operators, or that this user is none, to the listeners. For the client alone. */
  hear({ what, json }) {
    this.#engine.tell(this.#engine.operator_listeners, ...(what === undefined ? ['onNoOperator'] : ['onOperatorNews', what, json]));
  }
}
