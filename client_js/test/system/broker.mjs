// SPDX-License-Identifier: Apache-2.0
// A real Mosquitto with the plugin (BECKON_PLUGIN) on free ports of 127.0.0.1, in a directory of its
// own that vanishes with it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The upper bound of every wait, all of which end as soon as what they wait for is there. */
export const patience = 60_000;

export const plugin = process.env.BECKON_PLUGIN;

/** What `promise` brings, or an error that says what was waited for. */
export function within(promise, what, milliseconds = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${typeof what === 'function' ? what() : what}`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => probe.once('listening', done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

export class Broker {
  log = [];
  #directory = mkdtempSync(join(tmpdir(), 'beckon-js-'));
  #options;
  #process;
  #ended;

  /** `options` are plugin_opt_ values. */
  constructor({ options = {} } = {}) {
    this.#options = { other_topics: 'allow', ...options };
  }

  async start() {
    try {
      return await this.#start();
    } catch (error) {
      await this.kill();
      await this.remove();
      throw error;
    }
  }

  async #start() {
    for (let attempt = 0; attempt < 20; ++attempt) {
      this.port ??= await freePort();
      this.ws_port ??= await freePort();
      if (await this.#launch()) return this;
      // Somebody was faster.
      this.port = this.ws_port = undefined;
    }
    throw new Error(`the broker did not start\n${this.log.join('\n')}`);
  }

  get mqtt() {
    return `mqtt://127.0.0.1:${this.port}`;
  }
  get ws() {
    return `ws://127.0.0.1:${this.ws_port}`;
  }

  async #launch() {
    const configuration = join(this.#directory, 'mosquitto.conf');
    writeFileSync(configuration, [
      `user ${userInfo().username}`, 'log_dest stderr', 'set_tcp_nodelay true', 'allow_anonymous true',
      `listener ${this.port} 127.0.0.1`,
      `plugin ${plugin}`, ...Object.entries(this.#options).map(([name, value]) => `plugin_opt_${name} ${value}`.replace('{dir}', this.#directory)),
      `listener ${this.ws_port} 127.0.0.1`, 'socket_domain ipv4', 'protocol websockets', '',
    ].join('\n'));
    this.#process = spawn('/usr/sbin/mosquitto', ['-c', configuration], { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.#directory });
    this.#ended = new Promise((done) => this.#process.once('exit', (code, signal) => done(signal ?? code)));
    let taken = false;
    const running = new Promise((done) => {
      createInterface(this.#process.stderr).on('line', (line) => {
        this.log.push(line);
        taken ||= line.includes('Address already in use');
        if (/mosquitto version .* running/.test(line)) done(true);
      });
    });
    const result = await within(Promise.race([running, this.#ended]), 'the broker to start');
    assert.ok(result === true || taken, `the broker ended with ${result}\n${this.log.join('\n')}`);
    return result === true;
  }

  /** As a power cut does. */
  async kill() {
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  /** Ends it, after which it must have left cleanly; `start` brings it back on the same ports. */
  async stop() {
    this.#process.kill('SIGTERM');
    const ended = await within(this.#ended, 'the broker to end');
    assert.equal(ended, 0, `the broker ended with ${ended}\n${this.log.slice(-20).join('\n')}`);
  }

  async remove() {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
