// SPDX-License-Identifier: Apache-2.0
// How anything gets into the page: as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
  svg.firstChild.setAttribute('href', `#i-${name}`);
  return svg;
}

/** Initials, or the sign of a group, in their own colour. */
export function face({ initials, hue, group }) {
  const element = make('span', { className: 'face' }, group ? icon('group') : initials);
  element.setAttribute('aria-hidden', 'true');
  element.style.setProperty('--hue', hue);
  return element;
}

/** A button that does `act` with `arg`, which main.js looks up; `title` is its name where its text alone is not enough. */
export function actButton({ act, arg = '', label, title, kind = '', group = false }, ...children) {
  const button = make('button', { type: 'button', className: kind }, ...(children.length > 0 ? children : [label]));
  if (title) button.setAttribute('aria-label', title);
  Object.assign(button.dataset, { act, arg, ...(group && { group: '1' }) });
  return button;
}

const written = new WeakMap();

/** The element's children, made anew only when `items` are others; what had the focus has it again. */
export function list(element, items, build) {
  const now = JSON.stringify(items);
  if (written.get(element) === now) return;
  written.set(element, now);
  const { act, arg } = element.contains(document.activeElement) ? document.activeElement.dataset : {};
  element.replaceChildren(...items.flatMap(build));
  if (act) [...element.querySelectorAll('button')].find(({ dataset }) => dataset.act === act && dataset.arg === arg)?.focus({ preventScroll: true });
}

/** Only when it differs, or a screen reader might say it again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
