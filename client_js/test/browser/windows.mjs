// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium with a camera and a microphone that it invents, and the page in its windows.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { patience, within } from '../system/broker.mjs';

export const browser_path = process.env.BECKON_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);

/** The page, built and served until this process ends. */
async function servePage() {
  const directory = mkdtempSync(join(tmpdir(), 'beckon-page-'));
  execFileSync(process.execPath, [fileURLToPath(new URL('../../../web_intercom/build.mjs', import.meta.url)), directory]);
  const page = readFileSync(join(directory, 'index.html'));
  rmSync(directory, { recursive: true });
  const server = createServer((request, response) => response.writeHead(request.url === '/' ? 200 : 404, { 'Content-Type': 'text/html' }).end(page));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server.unref();
}

export class Windows {
  faults = [];
  #browser;
  #contexts = new Map();
  #page_server;
  #broker;

  /** Of the page that speaks to this broker. */
  static async open(broker) {
    const windows = new Windows();
    windows.#broker = broker;
    windows.#page_server = await servePage();
    windows.#browser = await chromium.launch({
      executablePath: browser_path,
      args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=fps=10',
        '--allow-loopback-in-peer-connection', '--autoplay-policy=no-user-gesture-required', '--disable-gpu', '--mute-audio'],
    });
    return windows;
  }

  /** A window of this user, or of nobody yet. Windows of the same `where` share what the browser keeps. */
  async of(user, { where = user, phone = false, more = '', at = this.#broker } = {}) {
    let context = this.#contexts.get(where);
    if (!context) {
      const viewport = phone ? { width: 390, height: 780 } : { width: 1024, height: 640 };
      context = await this.#browser.newContext({ viewport, hasTouch: phone, isMobile: phone, permissions: ['camera', 'microphone'], locale: 'en-GB' });
      context.setDefaultTimeout(patience);
      this.#contexts.set(where, context);
    }
    const page = await context.newPage();
    page.on('pageerror', (error) => this.faults.push(`${user}: ${error.stack}`));
    // That the broker is not there is no fault of the page.
    page.on('console', (line) => line.type() === 'error' && !/WebSocket|ERR_/.test(line.text()) && this.faults.push(`${user}: ${line.text()}`));
    await page.goto(`http://127.0.0.1:${this.#page_server.address().port}/#server=${at.ws}${user && `&user=${user}`}${more}`);
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

/** Kept in the directory that BECKON_SCREENSHOTS names, if it names one. */
export async function shot(page, name) {
  const directory = process.env.BECKON_SCREENSHOTS;
  if (directory) await page.screenshot({ path: join(directory, `${name}.png`) });
}

export const isOnline = (page) => page.locator('#link[data-state=connected]').waitFor();
export const shows = (page, screen) => page.locator(`body[data-screen=${screen}]`).waitFor();
export const button = (page, name) => page.getByRole('button', { name }).filter({ visible: true }).first();

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
    const [track] = document.querySelector('#pictures video')?.srcObject?.getAudioTracks() ?? [];
    return track && !track.muted && track.readyState === 'live';
  });
