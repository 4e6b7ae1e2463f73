// SPDX-License-Identifier: Apache-2.0
// The raw payloads of ../samples/malformed.json, and their neighbours that are well formed.
import { toMsgpack } from './wire.mjs';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const json = (text) => hex(text);
/** JSON that holds raw bytes: each `~` of the text becomes them. */
const json_with = (text, bytes) => text.split('~').map(json).join(bytes);
const msgpack = (value) => hex(toMsgpack(value));
const raw = (spaced) => spaced.replaceAll(' ', '');

const fine = { ok: true };
const invalid = { error: 'invalid_request' };
const blamed = (field) => ({ ...invalid, field });

const sample = (name, payload, expect = invalid, kind = 'request:accept') => ({ name, kind, hex: payload, expect });
const invite = (name, payload, field) => sample(name, payload, field ? blamed(field) : fine, 'request:invite');

const nested_json = (depth) => `{"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
const nested_msgpack = (depth) => raw(`81 a1 78 ${'91 '.repeat(depth - 2)} 90`);

export const malformed = [
  sample('empty', '', fine),
  sample('empty, but data is required', '', blamed('data'), 'request:modify'),
  sample('JSON: empty map', json('{}'), fine),
  sample('msgpack: empty map', '80', fine),
  sample('msgpack: empty map in 3 bytes', raw('de 00 00'), fine),
  sample('msgpack: empty map in 5 bytes', raw('df 00 00 00 00'), fine),

  // No map at all; what begins no msgpack map is JSON.
  sample('JSON text that is an array', json('[]')),
  sample('JSON text that is null', json('null')),
  sample('JSON text that is a string', json('"data"')),
  sample('JSON after a byte order mark', raw('ef bb bf') + json('{}'), fine),
  sample('JSON after white space', json(' \r\n\t{}'), fine),
  sample('JSON after white space and a byte order mark', json(' ') + raw('ef bb bf') + json(' {}'), fine),
  sample('white space alone', json(' \n'), fine),
  sample('a byte order mark that is cut short', raw('ef bb') + json('{}')),
  sample('JSON in UTF-16', raw('ff fe 7b 00 7d 00')),
  sample('JSON in UTF-16 without a mark', raw('7b 00 7d 00')),
  sample('msgpack: nil', 'c0'),
  sample('msgpack: array', '90'),
  sample('msgpack: integer', '07'),
  sample('msgpack: text', raw('a1 78')),
  sample('msgpack: binary', raw('c4 01 00')),
  sample('msgpack: extension', raw('d4 01 00')),
  sample('msgpack: the byte that is never used', 'c1'),

  // Cut short.
  sample('JSON: one brace', json('{')),
  sample('JSON: ends in a key', json('{"da')),
  sample('JSON: ends after a key', json('{"data"')),
  sample('JSON: ends after a colon', json('{"data":')),
  sample('JSON: ends in a text', json('{"data":"x')),
  sample('JSON: ends in an escape', json('{"data":"\\u00')),
  sample('JSON: ends before the last brace', json('{"data":"x"')),
  sample('JSON: ends after a comma', json('{"data":"x",')),
  sample('msgpack: ends before the key', '81'),
  sample('msgpack: ends in the key', raw('81 a4 64 61')),
  sample('msgpack: ends before the value', raw('81 a4 64 61 74 61')),
  sample('msgpack: ends in the value', raw('81 a4 64 61 74 61 a3 78 79')),
  sample('msgpack: ends in a length', raw('81 a4 64 61 74 61 da 00')),
  sample('msgpack: ends in the map\'s own length', raw('de 00')),
  sample('msgpack: one field too few', raw('82 a4 64 61 74 61 a1 78')),

  // Goes on.
  sample('JSON: a second map', json('{}{}')),
  sample('JSON: a letter after the map', json('{}x')),
  sample('JSON: a zero byte after the map', json('{}\0')),
  sample('JSON: bytes after a zero byte', json('{}\0{}')),
  sample('JSON: a zero byte in the map', json('{"data":"x"\0}')),
  sample('JSON: white space after the map is part of the text', json('{} \r\n\t'), fine),
  sample('JSON: white space in the map', json('{ "data" :\n"x" }'), fine),
  sample('msgpack: a byte after the map', raw('80 00')),
  sample('msgpack: a second map', raw('80 80')),
  sample('msgpack: a line feed after the map', raw('80 0a')),

  // Claims to be huge.
  sample('msgpack: map of 2^32-1', raw('df ff ff ff ff')),
  sample('msgpack: map of 65535', raw('de ff ff')),
  sample('msgpack: array of 2^32-1', raw('81 a1 78 dd ff ff ff ff')),
  sample('msgpack: arrays of 2^32-1 in each other', raw(`81 a1 78 ${'dd ff ff ff ff '.repeat(6)}`)),
  sample('msgpack: map of 2^32-1 as a field', raw('81 a1 78 df ff ff ff ff')),
  sample('msgpack: text of 2^32-1', raw('81 a4 64 61 74 61 db ff ff ff ff 78')),
  sample('msgpack: binary of 2^32-1', raw('81 a4 64 61 74 61 c6 ff ff ff ff 00')),
  sample('msgpack: extension of 2^32-1', raw('81 a1 78 c9 ff ff ff ff 01 00')),
  sample('msgpack: key of 2^32-1', raw('81 db ff ff ff ff 64')),

  // Deep. The top map is 1.
  sample('JSON: depth 8', json(nested_json(8)), fine),
  sample('JSON: depth 9', json(nested_json(9))),
  sample('JSON: depth 9 in maps', json(`${'{"x":'.repeat(8)}{}${'}'.repeat(8)}`)),
  sample('JSON: depth 1000', json(nested_json(1000))),
  sample('JSON: opens 1000 and closes none', json(`{"x":${'['.repeat(999)}`)),
  sample('msgpack: depth 8', nested_msgpack(8), fine),
  sample('msgpack: depth 9', nested_msgpack(9)),
  sample('msgpack: depth 9 in maps', raw(`${'81 a1 78 '.repeat(8)} 80`)),
  sample('msgpack: depth 1000', nested_msgpack(1000)),
  sample('msgpack: opens 1000 and closes none', raw(`81 a1 78 ${'91 '.repeat(999)}`)),

  // A key twice.
  sample('JSON: data twice', json('{"data":"x","data":"y"}'), blamed('data')),
  sample('JSON: data twice, the same', json('{"data":"x","data":"x"}'), blamed('data')),
  sample('JSON: data twice, spelled in two ways', json('{"data":"x","d\\u0061ta":"y"}'), blamed('data')),
  sample('JSON: req twice', json('{"req":1,"req":2}'), blamed('req')),
  sample('JSON: an unknown key twice', json('{"x":1,"x":1}')),
  sample('JSON: twice deep in an unknown key', json('{"x":[{"y":1,"y":1}]}')),
  sample('JSON: the same key at two depths', json('{"x":{"x":1}}'), fine),
  sample('msgpack: data twice', raw('82 a4 64 61 74 61 a1 78 a4 64 61 74 61 a1 79'), blamed('data')),
  sample('msgpack: data twice, as text and as binary', raw('82 a4 64 61 74 61 a1 78 a4 64 61 74 61 c4 01 78'), blamed('data')),
  sample('msgpack: data twice, its length in two ways', raw('82 a4 64 61 74 61 a1 78 d9 04 64 61 74 61 a1 78'), blamed('data')),
  sample('msgpack: an unknown key twice', raw('82 a1 78 01 a1 78 01')),
  sample('msgpack: twice deep in an unknown key', raw('81 a1 78 91 82 a1 79 01 a1 79 01')),
  sample('msgpack: the same key at two depths', raw('81 a1 78 81 a1 78 01'), fine),

  // Keys that are no text.
  sample('msgpack: integer key', raw('81 01 02')),
  sample('msgpack: binary key', raw('81 c4 04 64 61 74 61 a1 78')),
  sample('msgpack: nil key', raw('81 c0 01')),
  sample('msgpack: map key', raw('81 80 01')),
  sample('JSON: key without quotes', json('{data:"x"}')),
  sample('JSON: key in single quotes', json("{'data':\"x\"}")),

  // Text that is not UTF-8.
  ...Object.entries({
    'a lone continuation byte': '80',
    'a byte that never occurs': 'ff',
    'a start byte alone': 'c3',
    'a sequence cut short': 'e282',
    'an overlong slash': 'c0af',
    'an overlong zero': 'e08080',
    'a surrogate': 'eda080',
    'a surrogate pair in six bytes': 'eda0bdedb482',
    'above U+10FFFF': 'f4908080',
    'five bytes': 'f888808080',
  }).flatMap(([name, bytes]) => {
    const text = (0xa0 + bytes.length / 2).toString(16) + bytes;
    return [
      sample(`JSON: not UTF-8: ${name}`, json_with('{"data":"~"}', bytes)),
      sample(`msgpack: not UTF-8: ${name}`, raw('81 a4 64 61 74 61') + text),
    ];
  }),
  sample('JSON: not UTF-8: in a key', json_with('{"~":1}', 'ff')),
  sample('JSON: not UTF-8: in an unknown key\'s value', json_with('{"x":["~"]}', 'ff')),
  sample('msgpack: not UTF-8: in a key', raw('81 a1 ff 01')),
  sample('msgpack: not UTF-8: in an unknown key\'s value', raw('81 a1 78 91 a1 ff')),
  sample('msgpack: binary need not be UTF-8', raw('81 a4 64 61 74 61 c4 01 ff'), fine),
  sample('JSON: U+10FFFF', json('{"data":"\u{10ffff}"}'), fine),
  sample('JSON: zero, escaped', json('{"data":"\\u0000"}'), fine),
  sample('msgpack: zero', raw('81 a4 64 61 74 61 a1 00'), fine),
  sample('JSON: surrogate pair, escaped', json('{"data":"\\ud83d\\udd14"}'), fine),
  sample('JSON: high surrogate alone', json('{"data":"\\ud83d"}')),
  sample('JSON: high surrogate before a letter', json('{"data":"\\ud83dx"}')),
  sample('JSON: high surrogate before another', json('{"data":"\\ud83d\\ud83d"}')),
  sample('JSON: low surrogate alone', json('{"data":"\\udd14"}')),
  sample('JSON: lone surrogate in a key', json('{"\\ud83d":1}')),

  // Near JSON.
  ...[
    'NaN', 'Infinity', '-Infinity', 'nan', 'undefined', 'True', '01', '+1', '.5', '1.', '0x10', '1e', '--1',
    '"\t"', '"\\x41"', '"\\u00g0"', "'x'", '[1,]', '[,1]', '[1 2]', '1,', '{"a"}', '{"a":1,}', '1/**/', '1//',
  ].map((text) => sample(`JSON: x is ${text.replace('\t', 'a raw tab in quotes')}`, json(`{"x":${text}}`))),
  sample('JSON: only a comma', json('{,}')),
  sample('JSON: closed by the wrong bracket', json('{"x":1]')),

  // Wrong types. JSON null is no absence.
  ...['null', 'true', '1', '1.5', '[]', '["x"]', '{}'].flatMap((text) => [
    sample(`JSON: data is ${text}`, json(`{"data":${text}}`), blamed('data')),
    sample(`msgpack: data is ${text}`, msgpack({ data: JSON.parse(text) }), blamed('data')),
  ]),
  sample('msgpack: data is an extension', raw('81 a4 64 61 74 61 d4 01 00'), blamed('data')),
  sample('msgpack: data is a timestamp', raw('81 a4 64 61 74 61 d6 ff 00 00 00 00'), blamed('data')),
  sample('JSON: data_b64 is null', json('{"data_b64":null}'), blamed('data_b64')),
  sample('JSON: data_b64 is no base64', json('{"data_b64":"!!!!"}'), blamed('data_b64')),
  sample('JSON: both data and data_b64', json('{"data":"x","data_b64":"eA=="}'), blamed('data_b64')),
  sample('msgpack: data_b64 is an unknown key', msgpack({ data: 'x', data_b64: '!!!!' }), fine),
  sample('JSON: req is too large', json('{"req":18446744073709551616}'), blamed('req')),
  sample('JSON: req is too small', json('{"req":-9223372036854775809}'), blamed('req')),
  sample('JSON: req is the largest', json('{"req":18446744073709551615}'), fine),
  sample('JSON: req is the smallest', json('{"req":-9223372036854775808}'), fine),
  sample('msgpack: req is binary', raw('81 a3 72 65 71 c4 01 78'), blamed('req')),
  sample('msgpack: req is nil', raw('81 a3 72 65 71 c0'), blamed('req')),
  sample('msgpack: req is an integer in more bytes than it needs', raw('81 a3 72 65 71 cf 00 00 00 00 00 00 00 01'), fine),
  sample('msgpack: reason is binary', raw('81 a6 72 65 61 73 6f 6e c4 01 78'), blamed('reason'), 'request:reject'),

  invite('JSON: timeout_ms is 1.0', json('{"timeout_ms":1.0}')),
  invite('JSON: timeout_ms is 1e3', json('{"timeout_ms":1e3}')),
  invite('JSON: timeout_ms has a fraction', json('{"timeout_ms":1.5}'), 'timeout_ms'),
  invite('JSON: timeout_ms is 2^63', json('{"timeout_ms":9223372036854775808}'), 'timeout_ms'),
  invite('JSON: timeout_ms is 2^64', json('{"timeout_ms":18446744073709551616}'), 'timeout_ms'),
  invite('JSON: timeout_ms is 1e300', json('{"timeout_ms":1e300}'), 'timeout_ms'),
  sample('JSON: timeout_ms is beyond any number', json('{"timeout_ms":1e999}'), invalid, 'request:invite'),
  invite('msgpack: timeout_ms is 1000 as a float', raw('81 aa 74 69 6d 65 6f 75 74 5f 6d 73 cb 40 8f 40 00 00 00 00 00')),
  invite('msgpack: timeout_ms has a fraction', msgpack({ timeout_ms: 1.5 }), 'timeout_ms'),
  ...[NaN, Infinity, -Infinity].map((value) =>
    invite(`msgpack: timeout_ms is ${value}`, msgpack({ timeout_ms: value }), 'timeout_ms')),
  invite('msgpack: timeout_ms is 2^64-1', msgpack({ timeout_ms: 2n ** 64n - 1n }), 'timeout_ms'),
  invite('msgpack: timeout_ms is -2^63', msgpack({ timeout_ms: -(2n ** 63n) }), 'timeout_ms'),
  invite('msgpack: timeout_ms is text', msgpack({ timeout_ms: '1' }), 'timeout_ms'),
  invite('msgpack: call is 1', msgpack({ call: 1 }), 'call'),
  invite('msgpack: replace is text', msgpack({ replace: 'ring-1' }), 'replace'),
  invite('msgpack: replace is nil', msgpack({ replace: null }), 'replace'),
  invite('msgpack: replace is false', msgpack({ replace: false })),
  ...['get', 'sync', 'groups', 'group_get'].flatMap((kind) => [
    sample(`${kind}: a page of nothing`, msgpack({ limit: 0 }), blamed('limit'), `request:${kind}`),
    sample(`${kind}: limit is text`, msgpack({ limit: '1' }), blamed('limit'), `request:${kind}`),
    sample(`${kind}: after is an integer`, msgpack({ after: 1 }), blamed('after'), `request:${kind}`),
    sample(`${kind}: a page of more than there can be`, msgpack({ limit: 2 ** 40 }), fine, `request:${kind}`),
  ]),
  invite('msgpack: id is binary', msgpack({ id: Uint8Array.of(0x78) }), 'id'),
  invite('msgpack: id is empty', msgpack({ id: '' }), 'id'),
  invite('msgpack: id holds a slash', msgpack({ id: 'a/b' }), 'id'),
  invite('msgpack: id holds a zero', msgpack({ id: 'a\0' }), 'id'),
  invite('msgpack: id is 65 long', msgpack({ id: 'i'.repeat(65) }), 'id'),
  invite('msgpack: also is text', msgpack({ also: 'bob' }), 'also'),
  invite('msgpack: also is a map', msgpack({ also: { bob: true } }), 'also'),
  invite('msgpack: also holds an integer', msgpack({ also: ['bob', 1] }), 'also'),
  invite('msgpack: also holds binary', raw('81 a4 61 6c 73 6f 91 c4 01 78'), 'also'),
  invite('msgpack: answer is binary', msgpack({ answer: Uint8Array.from(Buffer.from('all')) }), 'answer'),
];
