// SPDX-License-Identifier: Apache-2.0
import mqtt from 'mqtt';

/** Until a connect is given up. */
const connect_patience = 10_000;
/** MQTT 5: reason codes from here on are refusals. */
const first_refusal = 0x80;
const session_taken_over = 0x8e;
const packet_too_large = 0x95;

/**
 * One connection to the broker, for one time: when it is down, it stays down, and the next is
 * another. Tells `up(max_packet, no_operator)` when the inbox is subscribed to, `event(payload)`,
 * `reply(payload, correlation)`, `status(payload)` and `operator(what, json)` what comes, and once
 * `down(why, taken_over, too_large)`.
 */
export class Connection {
  #client;
  #options;
  #listener;
  #is_up = false;
  #is_down = false;
  #max_packet;
  #why = '';

  constructor(options, listener) {
    this.#options = options;
    this.#listener = listener;
    const { server, client_id, user, password, tls, keep_alive, session_expiry } = options;
    const secure = /^(mqtts|ssl|wss):/.test(server) && tls
      ? { ca: tls.ca, cert: tls.cert, key: tls.key, passphrase: tls.keyPassword, rejectUnauthorized: tls.verify ?? true }
      : {};
    try {
      this.#client = mqtt.connect(server, {
        protocolVersion: 5, clientId: client_id, username: user, password, ...secure, clean: false,
        keepalive: keep_alive, connectTimeout: connect_patience, reconnectPeriod: 0, resubscribe: false,
        queueQoSZero: false, properties: { sessionExpiryInterval: session_expiry },
        will: { topic: options.will.topic, payload: options.will.payload, qos: 1, retain: false },
      });
    } catch (error) {
      queueMicrotask(() => this.#down(error.message));
      return;
    }
    this.#client.on('connect', ({ properties }) => {
      this.#max_packet = properties?.maximumPacketSize;
      // Or Node keeps a request back that follows an acknowledgement, for some 40 ms.
      this.#client.stream.setNoDelay?.(true);
      this.#subscribe();
    });
    this.#client.on('message', (topic, payload, { properties }) => {
      if (this.#is_down) return;
      if (topic === options.events) listener.event(payload);
      else if (topic === options.replies) listener.reply(payload, String(properties?.correlationData ?? ''));
      else if (topic === options.status) listener.status(payload);
      else if (options.for_operators && topic.startsWith(options.for_operators)) listener.operator(topic.slice(options.for_operators.length), String(payload));
    });
    this.#client.on('error', ({ code, message }) => {
      // What the broker says has a number for a code, what the network does has a word.
      this.#why = typeof code === 'number' ? `the broker refused the connection: ${message}` : `cannot connect to ${where(server)}: ${message || code}`;
    });
    this.#client.on('disconnect', ({ reasonCode }) => {
      this.#down(`the broker ended the connection (${reasonCode})`, reasonCode === session_taken_over, reasonCode === packet_too_large);
    });
    this.#client.on('close', () => this.#down(this.#why || 'the connection was lost'));
  }

  publish(topic, payload, correlation) {
    const properties = { responseTopic: this.#options.replies, contentType: 'application/vnd.msgpack', correlationData: encodeText(correlation) };
    // When the connection is being lost, what is of use is sent again after the next.
    if (this.#client?.connected) this.#client.publish(topic, payload, { qos: 0, properties });
  }

  /** Leaves the broker; `done` when it has been told, or cannot be. */
  close(done = () => {}) {
    this.#is_down = true;
    // It waits for what has no acknowledgement, such as a subscription, for ever.
    this.#client?.end(!this.#is_up || !this.#client.connected, done);
    if (!this.#client) done();
  }

  #subscribe() {
    const { events, replies, status, for_operators } = this.#options;
    const topics = [events, replies, status, ...(for_operators ? [`${for_operators}+`] : [])];
    this.#client.subscribe(topics, { qos: 1 }, (error, asked, answer) => {
      if (this.#is_down) return;
      // Without its status, which is the third, one knows less, but can do all.
      const [no_events, no_replies, , no_operator] = topics.map((_, at) => !(answer?.granted[at] < first_refusal));
      if (no_events || no_replies) {
        this.#down(`the broker refused the subscription to ${events}`);
      } else {
        this.#is_up = true;
        this.#listener.up(this.#max_packet, no_operator);
      }
    });
  }

  #down(why, taken_over = false, too_large = false) {
    if (this.#is_down) return;
    this.#is_down = true;
    this.#client?.end(true);
    this.#listener.down(why, taken_over, too_large);
  }
}

/** What a packet has beside topic, payload and correlation, at most: the fixed header, the lengths of
    topic and properties, and of each property its number and length. */
export const packetOverhead = (replies) => 5 + 2 + 4 + 3 * 3 + replies.length + 'application/vnd.msgpack'.length;

/** mqtt.js takes a Buffer, which it brings to the browser, or what looks like one. */
function encodeText(text) {
  return globalThis.Buffer ? globalThis.Buffer.from(text) : new TextEncoder().encode(text);
}

/** What was given is not repeated whole: it may hold a password. */
function where(server) {
  return server.replace(/\/\/[^/]*@/, '//');
}
