// SPDX-License-Identifier: Apache-2.0
import { Connection, packetOverhead } from './connection.js';
import { Device } from './device.js';
import { GroupManager, Messages, customData, textData } from './groups.js';
import { OperatorManager } from './operators.js';
import { SignalingManager } from './signaling.js';
import { isId } from './wire.js';
import { randomBytes } from '#random';

/** For the answers to CONNECT and SUBSCRIBE. */
const attempt_patience = 15_000;
/** Timers do not run while the machine sleeps, so none is longer. */
const longest_wait = 2_000;

const random_id = () => [...randomBytes(16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Milliseconds that never step back; a sleep of the machine, which the one clock does not count, is told by the other. */
function clock() {
  let slept = 0;
  let wall = Date.now();
  let running = performance.now();
  return () => {
    const elapsed = Date.now() - wall - (performance.now() - running);
    if (elapsed > 1_000) slept += elapsed;
    wall = Date.now();
    running = performance.now();
    return running + slept;
  };
}

/** Names a device, and its replies: the same whenever it connects, and too short to tell the client id, which is a secret. */
function reply_level(client_id) {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (const unit of client_id) {
    one = Math.imul(one ^ unit.codePointAt(0), 2654435761);
    other = Math.imul(other ^ unit.codePointAt(0), 1597334677);
  }
  return [one ^ (other >>> 15), other ^ (one >>> 13)].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** An exception is the page's, or the process's, to hear of. */
function guarded(action) {
  try {
    action();
  } catch (error) {
    if (globalThis.reportError) globalThis.reportError(error);
    else setTimeout(() => Promise.reject(error));
  }
}

function default_server() {
  const { location } = globalThis;
  return location?.host ? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}` : 'mqtt://127.0.0.1:1883';
}

function check(options) {
  const refuse = (name, why) => {
    throw new TypeError(`${name}: ${why}`);
  };
  const within = (name, least, most) => {
    if (!(options[name] >= least && options[name] <= most)) refuse(name, 'out of range');
  };
  for (const name of ['userID', 'topicRoot']) {
    if (!isId(options[name])) refuse(name, 'is not 1 to 64 of A-Z a-z 0-9 . _ @ : -');
  }
  if (!/^(mqtt|tcp|mqtts|ssl|wss?):\/\/[^/@]/.test(options.server)) refuse('server', 'begins with none of mqtt:// mqtts:// ws:// wss://, and a host');
  if (/\/\/[^/]*@/.test(options.server)) refuse('server', 'names a user: that is for userID and password');
  if (!['wait', 'fail'].includes(options.whenOffline)) refuse('whenOffline', 'is neither wait nor fail');
  within('requestTimeout', 1, 86_400_000);
  within('reconnectMin', 1, 86_400_000);
  within('reconnectMax', options.reconnectMin, 86_400_000);
  within('keepAlive', 2, 65_535);
  within('sessionExpiry', 0, 0x7fffffff);
  within('maxWaiting', 0, 1e9);
}

/** What is behind a client: the connection, time, and the order in which all is told. */
class Engine {
  signaling_listeners = new Set();
  group_listeners = new Set();
  message_listeners = new Set();
  operator_listeners = new Set();
  connection_listeners = new Set();
  state = 'disconnected';
  broker_status = '';
  #options;
  #now = clock();
  #device;
  #hear;
  #connection;
  #connection_options;
  #completions = new Map();
  #last_call = 0;
  #queue = [];
  #draining = false;
  #phase = 'idle'; // waiting, connecting, up, taken_over, closed
  #attempt_until;
  #retry_at;
  #limit;
  #ready_since;
  #why = 'connect was not called';
  #timer;
  #link = 'offline';

  constructor(options, hear) {
    this.#options = options;
    this.#hear = hear;
    const { userID, topicRoot, requestTimeout, clientID, operatorNews } = options;
    const root = `${topicRoot}/v1`;
    const client_id = clientID || random_id();
    const replies = `${root}/inbox/${userID}/reply/${reply_level(client_id)}`;
    this.#device = new Device({
      user: userID, root, req_prefix: random_id().slice(0, 16), device: reply_level(client_id), patience: requestTimeout,
      packet_overhead: packetOverhead(replies),
      // Sooner than the calls that wait for it fail, so that they can say why.
      sync_patience: requestTimeout / 2, max_waiting: options.maxWaiting,
    });
    this.#connection_options = {
      server: options.server, client_id, user: userID, password: options.password || undefined, tls: options.tls,
      keep_alive: options.keepAlive, session_expiry: clientID ? options.sessionExpiry : 0,
      events: `${root}/inbox/${userID}/event`, replies, status: `${root}/status`,
      for_operators: operatorNews ? `${root}/operator/` : '',
    };
    this.#limit = options.reconnectMin;
  }

  get user() {
    return this.#options.userID;
  }
  get device() {
    return this.#device.device;
  }
  get server_epoch() {
    return this.#device.server_epoch;
  }
  randomId() {
    return random_id();
  }
  open() {
    return this.#device.open(this.#now());
  }
  setBusy(as) {
    if (this.closed) return { failure: 'closed' };
    this.#device.setBusy(as);
    return { reply: { ok: true } };
  }

  get closed() {
    return this.#phase === 'closed';
  }

  /** What becomes of a request: `{ reply }` or `{ failure }`. Not when closed. */
  call(request) {
    const name = ++this.#last_call;
    const outcome = new Promise((resolve) => this.#completions.set(name, resolve));
    this.#perform(this.#device.call(name, request, this.#options.whenOffline, this.#now()));
    return outcome;
  }

  /** Calls the method of that name on each listener that has it, in its turn. */
  tell(listeners, method, ...told) {
    for (const listener of [...listeners]) {
      if (listeners.has(listener) && typeof listener[method] === 'function') {
        // What it throws is its own fault, which the others do not suffer.
        guarded(() => listener[method](...told));
      }
    }
  }

  /** Later, in order: nothing is told within a call of the application. */
  #deliver(turn) {
    this.#queue.push(turn);
    if (this.#draining) return;
    this.#draining = true;
    const next = () => {
      // Whatever is wrong with one must not keep the others waiting for ever.
      guarded(this.#queue.shift());
      // One at a time, so that who awaits a result hears of it before what comes next is told.
      if (this.#queue.length > 0) queueMicrotask(next);
      else this.#draining = false;
    };
    queueMicrotask(next);
  }

  #perform(effects) {
    for (const effect of effects) {
      if (effect.effect === 'send') {
        this.#connection?.publish(effect.topic, effect.payload, effect.correlation);
      } else if (effect.effect === 'result') {
        const resolve = this.#completions.get(effect.call);
        this.#completions.delete(effect.call);
        const outcome = { reply: effect.reply, failure: effect.failure, why: this.#why, max_waiting: this.#options.maxWaiting };
        this.#deliver(() => resolve(outcome));
      } else if (effect.effect === 'link') {
        this.#link = effect.link;
        if (effect.link === 'ready') this.#ready_since = this.#now();
        this.#updateState();
      } else {
        this.#deliver(() => this.#phase !== 'closed' && this.#hear(effect));
      }
    }
    this.#wakeWhenDue();
  }

  #updateState() {
    let state = 'disconnected';
    let why = this.#why;
    if (this.#phase === 'taken_over') {
      state = 'kickedOffline';
    } else if (this.#phase === 'connecting' || this.#phase === 'up') {
      state = this.#phase === 'connecting' ? 'connecting' : ({ ready: 'connected', no_beckon: 'noBeckon' }[this.#link] ?? 'connecting');
      why = state === 'noBeckon' ? 'the broker does not answer: it has no Beckon' : '';
    }
    if (state === this.state) return;
    this.state = state;
    this.#deliver(() => this.tell(this.connection_listeners, 'onConnectionStateChanged', state, why));
  }

  // ------------------------------------------------------------------ connection

  connect() {
    if (this.#phase !== 'idle' && this.#phase !== 'taken_over') return;
    this.#limit = this.#options.reconnectMin;
    globalThis.addEventListener?.('online', this.#tryNow);
    globalThis.document?.addEventListener('visibilitychange', this.#tryNow);
    this.#startAttempt();
  }

  /** The network is back, or somebody looks at the page: the next attempt is due. */
  #tryNow = () => {
    if (this.#phase === 'waiting' && globalThis.document?.visibilityState !== 'hidden') this.#retry_at = this.#now();
    this.#advance();
  };

  #startAttempt() {
    this.#phase = 'connecting';
    this.#attempt_until = this.#now() + attempt_patience;
    const current = (done) => (...told) => {
      if (this.#connection === connection) done(...told);
    };
    const connection = new Connection({ ...this.#connection_options, will: this.#device.will() }, {
      up: current((max_packet, no_operator) => {
        this.#phase = 'up';
        this.#why = '';
        this.#perform(this.#device.connected(this.#now(), max_packet));
        this.#updateState();
        if (no_operator) this.#perform([{ effect: 'operator' }]);
      }),
      down: current((why, taken_over, too_large) => this.#lose(why, taken_over, too_large)),
      status: current((payload) => {
        this.broker_status = String(payload);
        this.#perform(this.#device.receiveStatus(payload, this.#now()));
      }),
      operator: current((what, json) => this.#perform([{ effect: 'operator', what, json }])),
      event: current((payload) => this.#perform(this.#device.receiveEvent(payload, this.#now()))),
      reply: current((payload, correlation) => this.#perform(this.#device.receiveReply(payload, this.#now(), correlation))),
    });
    this.#connection = connection;
    this.#updateState();
    this.#wakeWhenDue();
  }

  #lose(why, taken_over = false, too_large = false) {
    const now = this.#now();
    this.#connection?.close();
    this.#connection = undefined;
    this.#phase = taken_over ? 'taken_over' : 'waiting';
    // Doubling with jitter, from the start again after a connection that held.
    if (this.#ready_since !== undefined && now - this.#ready_since > this.#limit) this.#limit = this.#options.reconnectMin;
    this.#retry_at = now + Math.random() * this.#limit;
    this.#limit = Math.min(this.#limit * 2, this.#options.reconnectMax);
    this.#ready_since = undefined;
    this.#why = why;
    this.#perform(this.#device.disconnected(now, too_large));
    this.#updateState();
  }

  #advance() {
    if (this.#phase === 'closed') return;
    const now = this.#now();
    if (this.#phase === 'connecting' && now >= this.#attempt_until) this.#lose('the broker did not answer in time');
    else if (this.#phase === 'waiting' && now >= this.#retry_at) this.#startAttempt();
    this.#perform(this.#device.advance(now));
  }

  #wakeWhenDue() {
    clearTimeout(this.#timer);
    if (this.#phase === 'closed' || (this.#phase === 'idle' && this.#completions.size === 0)) return;
    const now = this.#now();
    const due = [this.#device.nextDeadline(), this.#phase === 'waiting' ? this.#retry_at : undefined, this.#phase === 'connecting' ? this.#attempt_until : undefined];
    const next = Math.min(...due.filter((when) => when !== undefined), now + longest_wait);
    this.#timer = setTimeout(() => this.#advance(), Math.max(Math.ceil(next - now), 0));
  }

  close() {
    if (this.#phase === 'closed') return Promise.resolve();
    globalThis.removeEventListener?.('online', this.#tryNow);
    globalThis.document?.removeEventListener('visibilitychange', this.#tryNow);
    this.#perform(this.#device.close());
    this.#phase = 'closed';
    this.state = 'disconnected';
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = undefined;
    return new Promise((done) => (connection ? connection.close(() => done()) : done()));
  }
}

/** One device of one user: keeps the connection to the broker, and what rings. See beckon.d.ts. */
export class Client {
  #engine;
  #signaling;
  #groups;
  #operators;
  #messages;

  constructor(options) {
    const all = {
      server: default_server(), password: '', clientID: '', tls: undefined, whenOffline: 'wait', requestTimeout: 10_000,
      maxWaiting: 1_000, keepAlive: 15, sessionExpiry: 3_600, reconnectMin: 500, reconnectMax: 30_000, topicRoot: 'beckon',
      operatorNews: false, ...options,
    };
    check(all);
    this.#engine = new Engine(all, (effect) => {
      if (effect.effect === 'news') this.#signaling.hear(effect);
      else if (effect.effect === 'group') this.#groups.hear(effect.event);
      else if (effect.effect === 'operator') this.#operators.hear(effect);
      else this.#messages.hear(effect.event);
    });
    this.#signaling = new SignalingManager(this.#engine);
    this.#groups = new GroupManager(this.#engine);
    this.#operators = new OperatorManager(this.#engine);
    this.#messages = new Messages(this.#engine);
  }

  connect() {
    this.#engine.connect();
  }
  close() {
    return this.#engine.close();
  }

  get connectionState() {
    return this.#engine.state;
  }
  get userID() {
    return this.#engine.user;
  }
  get device() {
    return this.#engine.device;
  }
  get serverEpoch() {
    return this.#engine.server_epoch;
  }
  get brokerStatus() {
    return this.#engine.broker_status;
  }

  addConnectionListener(listener) {
    this.#engine.connection_listeners.add(listener);
  }
  removeConnectionListener(listener) {
    this.#engine.connection_listeners.delete(listener);
  }

  getSignalingManager() {
    return this.#signaling;
  }
  getGroupManager() {
    return this.#groups;
  }
  getOperatorManager() {
    return this.#operators;
  }

  addSimpleMsgListener(listener) {
    this.#engine.message_listeners.add(listener);
  }
  removeSimpleMsgListener(listener) {
    this.#engine.message_listeners.delete(listener);
  }

  sendC2CTextMessage(text, userID, options) {
    return this.#messages.send('message', userID, 'peer', text, textData, options);
  }
  sendC2CCustomMessage(data, userID, options) {
    return this.#messages.send('message', userID, 'peer', data, customData, options);
  }
  sendGroupTextMessage(text, groupID, options) {
    return this.#messages.send('group_message', groupID, 'group', text, textData, options);
  }
  sendGroupCustomMessage(data, groupID, options) {
    return this.#messages.send('group_message', groupID, 'group', data, customData, options);
  }
}
