// SPDX-License-Identifier: Apache-2.0
// node validate_capture.mjs FILE
// Checks what a real broker sent against the schemas. FILE holds one JSON object a line:
// {"topic", "encoding": "json" | "msgpack", "payload_b64"}. Exit code 0: all fits.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { fromJson, fromMsgpack, toJson, toMsgpack } from '../../schemas/tools/wire.mjs';
import { faults, kinds } from './schemas.mjs';

const topics = [
  { pattern: /\/v1\/status$/, encodings: ['json'], kind: () => 'status' },
  { pattern: /\/v1\/operator\/counters$/, encodings: ['json'], kind: () => 'operator:counters' },
  { pattern: /\/v1\/operator\/refused$/, encodings: ['json'], kind: () => 'operator:refused' },
  {
    pattern: /\/v1\/operator\/absent$/,
    encodings: ['json'],
    kind: ({ state }) => (state === undefined ? 'operator:absent_asked' : 'operator:absent_ended'),
  },
  { pattern: /\/v1\/inbox\/[^/]+\/event$/, encodings: ['msgpack'], kind: (message) => `event:${message.event}` },
  { pattern: /\/v1\/inbox\/[^/]+\/json$/, encodings: ['json'], kind: (message) => `event:${message.event}` },
  {
    pattern: /\/v1\/inbox\/[^/]+\/reply(\/.*)?$/,
    encodings: ['json', 'msgpack'],
    kind: (message) => (message.ok === true ? kind_of(message) : 'reply:refused'),
  },
];

const group_done = ['create', 'join', 'quit', 'dismiss', 'update', 'role', 'transfer'];

/** Of a reply that is ok: its verb, but where groups have that too, or share an answer. */
function kind_of({ re, id, group, rev }) {
  if (group_done.includes(re) && rev === undefined) return 'reply:group_done';
  if (re === 'remove' || (re === 'add' && id === undefined)) return 'reply:members_done';
  return re === 'get' && group !== undefined ? 'reply:group_get' : `reply:${re}`;
}

function read(encoding, payload) {
  if (encoding === 'msgpack') return fromMsgpack(payload);
  return fromJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
}

/** The kind of one captured message, and what is wrong with it. */
function check({ topic, encoding, payload_b64 }) {
  const row = topics.find(({ pattern }) => pattern.test(topic));
  if (!row) return { wrong: ['the broker writes nothing to this topic'] };
  if (!row.encodings.includes(encoding)) return { wrong: [`${encoding} does not belong here`] };

  const payload = Buffer.from(payload_b64, 'base64');
  let message;
  let json;
  try {
    message = read(encoding, payload);
    json = toJson(message);
  } catch (error) {
    return { wrong: [`no readable ${encoding}: ${error.message}`] };
  }
  const kind = row.kind(message ?? {});
  if (!kinds.includes(kind)) return { wrong: [`there is no ${kind}`], json };

  const wrong = faults(kind, JSON.parse(json)).map(
    ({ instancePath, message: what, params }) => `${instancePath || '/'} ${what} ${JSON.stringify(params)}`,
  );
  const again = encoding === 'json' ? Buffer.from(json) : Buffer.from(toMsgpack(message));
  if (!again.equals(payload)) wrong.push('written in another way than the vectors: a key twice, white space, a long form');
  if (!isDeepStrictEqual(fromJson(json), message)) wrong.push('data_b64 is for JSON only');
  return { kind, wrong, json };
}

if (process.argv.length !== 3) {
  console.error('usage: node validate_capture.mjs FILE');
  process.exit(2);
}
const counts = {};
let bad = 0;
readFileSync(process.argv[2], 'utf8').split('\n').forEach((line, index) => {
  if (line === '') return;
  const captured = JSON.parse(line);
  const { kind = 'unknown', wrong, json = captured.payload_b64 } = check(captured);
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (wrong.length === 0) return;
  bad += 1;
  console.log(`line ${index + 1}: ${captured.topic}: ${kind}\n  ${json}\n${wrong.map((one) => `  - ${one}`).join('\n')}`);
});
const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
for (const [kind, count] of Object.entries(counts).sort()) console.log(`${String(count).padStart(6)} ${kind}`);
console.log(`${total} messages, ${bad} bad`);
process.exitCode = bad > 0 || total === 0 ? 1 : 0;
