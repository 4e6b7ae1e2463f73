// SPDX-License-Identifier: Apache-2.0
// Messages to bytes and back, as the broker writes them. A message is a plain object; a Uint8Array
// in it is binary (in JSON, its key ends in `_b64`), a BigInt an integer that no number holds.
import { createRequire } from 'node:module';

const installed = createRequire(new URL('../../tests/schemas/package.json', import.meta.url));
const { decode, encode } = installed('@msgpack/msgpack');

/** The status, and what operators hear, has no other encoding. */
export const isJsonOnly = (kind) => kind === 'status' || kind.startsWith('operator:');

/** Compact JSON, UTF-8 unescaped. */
export function toJson(value) {
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Uint8Array) throw new TypeError('binary that has no key');
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  const fields = Object.entries(value).map(([key, field]) =>
    field instanceof Uint8Array
      ? `${JSON.stringify(`${key}_b64`)}:"${Buffer.from(field).toString('base64')}"`
      : `${JSON.stringify(key)}:${toJson(field)}`,
  );
  return `{${fields.join(',')}}`;
}

/** The smallest msgpack: a Uint8Array. */
export function toMsgpack(value) {
  return encode(map(value, widen), { useBigInt64: true });
}

export function fromJson(text) {
  // JSON.parse would round what a number cannot hold, so long integers travel as strings.
  const mark = '\u0000integer:';
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}/g, (token) =>
    token.startsWith('"') ? token : JSON.stringify(mark + token),
  );
  const unmark = (leaf) =>
    typeof leaf === 'string' && leaf.startsWith(mark) ? narrow(BigInt(leaf.slice(mark.length))) : leaf;
  const binary = (key, leaf) =>
    key.endsWith('_b64') && typeof leaf === 'string'
      ? [key.slice(0, -'_b64'.length), Uint8Array.from(Buffer.from(leaf, 'base64'))]
      : [key, leaf];
  return map(JSON.parse(marked), unmark, binary);
}

export function fromMsgpack(bytes) {
  return map(decode(Uint8Array.from(bytes), { useBigInt64: true }), narrow);
}

/** The same value with `change` done to its leaves and `rename` to its fields. */
function map(value, change, rename = (key, leaf) => [key, leaf]) {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return change(value);
  if (Array.isArray(value)) return value.map((item) => map(item, change, rename));
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => rename(key, map(field, change, rename))),
  );
}

/** The msgpack library writes a number beyond 32 bits as a float, a BigInt as an integer. */
function widen(leaf) {
  const wide = Number.isSafeInteger(leaf) && (leaf > 0xffffffff || leaf < -0x80000000);
  return wide ? BigInt(leaf) : leaf;
}

function narrow(leaf) {
  const safe = typeof leaf === 'bigint' && Number.isSafeInteger(Number(leaf));
  return safe ? Number(leaf) : leaf;
}
