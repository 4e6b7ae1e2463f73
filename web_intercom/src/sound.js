// SPDX-License-Identifier: Apache-2.0
// How it rings. A browser may let a page sound only after a touch: which of the two it is, the
// AudioContext itself tells, by its state.

const tones = {
  rings: { notes: [659, 523, 659, 523], step_s: 0.18, length_s: 0.35, loudness: 0.35, every_ms: 2_000 },
  ringing: { notes: [425], step_s: 0, length_s: 1, loudness: 0.06, every_ms: 4_000 },
  knocks: { notes: [523, 523], step_s: 0.25, length_s: 0.2, loudness: 0.08, every_ms: 6_000 },
};

export class Sound {
  #context;
  #changed;
  #playing = 'none';
  #timer;

  constructor(changed) {
    this.#changed = changed;
    if (!globalThis.AudioContext) return;
    this.#context = new AudioContext();
    this.#context.onstatechange = changed;
    this.unlock();
  }

  /** `running`: it can be heard. `blocked`: not before a touch. `none`: never. */
  get state() {
    if (!this.#context) return 'none';
    return this.#context.state === 'running' ? 'running' : 'blocked';
  }

  /** After a touch, and whenever the page is looked at again. */
  unlock() {
    if (this.#context && this.#context.state !== 'running') this.#context.resume().then(this.#changed, () => {});
  }

  /** One of `tones`, until another, or `none`. */
  play(which) {
    if (which === this.#playing) return;
    this.#playing = which;
    clearInterval(this.#timer);
    this.#shake(0);
    if (which === 'none') return;
    const beat = () => {
      // What was blocked when it began to ring may be allowed by now.
      this.unlock();
      if (this.state === 'running') this.#chime(tones[which]);
      if (which === 'rings') this.#shake([300, 150, 300]);
    };
    beat();
    this.#timer = setInterval(beat, tones[which].every_ms);
  }

  /** Of a page that nobody has touched, the browser would complain. */
  #shake(pattern) {
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(pattern);
  }

  #chime({ notes, step_s, length_s, loudness }) {
    const context = this.#context;
    notes.forEach((frequency, at) => {
      const [oscillator, gain] = [context.createOscillator(), context.createGain()];
      const from = context.currentTime + at * step_s;
      oscillator.frequency.value = frequency;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(loudness, from + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.001, from + length_s);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(from);
      oscillator.stop(from + length_s);
    });
  }
}
