// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium with a camera and a microphone that it invents, and the page in its windows.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Broker, patience, plugin, within } from '../system/broker.mjs';
import { Person } from '../system/people.mjs';

export const skip = plugin ? false : 'BECKON_PLUGIN names no plugin';
const browser_path = process.env.BECKON_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
/** A name that leads here as well, and is no secure context. */
export const plain_host = 'intercom.example';

/** Small pictures, since several windows encode and draw them here without any help by a graphics card. */
const small = () => {
  const { mediaDevices } = navigator;
  if (!mediaDevices) return;
  const capture = mediaDevices.getUserMedia.bind(mediaDevices);
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  mediaDevices.getUserMedia = ({ audio = false, video = false }) => capture({ audio: audio && plain, video: video && { width: 320, height: 240 } });
};

const types = { '.html': 'text/html', '.js': 'text/javascript', '.png': 'image/png', '.json': 'application/json', '.webmanifest': 'application/manifest+json' };

/** The page, built and served until this process ends; `away` answers nothing, `files` is what there is. */
async function servePage() {
  const directory = mkdtempSync(join(tmpdir(), 'beckon-page-'));
  execFileSync(process.execPath, [fileURLToPath(new URL('../../../web_intercom/build.mjs', import.meta.url)), directory]);
  const files = new Map(readdirSync(directory).map((name) => [`/${name}`, readFileSync(join(directory, name))]));
  rmSync(directory, { recursive: true });
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : request.url;
    if (server.away) response.destroy();
    else if (files.has(path)) response.writeHead(200, { 'Content-Type': types[extname(path)] }).end(files.get(path));
    else response.writeHead(404).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  server.files = files;
  return server.unref();
}

export class Windows {
  faults = [];
  #browser;
  #contexts = new Map();
  #page_server;
  #broker;

  /** Of the page that speaks to this broker. `mayPlay`: it may sound before anybody touched it. */
  static async open(broker, { mayPlay = true } = {}) {
    assert.ok(browser_path, 'no chromium: scripts/dependencies test');
    const windows = new Windows();
    windows.#broker = broker;
    windows.#page_server = await servePage();
    windows.#browser = await chromium.launch({
      executablePath: browser_path,
      args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=fps=10', '--allow-loopback-in-peer-connection',
        '--disable-gpu', '--mute-audio', `--host-resolver-rules=MAP ${plain_host} 127.0.0.1`, ...(mayPlay ? ['--autoplay-policy=no-user-gesture-required'] : [])],
    });
    return windows;
  }

  /** The server of the page does not answer any more, or does again. */
  set pageIsAway(is_away) {
    this.#page_server.away = is_away;
  }

  /** What the server has by this name is another from now on. */
  change(name, replace) {
    const { files } = this.#page_server;
    files.set(name, Buffer.from(replace(files.get(name).toString())));
  }

  address(user, { at = this.#broker, more = '', host = '127.0.0.1', linger = 600 } = {}) {
    return `http://${host}:${this.#page_server.address().port}/#server=${at.ws}&linger=${linger}${user && `&user=${user}`}${more}`;
  }

  async #context(where, { contacts, ...options }) {
    let context = this.#contexts.get(where);
    if (!context) {
      context = await this.#newContext(options);
      this.#contexts.set(where, context);
    }
    if (contacts !== undefined) {
      // Before the one that was, which stays: or for a moment there would be none.
      await context.route('**/contacts.json', (route) => route.fulfill({ body: typeof contacts === 'string' ? contacts : JSON.stringify(contacts) }));
    }
    return context;
  }

  async #newContext({ phone = false, worker = false, ...options }) {
    const context = await this.#browser.newContext({
      viewport: phone ? { width: 390, height: 780 } : { width: 1024, height: 640 }, hasTouch: phone, isMobile: phone,
      permissions: ['camera', 'microphone'], locale: 'en-GB', reducedMotion: 'reduce', serviceWorkers: worker ? 'allow' : 'block', ...options,
    });
    context.setDefaultTimeout(patience);
    if (!process.env.BECKON_SCREENSHOTS) await context.addInitScript(small);
    return context;
  }

  /**
   * A window of this user, or of nobody yet. What goes away by itself does not, unless `linger` says when.
   * Windows of the same `where` share what the browser keeps; `contacts` is what contacts.json says, `worker` whether it may have one.
   */
  async of(user, { where = user, more, at, host, linger, prepare, ...options } = {}) {
    const context = await this.#context(where, options);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.faults.push(`${user}: ${error.stack}`));
    // That the broker is not there is no fault of the page, and it need have no contacts.
    const isExpected = (line) => /WebSocket|ERR_/.test(line.text()) || line.location().url.endsWith('/contacts.json');
    page.on('console', (line) => line.type() === 'error' && !isExpected(line) && this.faults.push(`${user}: ${line.text()}`));
    if (prepare) await page.addInitScript(prepare);
    await page.goto(this.address(user, { at, more, host, linger }));
    if (user) await isOnline(page);
    return page;
  }

  /** Closes all windows, and none of them may have failed. */
  async closeAll() {
    for (const context of this.#contexts.values()) await context.close();
    this.#contexts.clear();
    const faults = this.faults.splice(0);
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }

  close() {
    return this.#browser?.close();
  }
}

/** A broker and a browser for the tests of a file; `there` has them from the first test on. */
export function intercoms({ mayPlay } = {}) {
  const there = {};
  before(async () => {
    if (skip) return;
    there.broker = await new Broker({ options: { pair_invites_per_second: 100, pair_invites_burst: 100 } }).start();
    there.windows = await Windows.open(there.broker, { mayPlay });
  });
  afterEach(async () => {
    await Person.leaveAll();
    await there.windows?.closeAll();
  });
  after(async () => {
    await there.windows?.close();
    await there.broker?.remove();
  });
  return there;
}

/** Kept in the directory that BECKON_SCREENSHOTS names, if it names one. */
export async function shot(page, name) {
  const directory = process.env.BECKON_SCREENSHOTS;
  if (directory) await page.screenshot({ path: join(directory, `${name}.png`) });
}

export const isOnline = (page) => page.locator('#link[data-state=connected]').waitFor({ state: 'attached' });
export const shows = (page, screen) => page.locator(`body[data-screen=${screen}]`).waitFor();
export const button = (page, name) => page.getByRole('button', { name }).filter({ visible: true }).first();
export const text = (page, id) => page.locator(`#${id}`).innerText();
export const says = (page, id, what) => page.locator(`#${id}`, { hasText: what }).waitFor();

/** In a call, and the other's picture moves. */
export const see = (...pages) => Promise.all(pages.map((page) => shows(page, 'call').then(() => moves(page, 'pictures'))));

/** Once it can be meant: who touched something else at that moment has not answered. */
export const canAnswer = (page) => page.locator('#answer:not([aria-disabled])').waitFor();

export async function call(from, to, name) {
  await button(from, name).click();
  await shows(to, 'incoming');
  await button(to, 'Answer').click();
  await see(from, to);
}

/** Frames come from the other: its picture moves from now on. */
export async function moves(page, stage) {
  const moving = page.locator(`#${stage} .picture.moving video`).first();
  await moving.waitFor();
  const three = moving.evaluate((video) => new Promise((done) => {
    let frames = 0;
    const count = () => (++frames >= 3 ? done() : video.requestVideoFrameCallback(count));
    video.requestVideoFrameCallback(count);
  }));
  await within(three, `frames in ${stage}`);
}

/** That it sounds, as far as the other's track goes. */
export const sounds = (page) =>
  page.waitForFunction(() => {
    const video = document.querySelector('#pictures video');
    const [track] = video?.srcObject?.getAudioTracks() ?? [];
    return track && !track.muted && track.readyState === 'live' && !video.muted;
  });
