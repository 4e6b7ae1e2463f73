// SPDX-License-Identifier: Apache-2.0
// What others said, made fit to be shown. Pure.

/** Text of somebody else's: in one line, not too long, and without what turns or hides text. */
export function plain(text, most = 120) {
  if (typeof text !== 'string') return '';
  const line = [...text.slice(0, 4 * most)].filter((one) => !/[\p{Cf}\p{Co}\p{Cs}\p{Cn}]/u.test(one)).join('').replace(/[\p{Cc}\p{Z}\s]+/gu, ' ').trim();
  const letters = [...line];
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : line;
}

/** One or two letters for who has no picture. */
export function initialsOf(name) {
  const words = name.split(/[\s._@:-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word][0]) : [...(words[0] ?? name)].slice(0, 1);
  return letters.join('').toUpperCase();
}

/** 0 to 359: the colour behind the initials, the same each time. */
export const hueOf = (id) => [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);

/** Minutes and seconds; hours when there are any. */
export function clockTime(ms) {
  const s = Math.floor(ms / 1000);
  const two = (number) => String(number).padStart(2, '0');
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
