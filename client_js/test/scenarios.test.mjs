// SPDX-License-Identifier: Apache-2.0
// Plays schemas/scenarios/*.txt with this client's half; schemas/scenarios/README.md has the format,
// and tests/core/scenario_test.cpp plays the same with the C++ client's.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { decode, encode } from '@msgpack/msgpack';
import { Device } from '../src/device.js';
import { requests } from '../src/wire.js';

const directory = new URL('../../schemas/scenarios/', import.meta.url);
const kindOf = (place, verb) => Object.entries(requests).find(([, one]) => one[0] === place && one[1] === verb)[0];

/** All that `wanted` names is there, and so. */
function has(found, wanted) {
  for (const [key, value] of Object.entries(wanted)) {
    assert.ok(isDeepStrictEqual(found[key] ?? null, value), `${key} in ${JSON.stringify(found)}`);
  }
}

class Scenario {
  #device = new Device({ user: 'bob', req_prefix: 'r', device: 'bobs-own' });
  #now = 1_000_000;
  #sends = [];
  #asked = new Map();
  #told = [];

  play(line) {
    const [, step, rest = ''] = /^(\S+)\s*(.*)$/.exec(line);
    const [, word, json] = /^([^{\s]\S*)?\s*(.*)$/.exec(rest);
    const body = () => (json ? JSON.parse(json) : {});
    const steps = {
      connect: () => {
        this.#device.will();
        this.#take(this.#device.connected(this.#now, word && Number(word)));
      },
      cut: () => this.#take(this.#device.disconnected(this.#now, word === 'too_large')),
      after: () => this.#pass(rest),
      call: () => this.#call(word, ...json.split(/ (.*)/)),
      sent: () => this.#sent(word, body()),
      reply: () => this.#reply(word, body()),
      silent: () => assert.deepEqual(this.#sends, []),
      event: () => this.#take(this.#device.receiveEvent(encode(body()), this.#now)),
      status: () => this.#take(this.#device.receiveStatus(new TextEncoder().encode(json), this.#now)),
      busy: () => this.#device.setBusy(json ? { data: body().data, reason: 'busy' } : undefined),
      told: () => {
        assert.ok(this.#told.length > 0, 'nothing was told');
        has(this.#told.shift(), body());
      },
      quiet: () => assert.deepEqual(this.#told, []),
    };
    steps[step]();
  }

  #pass(time) {
    const [, count, unit] = /^(\d+)\s*(s|ms)$/.exec(time);
    const until = this.#now + count * (unit === 's' ? 1_000 : 1);
    while (this.#device.nextDeadline() <= until) {
      this.#now = Math.max(this.#now, this.#device.nextDeadline());
      this.#take(this.#device.advance(this.#now));
    }
    this.#now = until;
  }

  #call(name, topic, json = '{}') {
    const [place, about, verb] = topic.split('/');
    this.#take(this.#device.call(name, { kind: kindOf(place, verb), about, body: JSON.parse(json) }, 'wait', this.#now));
  }

  #sent(topic, wanted) {
    assert.ok(this.#sends.length > 0, 'nothing was sent');
    const found = this.#sends.shift();
    assert.equal(found.topic, topic);
    has(found.body, wanted);
    this.#asked.set(topic, found.body);
  }

  #reply(topic, body) {
    const ok = body.error === undefined;
    const head = { re: topic.split('/').at(-2), req: this.#asked.get(topic).req, ok, device: 'b100000000000000' };
    this.#take(this.#device.receiveReply(encode({ ...head, ...(ok ? {} : { message: 'no' }), ...body }), this.#now));
  }

  #take(effects) {
    for (const effect of effects) {
      if (effect.effect === 'send') {
        const body = decode(effect.payload);
        assert.equal(body.device, 'bobs-own');
        this.#sends.push({ topic: effect.topic.slice('beckon/v1/'.length), body });
      } else {
        this.#told.push(this.#plain(effect));
      }
    }
  }

  #plain(effect) {
    if (effect.effect === 'result') {
      const { call, reply, failure } = effect;
      return { told: 'result', call, ...(failure ? { ok: false, error: failure } : reply) };
    }
    if (effect.effect === 'link') return { told: 'link', link: effect.link };
    if (effect.effect !== 'news') return { told: effect.event.event, ...effect.event };
    if (effect.news === 'heard') return { ...effect.body, told: effect.body.event, id: effect.id, by: effect.by, assumed: effect.assumed };
    return { ...effect, told: effect.news };
  }
}

const files = readdirSync(directory).filter((name) => name.endsWith('.txt'));
assert.ok(files.length >= 12);
for (const file of files) {
  test(`scenario: ${file.replace('.txt', '')}`, () => {
    const scenario = new Scenario();
    readFileSync(new URL(file, directory), 'utf8').split('\n').forEach((line, at) => {
      if (line === '' || line.startsWith('#')) return;
      try {
        scenario.play(line);
      } catch (error) {
        throw new Error(`${file}:${at + 1}: ${line}\n${error.message}`, { cause: error });
      }
    });
  });
}
