// SPDX-License-Identifier: Apache-2.0
// Sound and picture between the devices of one invitation, by WebRTC. Every device that is to see
// another says `hello` by a signal; of each two, the one whose tag is the smaller makes the offer.
// Both sides have one place for sound and one for picture from the start, so who answers later
// fills them without a new offer. Signals reach all devices of a user: `for` says which is meant.

const random = () => crypto.getRandomValues(new Uint32Array(2)).join('-');

// More is nobody's honest need: others cannot fill this page's memory.
const most_early = 64;
const most_devices_of_a_user = 4;
const most_devices = 16;
const longest_run = 64;
const most_beginnings = { count: 12, within_ms: 10_000 };

class Peer {
  tracks = new MediaStream();
  /** Of this side's connection, and of the other's: who has another now has begun anew. */
  run = random();
  its_run;
  /** It said that it sends a picture, or that it sends none. */
  shows = true;
  #pc;
  #send;
  #early = []; // candidates that came before what they belong to

  constructor({ user, device, offers, ice, send, changed }) {
    Object.assign(this, { user, device, offers });
    this.#send = send;
    this.#pc = new RTCPeerConnection({ iceServers: ice });
    this.#pc.onicecandidate = ({ candidate }) => candidate && send({ type: 'candidate', candidate: candidate.toJSON() });
    this.#pc.ontrack = ({ track }) => {
      this.tracks.addTrack(track);
      track.onmute = track.onunmute = changed;
      changed();
    };
    this.#pc.onconnectionstatechange = changed;
  }

  get state() {
    return this.#pc.connectionState;
  }

  async offer(local) {
    for (const kind of ['audio', 'video']) this.#pc.addTransceiver(kind, { direction: 'sendrecv' });
    this.share(local);
    await this.#pc.setLocalDescription();
    this.#send({ type: 'offer', sdp: this.#pc.localDescription.sdp });
  }

  async take({ type, sdp, candidate }, local) {
    if (type === 'candidate') {
      if (this.#pc.remoteDescription) await this.#pc.addIceCandidate(candidate);
      else if (this.#early.length < most_early) this.#early.push(candidate);
      return;
    }
    await this.#pc.setRemoteDescription({ type, sdp });
    for (const one of this.#early.splice(0)) await this.#pc.addIceCandidate(one);
    if (type !== 'offer') return;
    for (const transceiver of this.#pc.getTransceivers()) transceiver.direction = 'sendrecv';
    this.share(local);
    await this.#pc.setLocalDescription();
    this.#send({ type: 'answer', sdp: this.#pc.localDescription.sdp });
  }

  /** What the other hears and sees; without, nothing. */
  share(local) {
    for (const { sender, receiver } of this.#pc.getTransceivers()) {
      // Of a camera that is off nothing is sent: what the browser would send is black.
      const track = local?.getTracks().find(({ kind, enabled }) => kind === receiver.track.kind && (kind === 'audio' || enabled)) ?? null;
      if (sender.track !== track) sender.replaceTrack(track);
    }
  }

  close() {
    this.#pc.close();
  }
}

/** All peers of the invitation that this window shows. */
export class Media {
  #me;
  #send;
  #changed;
  #ice;
  #peers = new Map();
  #beginnings = new Map(); // user -> when they began lately
  #local;
  #shows = false;

  /** `me()` is this device's tag; `send(to, data)` a signal; without `to` to all who take part; `ice()` what servers help. */
  constructor({ me, send, changed, ice }) {
    this.#me = me;
    this.#send = (to, said) => send(to, JSON.stringify({ shows: this.#shows, ...said }));
    this.#changed = changed;
    this.#ice = ice;
  }

  get peers() {
    return [...this.#peers.values()];
  }

  /** Says that this device is there, and whom it has met: who is not among them begins anew. */
  hello(to) {
    this.#send(to, { type: 'hello', has: this.peers.map(({ device }) => device) });
  }

  /** What this side shows and says, from now on; without a picture, the others are told so. */
  share(local, shows) {
    const is_news = this.#shows !== shows;
    this.#local = local;
    this.#shows = shows;
    for (const peer of this.peers) peer.share(local);
    if (is_news) for (const peer of this.peers) this.#say(peer, { type: 'shows' });
  }

  /** Only these stay. */
  keep(isWanted) {
    for (const [key, peer] of this.#peers) {
      if (isWanted(peer)) continue;
      peer.close();
      this.#peers.delete(key);
    }
  }

  /** A signal of another device. What is none of ours is let be. */
  async take(user, device, text) {
    let said;
    try {
      said = JSON.parse(text);
    } catch {
      return;
    }
    if (said === null || typeof said !== 'object' || (said.for !== undefined && said.for !== this.#me())) return;
    try {
      await this.#takeFor(user, device, said);
    } catch (error) {
      console.warn(`no picture of ${user}:`, error);
    }
  }

  async #takeFor(user, device, said) {
    const key = `${user} ${device}`;
    const run = typeof said.run === 'string' && said.run.length <= longest_run ? said.run : undefined;
    let peer = this.#peers.get(key);
    if (said.type === 'hello' || said.type === 'offer') {
      if (!this.#mayBegin(user)) return;
      const another = run !== undefined && peer?.its_run !== undefined && peer.its_run !== run;
      if (peer && (another || (said.has && !said.has.includes(this.#me())))) {
        peer.close();
        peer = undefined;
      }
      if (!peer && this.#peers.size >= most_devices) return;
      peer ??= this.#meet(key, user, device);
    }
    if (!peer || (said.type === 'candidate' && run !== peer.its_run)) return;
    if (typeof said.shows === 'boolean' && said.shows !== peer.shows) {
      peer.shows = said.shows;
      this.#changed();
    }
    // Of a connection that has been begun anew since: the answer to the new offer is on its way.
    if (said.type === 'answer' && said.its !== peer.run) return;
    peer.its_run = run ?? peer.its_run;
    if (said.type === 'hello') {
      if (said.for === undefined) this.#say(peer, { type: 'hello' });
      if (peer.offers && !peer.offered) {
        peer.offered = true;
        await peer.offer(this.#local);
      }
    } else if (['offer', 'answer', 'candidate'].includes(said.type)) {
      await peer.take(said, this.#local);
    }
  }

  /** Who begins anew all the time would keep this page from anything else. */
  #mayBegin(user) {
    const now = performance.now();
    for (const [one, times] of this.#beginnings) {
      const lately = times.filter((when) => now - when < most_beginnings.within_ms);
      if (lately.length > 0) this.#beginnings.set(one, lately);
      else this.#beginnings.delete(one);
    }
    const lately = this.#beginnings.get(user) ?? [];
    if (lately.length >= most_beginnings.count) return false;
    this.#beginnings.set(user, [...lately, now]);
    return true;
  }

  #say(peer, said) {
    this.#send(peer.user, { ...said, for: peer.device, run: peer.run, its: peer.its_run });
  }

  #meet(key, user, device) {
    const [oldest, ...others] = [...this.#peers].filter(([, peer]) => peer.user === user);
    if (others.length + 1 >= most_devices_of_a_user) {
      oldest[1].close();
      this.#peers.delete(oldest[0]);
    }
    const peer = new Peer({
      user, device, offers: this.#me() < device, ice: this.#ice(),
      send: (said) => this.#say(peer, said),
      changed: () => {
        if (peer.state === 'failed' && this.#peers.get(key) === peer) {
          // The way was lost; the next may be found.
          peer.close();
          this.#peers.delete(key);
          this.hello(user);
        }
        this.#changed();
      },
    });
    this.#peers.set(key, peer);
    this.#changed();
    return peer;
  }
}
