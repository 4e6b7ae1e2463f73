// SPDX-License-Identifier: Apache-2.0
import { ask, toResult } from './arguments.js';

/**
 * Asks for one page after the other: the result has under `name` all that `pick` takes out of them. `read`
 * reads what is asked, but for the page.
 */
export async function askPages(engine, read, name, pick) {
  const all = [];
  let outcome;
  let after;
  do {
    outcome = await ask(engine, () => ({ ...read(), body: { after } }), (one) => one);
    after = undefined;
    if (outcome.reply?.ok) {
      all.push(...pick(outcome.reply));
      after = outcome.reply.next;
    }
  } while (after !== undefined);
  return { ...toResult(outcome), [name]: all };
}
