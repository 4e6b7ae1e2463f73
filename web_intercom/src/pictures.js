// SPDX-License-Identifier: Apache-2.0
// The pictures on a stage: of each of its people what comes from them or, where nothing comes, their initials.
import { face, make } from './dom.js';

/** Without a new frame for so long a picture stands still, and is none. */
const still_ms = 5_000;
const last_frame = new WeakMap();

function watchFrames(video, changed) {
  const look = () => {
    const was_still = isStill(video);
    last_frame.set(video, performance.now());
    if (was_still) changed();
    video.requestVideoFrameCallback(look);
  };
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(look);
  video.onresize = video.onplaying = changed;
}

const isStill = (video) => Boolean(video.requestVideoFrameCallback) && performance.now() - (last_frame.get(video) ?? -still_ms) >= still_ms;

function figureOf(stage, { user, face: shown }, changed) {
  const old = [...stage.children].find((one) => one.dataset.user === user);
  if (old) return old;
  const video = make('video', { autoplay: true, playsInline: true, disablePictureInPicture: true, tabIndex: -1 });
  const figure = make('figure', { className: 'picture' }, face(shown), video, make('figcaption'));
  figure.dataset.user = user;
  watchFrames(video, changed);
  stage.append(figure);
  return figure;
}

/**
 * `tiles` of the view onto the stage; `streamOf(user)` is { stream, shows }. `changed()` when a picture has
 * begun to move, `name(tile)` is how a screen reader calls it.
 */
export function place(stage, tiles, streamOf, changed, name) {
  for (const old of [...stage.children]) if (!tiles.some(({ user }) => user === old.dataset.user)) old.remove();
  for (const tile of tiles) {
    const figure = figureOf(stage, tile, changed);
    const [video, caption] = figure.querySelectorAll('video, figcaption');
    const { stream, shows } = streamOf(tile.user);
    video.setAttribute('aria-label', name(tile));
    if (caption.textContent !== tile.caption) caption.textContent = tile.caption;
    caption.hidden = tile.caption === '';
    video.muted = tile.muted;
    if (video.srcObject !== (stream ?? null)) {
      video.srcObject = stream ?? null;
      last_frame.delete(video);
    }
    if (stream && video.paused) video.play().catch(() => {});
    const [track] = stream?.getVideoTracks() ?? [];
    const moves = Boolean(shows && track && !track.muted && track.enabled && track.readyState === 'live' && video.videoWidth > 0);
    figure.classList.toggle('moving', moves && !isStill(video));
  }
}
