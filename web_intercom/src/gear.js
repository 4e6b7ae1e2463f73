// SPDX-License-Identifier: Apache-2.0
// The own camera and microphone: open only while somebody is rung or talked with, and what there is of them.

const kinds = ['audio', 'video'];

export class Gear {
  /** What is shared now: a MediaStream, or nothing. */
  local;
  #changed;
  #is_wanted = false;
  #opening = false;
  #on = { audio: true, video: true };
  #has = { audio: 'unknown', video: 'unknown' };
  #why = '';
  #asks = false;

  constructor(changed) {
    this.#changed = changed;
    if (!navigator.mediaDevices) {
      this.#why = 'insecure';
      this.#has = { audio: 'none', video: 'none' };
      return;
    }
    navigator.mediaDevices.addEventListener('devicechange', () => this.#count());
    this.#count();
    this.#lookWhetherItAsks();
  }

  /** For the view: of each kind `on`, `off`, `none` or `unknown`; `why` there is none; whether the browser will ask. */
  get status() {
    const of = (kind) => (this.#has[kind] === 'there' ? (this.#on[kind] ? 'on' : 'off') : this.#has[kind]);
    return { why: this.#why, asks: this.#asks && kinds.some((kind) => this.#has[kind] !== 'none'), audio: of('audio'), video: of('video') };
  }

  /** Whether the other is to see something. */
  get shows() {
    return this.#on.video && (this.local?.getVideoTracks().length ?? 0) > 0;
  }

  /** Opened when it is wanted, closed when it is not; until then all is on again. */
  want(is_wanted) {
    if (this.#is_wanted === is_wanted) return;
    this.#is_wanted = is_wanted;
    if (is_wanted) this.#open();
    else this.#close();
  }

  toggle(kind) {
    if (this.#has[kind] === 'none') return;
    this.#on[kind] = !this.#on[kind];
    this.#apply();
    this.#changed();
  }

  /** Asks the browser now, so that it need not be asked when somebody rings. */
  async allow() {
    if (!this.#opening && !this.local) this.#stop(await this.#capture());
    this.#changed();
  }

  #apply() {
    for (const track of this.local?.getTracks() ?? []) track.enabled = this.#on[track.kind];
  }

  async #open() {
    if (this.#opening || this.local) return;
    this.#opening = true;
    const captured = await this.#capture();
    this.#opening = false;
    if (this.#is_wanted) {
      this.local = captured;
      this.#apply();
      // A camera that is pulled out is none.
      for (const track of captured.getTracks()) track.onended = () => this.#count().then(this.#changed);
    } else {
      this.#stop(captured);
    }
    this.#changed();
  }

  #close() {
    this.#stop(this.local);
    this.local = undefined;
    this.#on = { audio: true, video: true };
  }

  #stop(stream) {
    stream?.getTracks().forEach((track) => track.stop());
  }

  async #capture() {
    const { mediaDevices } = navigator;
    if (!mediaDevices) return new MediaStream();
    const wanted_video = { width: { ideal: 1280 } };
    let refused = false;
    for (const wanted of [{ audio: true, video: wanted_video }, { audio: true }, { video: wanted_video }]) {
      try {
        const stream = await mediaDevices.getUserMedia(wanted);
        this.#note(stream, false);
        return stream;
      } catch (error) {
        refused = error.name === 'NotAllowedError';
        if (refused) break;
      }
    }
    this.#note(new MediaStream(), refused);
    return new MediaStream();
  }

  #note(stream, refused) {
    for (const kind of kinds) this.#has[kind] = stream.getTracks().some((track) => track.kind === kind) ? 'there' : 'none';
    this.#why = refused ? 'denied' : '';
    this.#asks = false;
  }

  /** Whether there is any, which a browser tells without asking anybody. */
  async #count() {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => undefined);
    if (!devices || this.#why === 'denied') return;
    for (const kind of kinds) {
      const is_open = this.local?.getTracks().some((track) => track.kind === kind && track.readyState === 'live');
      const is_there = is_open || devices.some((device) => device.kind === `${kind}input`);
      this.#has[kind] = is_there ? 'there' : 'none';
    }
    this.#changed();
  }

  async #lookWhetherItAsks() {
    for (const name of ['camera', 'microphone']) {
      try {
        const permission = await navigator.permissions.query({ name });
        const look = () => {
          if (permission.state === 'denied') this.#note(new MediaStream(), true);
          else if (permission.state === 'granted' && this.#why === 'denied') this.#why = '';
          this.#asks = permission.state === 'prompt';
          this.#changed();
        };
        permission.onchange = look;
        if (permission.state !== 'granted') look();
      } catch {
        return; // It does not tell.
      }
    }
  }
}
