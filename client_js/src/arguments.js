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
    this.result = { ok: false, ...how, message: `${field} ${why}`, field };
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

export function word(value, field, words) {
  return words.includes(value) ? value : refuse(field, `is none of ${words.join(', ')}`);
}

/** Seconds, to the wire's milliseconds. */
export function timeout(seconds) {
  const ms = Math.round(seconds * 1000);
  return ms >= 0 && ms <= a_year_ms ? ms : refuse('timeout_ms', 'is out of range');
}

/** What `read` makes of the arguments; `refused` with the result when one cannot be. */
export function checked(read, refused) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refused(error.result);
  }
}

/** What became of a call: `{ reply }` or `{ failure }`, in the words of the application. */
export function toResult({ reply, failure, why = '' }) {
  if (failure) {
    const [code, message] = failures[failure];
    const because = why && ['no_reply', 'not_connected'].includes(failure) ? ` (${why})` : '';
    return { ok: false, code, error: failure, message: message + because };
  }
  if (reply.ok) return { ok: true, code: 0, error: '', message: '' };
  const { code, error, message, field, limit, by, by_device, replaced_by } = reply;
  return { ok: false, code, error, message, ...(field && { field }), ...(limit !== undefined && { limit }), ...(by && { by, byDevice: by_device }), ...(replaced_by && { replacedBy: replaced_by }) };
}
