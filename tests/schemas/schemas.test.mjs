// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Parser, fromFile } from '@asyncapi/parser';
import Ajv2020 from 'ajv/dist/2020.js';
import { fromJson, fromMsgpack, isJsonOnly, toJson, toMsgpack } from '../../schemas/tools/wire.mjs';
import { faults, kinds, readJson, root } from './schemas.mjs';

const all = (folder) => readdirSync(new URL(folder, root)).flatMap((file) => readJson(folder + file));
const vectors = all('vectors/');
const refusals = readJson('json/common.schema.json').$defs.error.enum;

function run(script, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(script), ...args], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('the vectors and malformed samples are what the generator writes', () => {
  const { status, output } = run(new URL('tools/generate.mjs', root), '--check');
  assert.equal(status, 0, output);
});

test('every kind of message, and every error, has a vector', () => {
  assert.deepEqual([...new Set(vectors.map(({ kind }) => kind))].sort(), [...kinds].sort());
  const refused = vectors.filter(({ kind }) => kind === 'reply:refused').map(({ json }) => JSON.parse(json).error);
  assert.deepEqual([...new Set(refused)].sort(), [...refusals].sort());
});

test('every vector fits its schema and says the same in both encodings', () => {
  for (const { kind, name, json, msgpack } of vectors) {
    const what = `${kind} ${name}`;
    assert.deepEqual(faults(kind, JSON.parse(json)), [], what);
    assert.equal(toJson(fromJson(json)), json, what);
    assert.equal(msgpack === undefined, isJsonOnly(kind), what);
    if (isJsonOnly(kind)) continue;
    const bytes = Buffer.from(msgpack, 'hex');
    assert.deepEqual(fromMsgpack(bytes), fromJson(json), what);
    assert.equal(Buffer.from(toMsgpack(fromMsgpack(bytes))).toString('hex'), msgpack, what);
  }
});

test('every valid sample fits its schema', () => {
  for (const { kind, why, body } of all('samples/valid/')) {
    assert.deepEqual(faults(kind, body), [], `${kind}: ${why}`);
  }
});

test('every invalid sample is refused for the field it names', () => {
  for (const { kind, why, field, body } of all('samples/invalid/')) {
    const found = faults(kind, body);
    assert.notDeepEqual(found, [], `${kind}: ${why}`);
    const blamed = found.flatMap(({ instancePath, params }) => [
      instancePath.split('/')[1], params.missingProperty, params.property, params.unevaluatedProperty,
    ]);
    if (field) assert.ok(blamed.includes(field), `${kind}: ${why}: ${field} is not among ${blamed}`);
  }
});

test('every malformed sample says what to expect of which request', () => {
  for (const { name, kind, hex, expect } of readJson('samples/malformed.json')) {
    assert.ok(kind.startsWith('request:') && kinds.includes(kind), name);
    assert.match(hex, /^([0-9a-f]{2})*$/, name);
    assert.ok(expect.ok === true || refusals.includes(expect.error), name);
  }
});

test('the AsyncAPI document is sound, and its messages are these schemas', async () => {
  const meta = new Ajv2020.default({ strict: false });
  const parser = new Parser();
  parser.registerSchemaParser({
    getMimeTypes: () => ['application/schema+json;version=2020-12'],
    validate: ({ data, path }) =>
      meta.validateSchema(data) ? [] : meta.errors.map(({ message }) => ({ message, path })),
    parse: ({ data }) => data,
  });
  const path = fileURLToPath(new URL('asyncapi.yaml', root));
  const { document, diagnostics } = await fromFile(parser, path).parse();
  const complaints = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version');
  assert.deepEqual(complaints, []);
  assert.doesNotMatch(JSON.stringify(document.json()), /"\$ref"/, 'every reference is resolved');

  const messages = Object.fromEntries(document.components().messages().all().map((one) => [one.id(), one]));
  const types = { json: 'application/json', msgpack: 'application/vnd.msgpack' };
  const expected = kinds.flatMap((kind) =>
    Object.keys(types).filter((type) => type === 'json' || !isJsonOnly(kind)).map((type) => ({ kind, type })));
  assert.equal(Object.keys(messages).length, expected.length);
  const text = readFileSync(path, 'utf8');
  for (const { kind, type } of expected) {
    const id = `${kind.replace(':', '.')}.${type}`;
    const message = messages[id];
    assert.equal(text.split(`'#/components/messages/${id}'`).length, 2, `${id} is in one channel`);
    assert.equal(message.contentType(), types[type], kind);
    const { schema } = message.json().payload;
    for (const { name, json } of vectors.filter((vector) => vector.kind === kind)) {
      assert.ok(meta.validate(schema, JSON.parse(json)), `${kind} ${name}: ${meta.errorsText()}`);
    }
  }
});

test('a capture is checked message by message', () => {
  const folder = mkdtempSync(join(tmpdir(), 'beckon-'));
  const check = (...lines) => {
    const file = join(folder, 'capture');
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return run(new URL('validate_capture.mjs', import.meta.url), file);
  };
  const line = (topic, encoding, payload) => ({
    topic: `beckon/v1/${topic}`, encoding, payload_b64: Buffer.from(payload).toString('base64'),
  });
  try {
    const good = vectors.filter(({ kind }) => !kind.startsWith('request:')).flatMap(({ kind, json, msgpack }) => {
      if (isJsonOnly(kind)) return [line(kind.replace(':', '/').replace(/absent_.*/, 'absent'), 'json', json)];
      const reply = kind.startsWith('reply:');
      return [
        line(reply ? 'inbox/bob/reply/7' : 'inbox/bob/json', 'json', json),
        line(reply ? 'inbox/bob/reply' : 'inbox/bob/event', 'msgpack', Buffer.from(msgpack, 'hex')),
      ];
    });
    const { status, output } = check(...good);
    assert.equal(status, 0, output);
    assert.match(output, new RegExp(`^${good.length} messages, 0 bad$`, 'm'));

    const accept = { re: 'accept', ok: true, device: 'd', rev: 2 };
    for (const [what, bad] of [
      ['unevaluated', line('inbox/bob/reply', 'json', JSON.stringify({ ...accept, client_id: 'c' }))],
      ['a key twice', line('inbox/bob/reply', 'json', '{"re":"accept","ok":true,"device":"d","rev":1,"rev":2}')],
      ['white space', line('inbox/bob/reply', 'json', JSON.stringify(accept, null, 1))],
      ['long form', line('inbox/bob/reply', 'msgpack', [...toMsgpack(accept).slice(0, -1), 0xcc, accept.rev])],
      ['JSON only', line('inbox/bob/event', 'msgpack', toMsgpack({ event: 'invitee_accepted', id: 'i', rev: 2, by: 'b', by_device: 'd', invitee: 'b', data_b64: 'eA==' }))],
      ['no readable json', line('inbox/bob/json', 'json', '{')],
      ['no readable msgpack', line('inbox/bob/event', 'msgpack', [0x81])],
      ['there is no event:undefined', line('inbox/bob/json', 'json', JSON.stringify(accept))],
      ['there is no reply:frobnicate', line('inbox/bob/reply', 'json', JSON.stringify({ ...accept, re: 'frobnicate' }))],
      ['does not belong', line('inbox/bob/event', 'json', '{}')],
      ['writes nothing', line('user/bob/invite', 'json', '{}')],
      ['writes nothing', line('operator/open', 'json', '{}')],
      ['does not belong', line('operator/absent', 'msgpack', toMsgpack({ id: 'i', invitees: ['b'], state: 'timed_out' }))],
      ['operator:absent_ended', line('operator/absent', 'json', '{"id":"i","invitees":["b"],"state":"timed_out","by":"d"}')],
    ]) {
      const { status: code, output: report } = check(...good, bad);
      assert.equal(code, 1, what);
      assert.match(report, new RegExp(what));
      assert.match(report, new RegExp(`line ${good.length + 1}: beckon/v1/`));
    }
    assert.equal(check().status, 1, 'an empty capture proves nothing');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the lock file names no download host but the npm registry', () => {
  const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', import.meta.url), 'utf8'));
  for (const [name, { resolved = 'https://registry.npmjs.org/' }] of Object.entries(packages)) {
    assert.ok(resolved.startsWith('https://registry.npmjs.org/'), `${name}: ${resolved}`);
  }
});
