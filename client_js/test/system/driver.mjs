// SPDX-License-Identifier: Apache-2.0
// A process with clients of the C++ library (tests/client/driver.cpp says how it is spoken with).
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { within } from './broker.mjs';

export const driver_path = process.env.BECKON_DRIVER;

export class Driver {
  #process = spawn(driver_path, { stdio: ['pipe', 'pipe', 'inherit'] });
  #lines = [];
  #waiting = [];
  #calls = 0;
  #ended;

  constructor() {
    this.#ended = new Promise((done) => this.#process.once('exit', done));
    createInterface(this.#process.stdout).on('line', (line) => {
      this.#lines.push(JSON.parse(line));
      this.#waiting = this.#waiting.filter((look) => !look());
    });
  }

  #tell(command) {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** The first line that fits, which is taken out. */
  #hears(fits, what) {
    const taken = new Promise((done) => {
      const look = () => {
        const at = this.#lines.findIndex(fits);
        if (at >= 0) done(this.#lines.splice(at, 1)[0]);
        return at >= 0;
      };
      if (!look()) this.#waiting.push(look);
    });
    return within(taken, () => `the C++ client's ${what}; it said ${JSON.stringify(this.#lines)}`);
  }

  async client(userID, server) {
    const client = `${userID}-${++this.#calls}`;
    this.#tell({ do: 'new', client, options: { userID, server } });
    this.#tell({ do: 'connect', client });
    const one = {
      hears: (event, matches = () => true) => this.#hears((line) => line.client === client && line.event === event && matches(line), event),
      /** Makes the call; its id, if it has one at once, and the promise of its result. */
      asks: async (verb, more = {}) => {
        const call = `call-${++this.#calls}`;
        this.#tell({ do: verb, client, call, ...more });
        const { inviteID } = await this.#hears((line) => line.did === verb && line.call === call, verb);
        return { inviteID, result: this.#hears((line) => line.result === call, `result of ${verb}`) };
      },
    };
    await one.hears('onConnectionStateChanged', ({ state }) => state === 'connected');
    return one;
  }

  /** Ends it, which must be clean. */
  async close() {
    this.#process.stdin.end();
    const code = await within(this.#ended, 'the driver to end');
    if (code !== 0) throw new Error(`the driver ended with ${code}`);
  }
}
