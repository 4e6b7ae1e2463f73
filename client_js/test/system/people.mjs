// SPDX-License-Identifier: Apache-2.0
// A client that keeps what it hears, in order, until the test takes it.
import { Client } from '../../src/client.js';
import { within } from './broker.mjs';

const signaling = ['onReceiveNewInvitation', 'onInviteeAccepted', 'onInviteeRejected', 'onInvitationCancelled', 'onInvitationTimeout', 'onInvitationModified', 'onInvitationEnded', 'onInviteeRinging', 'onSignalingEvent', 'onCallEnded', 'onParticipantJoined', 'onParticipantLeft', 'onParticipantMoved', 'onSignal', 'onRejectedAsBusy'];
const groups = ['onGroupEvent', 'onGroupCreated', 'onMemberEnter', 'onMemberLeave', 'onMemberInvited', 'onMemberKicked', 'onGroupDismissed', 'onGroupInfoChanged', 'onGrantAdministrator', 'onRevokeAdministrator'];
const messages = ['onRecvC2CTextMessage', 'onRecvC2CCustomMessage', 'onRecvGroupTextMessage', 'onRecvGroupCustomMessage'];
const operators = ['onOperatorNews', 'onNoOperator'];
const all = new Set();

export class Person {
  heard = [];
  #waiting = [];

  constructor(server, userID, options = {}) {
    this.client = new Client({ server, userID, reconnectMin: 20, reconnectMax: 200, ...options });
    this.signaling = this.client.getSignalingManager();
    this.groups = this.client.getGroupManager();
    this.operators = this.client.getOperatorManager();
    this.signaling.addSignalingListener(this.#listener(signaling));
    this.groups.addGroupListener(this.#listener(groups));
    this.operators.addOperatorListener(this.#listener(operators));
    this.client.addSimpleMsgListener(this.#listener(messages));
    this.client.addConnectionListener(this.#listener(['onConnectionStateChanged']));
    all.add(this);
  }

  static async connected(server, userID, options) {
    const person = new Person(server, userID, options);
    person.client.connect();
    await person.hears('onConnectionStateChanged', (state) => state === 'connected');
    return person;
  }

  #listener(methods) {
    return Object.fromEntries(methods.map((method) => [method, (...told) => {
      this.heard.push([method, ...told]);
      this.#waiting = this.#waiting.filter((look) => !look());
    }]));
  }

  /** The arguments of the first such call, which is taken out. */
  hears(method, matches = () => true) {
    const taken = new Promise((done) => {
      const look = () => {
        const at = this.heard.findIndex(([name, ...told]) => name === method && matches(...told));
        if (at >= 0) done(this.heard.splice(at, 1)[0].slice(1));
        return at >= 0;
      };
      if (!look()) this.#waiting.push(look);
    });
    return within(taken, () => `${this.client.userID} to hear ${method}; it heard ${JSON.stringify(this.heard)}`);
  }

  count(method) {
    return this.heard.filter(([name]) => name === method).length;
  }

  /** All of the tests' clients. */
  static async leaveAll() {
    await Promise.all([...all].map(({ client }) => client.close()));
    all.clear();
  }
}
