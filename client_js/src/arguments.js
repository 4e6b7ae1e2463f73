// SPDX-License-Identifier: Apache-2.0
// What the application says becomes a request, or is refused as the broker would refuse it; and
// what came back becomes a result.
import { failures } from './device.js';
import { isId } from './wire.js';

const a_year_ms = 31_536_000_000;
/** No broker takes more, and MQTT has no larger message. */
const max_data_bytes = 2 ** 28;

class Refused {
  constructor(field, why, how = { code: 6017, error: 'invalid_request' }) {
    this.reply = { ok: false, ...how, message: `${field} ${why}`, field };
  }
}

const refuse = (...why) => {
  throw new Refused(...why);
};

export const id = (text, field) => (isId(text) ? text : refuse(field, 'is no id'));

export function ids(list, field) {
  if (!Array.isArray(list) && !(list instanceof Set)) refuse(field, 'is no list');
  return [...list].map((one) => id(one, field));
}

/** A text, or bytes; an empty one is none. */
export function data(value, field = 'data') {
  if (value === undefined || value === null || value.length === 0) return undefined;
  if ((value.byteLength ?? value.length) > max_data_bytes) refuse(field, 'is too long', { code: 8001, error: 'too_large', limit: max_data_bytes });
  if (typeof value === 'string') return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return refuse(field, 'is neither text nor bytes');
}

export const text = (value, field) => (typeof value === 'string' ? value : refuse(field, 'is no text'));

export const reason = (value) => (text(value, 'reason') === '' ? refuse('reason', 'is empty') : value);

export function word(value, field, words) {
  return words.includes(value) ? value : refuse(field, `is none of ${words.join(', ')}`);
}

/** Seconds, to the wire's milliseconds. */
export function timeout(seconds) {
  const ms = Math.round(seconds * 1000);
  return ms >= 0 && ms <= a_year_ms ? ms : refuse('timeout_ms', 'is out of range');
}

/** The outcome of `act`, which reads arguments: refused, when one cannot be. */
export function checked(act) {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { reply: error.reply };
  }
}

/** Makes the call that `read` reads from the arguments; its result is what `convert` makes of the outcome. */
export const ask = (engine, read, convert = toResult) =>
  Promise.resolve(engine.closed ? { failure: 'closed' } : checked(() => engine.call(read()))).then(convert);

/** Those of the fields that there are. */
export const present = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function failed({ failure, why, max_waiting }) {
  const [code, message] = failures[failure];
  const because = why && ['no_reply', 'not_connected'].includes(failure) ? ` (${why})` : '';
  return { ok: false, code, error: failure, message: message + because, limit: failure === 'too_many_waiting' ? max_waiting : undefined };
}

/** What became of a call, `{ reply }` or `{ failure, why, max_waiting }`, in the words of the application. */
export function toResult(outcome) {
  const { ok, code = 0, error = '', message = '', device = '', dup = false, field, limit, by, by_device: byDevice, replaced_by: replacedBy, rev } = outcome.reply ?? failed(outcome);
  return { ok, code, error, message, device, dup, ...present({ field, limit, by, byDevice, replacedBy, rev }) };
}
