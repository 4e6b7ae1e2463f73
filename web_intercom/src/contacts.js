// SPDX-License-Identifier: Apache-2.0
// contacts.json: who is rung by what name, which doors open, and what servers help. Pure: text in, and
// out what it says or what is wrong with it, as [key, words] of the table of strings.

const most_contacts = 200;
const most_ice = 10;
export const isId = (text) => typeof text === 'string' && /^[A-Za-z0-9._@:-]{1,64}$/.test(text);

/** What there is without a file. */
export const no_contacts = Object.freeze({ given: false, people: [], ice: [], server: undefined, ring_seconds: undefined, problem: undefined });

class Wrong extends Error {
  constructor(where, why, words = {}) {
    super(why);
    Object.assign(this, { where, why, words });
  }
}

function object(value, where, fields) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Wrong(where, 'must_be_object');
  for (const name of Object.keys(value)) {
    if (!fields.includes(name)) throw new Wrong(`${where}.${name.slice(0, 40)}`, 'not_known');
  }
  return value;
}

function list(value, where, most) {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Wrong(where, 'must_be_list');
  if (value.length > most) throw new Wrong(`${where}.length`, 'must_be_number', { least: 0, most });
  return value;
}

function text(value, where, most) {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > most) throw new Wrong(where, 'must_be_text', { most });
  return value;
}

function person(one, where) {
  const { user, group, name, open } = object(one, where, ['user', 'group', 'name', 'open']);
  if ((user === undefined) === (group === undefined)) throw new Wrong(where, 'must_be_user_or_group');
  const id = user ?? group;
  if (!isId(id)) throw new Wrong(`${where}.${user === undefined ? 'group' : 'user'}`, 'must_be_id');
  if (open !== undefined && user === undefined) throw new Wrong(`${where}.open`, 'open_needs_user');
  return { id, group: user === undefined, name: text(name, `${where}.name`, 64) ?? id, open: text(open, `${where}.open`, 200) };
}

function iceServer(one, where) {
  const { urls, username, credential } = object(one, where, ['urls', 'username', 'credential']);
  const all = list(typeof urls === 'string' ? [urls] : urls ?? [''], `${where}.urls`, most_ice);
  for (const url of all) {
    if (typeof url !== 'string' || !/^(stun|turn)s?:[^\s]+$/.test(url)) throw new Wrong(`${where}.urls`, 'must_be_ice');
  }
  return {
    urls: all,
    ...(username !== undefined && { username: text(username, `${where}.username`, 500) }),
    ...(credential !== undefined && { credential: text(credential, `${where}.credential`, 500) }),
  };
}

/** What the file says; what is wrong stands in `problem`, and then nothing of it counts. */
export function readContacts(source) {
  try {
    let file;
    try {
      file = JSON.parse(source);
    } catch {
      throw new Wrong('', 'not_json');
    }
    const { contacts, ice, server, ring_seconds } = object(file, 'contacts.json', ['contacts', 'ice', 'server', 'ring_seconds']);
    const people = list(contacts, 'contacts', most_contacts).map((one, at) => person(one, `contacts[${at}]`));
    people.forEach((one, at) => {
      if (people.findIndex(({ id, group }) => id === one.id && group === one.group) !== at) throw new Wrong(`contacts[${at}]`, 'twice');
    });
    if (server !== undefined && !(typeof server === 'string' && /^wss?:\/\/[^\s/@]+/.test(server))) throw new Wrong('server', 'must_be_server');
    if (ring_seconds !== undefined && !(Number.isInteger(ring_seconds) && ring_seconds >= 1 && ring_seconds <= 600)) {
      throw new Wrong('ring_seconds', 'must_be_number', { least: 1, most: 600 });
    }
    return { given: true, people, ice: list(ice, 'ice', most_ice).map((one, at) => iceServer(one, `ice[${at}]`)), server, ring_seconds, problem: undefined };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const { where, why, words } = error;
    return { ...no_contacts, problem: where === '' ? { key: 'contacts_not_read', why } : { key: 'contacts_wrong', where, why, words } };
  }
}

/** Of a user or a group: what the file calls it; what it has no name for, is called by its id. */
export const nameOf = ({ people }, id, group = false) => people.find((one) => one.id === id && one.group === group)?.name ?? id;
export const isKnown = ({ people }, user) => people.some(({ id, group }) => id === user && !group);
export const wordOf = ({ people }, user) => people.find(({ id, group }) => id === user && !group)?.open;
