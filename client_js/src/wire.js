// SPDX-License-Identifier: Apache-2.0
// The messages of the contract, to bytes and back. A message is a plain object with the names of
// the wire; a Uint8Array in it is binary. Nothing here knows what a message means.
import { decode, encode } from '@msgpack/msgpack';

/** Whether `text` can be a user, a group or an invitation. */
export const isId = (text) => typeof text === 'string' && /^[A-Za-z0-9._@:-]{1,64}$/.test(text);

const invite = { answer: 'all', call: false, online_only: false, on_inviter_lost: 'cancel' };
const page = { after: undefined, limit: undefined };

/**
 * Where each request is published, below what it is about; its fields in the contract's order, with
 * their defaults (undefined: there is none).
 */
export const requests = {
  invite: ['user', 'invite', { id: undefined, data: undefined, timeout_ms: 30000, also: [], ...invite, visibility: 'invitees', replace: undefined }],
  group_invite: ['group', 'invite', { id: undefined, data: undefined, timeout_ms: 30000, invitees: undefined, ...invite, visibility: 'members', replace: undefined }],
  accept: ['invitation', 'accept', { data: undefined }],
  reject: ['invitation', 'reject', { data: undefined, reason: 'declined' }],
  cancel: ['invitation', 'cancel', { data: undefined, invitees: undefined }],
  modify: ['invitation', 'modify', { data: undefined }],
  ringing: ['invitation', 'ringing', {}],
  add: ['invitation', 'add', { invitees: undefined, timeout_ms: 30000 }],
  get: ['invitation', 'get', page],
  signal: ['invitation', 'signal', { to: undefined, seq: undefined, data: undefined }],
  join: ['invitation', 'join', { data: undefined }],
  hangup: ['invitation', 'hangup', { data: undefined, reason: 'hangup', all: false }],
  resume: ['invitation', 'resume', {}],
  here: ['user', 'here', { run: undefined, gone: undefined }],
  sync: ['user', 'sync', page],
  history: ['user', 'history', { limit: undefined, before: undefined }],
  message: ['user', 'message', { data: undefined, id: undefined, online_only: false }],
  group_message: ['group', 'message', { data: undefined, id: undefined, online_only: false }],
  groups: ['user', 'groups', page],
  group_create: ['group', 'create', { name: undefined, join_mode: 'free', members: [], profile: undefined }],
  group_join: ['group', 'join', {}],
  group_quit: ['group', 'quit', {}],
  group_dismiss: ['group', 'dismiss', {}],
  group_get: ['group', 'get', page],
  group_update: ['group', 'update', { name: undefined, join_mode: undefined, profile: undefined }],
  group_add: ['group', 'add', { members: [] }],
  group_remove: ['group', 'remove', { members: [], reason: undefined }],
  group_role: ['group', 'role', { user: undefined, role: undefined }],
  group_transfer: ['group', 'transfer', { user: undefined }],
  online: ['operator', 'online', page],
  open: ['operator', 'open', page],
};

export const placeOf = (kind) => requests[kind][0];
export const verbOf = (kind) => requests[kind][1];

/** `about` is the user, group or invitation that the request is about, if any; with `me`, who asks. */
export function topicOf(root, kind, about, me) {
  const [place, verb] = requests[kind];
  return `${root}/${place}${about === undefined ? '' : `/${about}`}/${verb}${me === undefined ? '' : `/${me}`}`;
}

/** The bytes of a request: what has a default is there, what is absent is not. */
export function encodeRequest(kind, body, req, device) {
  const message = { ...(req !== undefined && { req }), ...(device !== undefined && { device }) };
  for (const [field, value] of Object.entries({ ...requests[kind][2], ...body })) {
    if (value !== undefined) message[field] = value;
  }
  return encode(message);
}

// ------------------------------------------------------------------ what the broker says

const text = (value) => typeof value === 'string';
const flag = (value) => typeof value === 'boolean';
const count = (value) => Number.isSafeInteger(value) && value >= 0;
/** Up to two thousand years: what more is added to no clock. */
const duration = (value) => count(value) && value <= 2 ** 46;
const data = (value) => text(value) || value instanceof Uint8Array;
const ids = (value) => Array.isArray(value) && value.every(isId);
const list = (fields) => (value) => Array.isArray(value) && value.every((one) => fits(one, fields));
const map = (value) => isMap(value) && Object.values(value).every(text);
const word = (...words) => (value) => words.includes(value);
const isMap = (value) =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);

/** A field that is left out when it is `usual`, or what that makes of the message. */
const unless = (usual, holds) => Object.assign((value) => holds(value), { usual });

const states = word('pending', 'accepted', 'rejected', 'cancelled', 'timed_out', 'revoked');
const shared = {
  call: unless(false, flag),
  answer: unless('all', word('all', 'first')),
  visibility: unless(({ group }) => (group ? 'members' : 'invitees'), word('members', 'invitees', 'inviter')),
  online_only: unless(false, flag),
  role: unless('invitee', word('inviter', 'invitee', 'observer')),
};
const person = { user: isId, state: states };
const invitation = {
  id: isId, inviter: isId, 'group?': isId, 'data?': data, ...shared, rev: count, state: unless('open', word('open', 'ended')),
  'remaining_ms?': duration,
  invitees: list({ user: isId, state: unless('pending', states), ringing: unless(false, flag), 'device?': text, 'data?': data, 'reason?': text }),
  'call_state?': (value) => fits(value, { participants: ids, 'more?': count, duration_ms: duration, 'reason?': text }),
};
/** As `sync` tells it: one that leaves something out has no `rev`. */
const { rev: _, ...item } = { ...invitation, 'rev?': count, 'answers_left_out?': flag, 'invitees_left_out?': count };
const ofInvitation = { event: text, id: isId, rev: count, 'by?': isId, 'by_device?': text };
const ofGroup = { event: text, group: isId, by: isId, by_device: text };

/** What is read of each event; a `?` may be absent. What is unknown beside it is let be. */
const events = {
  new_invitation: { ...ofInvitation, by: unless(({ inviter }) => inviter, isId), inviter: isId, 'group?': isId, invitees: ids, 'data?': data, 'remaining_ms?': duration, ...shared, 'replaces?': ids, 'more?': count },
  invitee_accepted: { ...ofInvitation, invitee: isId, 'data?': data },
  invitee_rejected: { ...ofInvitation, invitee: isId, 'data?': data, reason: text },
  invitation_cancelled: { ...ofInvitation, inviter: isId, invitees: ids, 'data?': data, reason: text },
  invitation_timeout: { ...ofInvitation, invitees: ids },
  invitation_modified: { ...ofInvitation, 'data?': data, 'invitees?': ids },
  invitation_revoked: { ...ofInvitation, invitees: ids, reason: text },
  invitee_ringing: { ...ofInvitation, invitee: isId },
  signal: { ...ofInvitation, from: isId, 'seq?': Number.isInteger, data },
  participant_joined: { ...ofInvitation, user: isId, 'data?': data },
  participant_left: { ...ofInvitation, user: isId, reason: text, 'data?': data },
  participant_moved: { ...ofInvitation, user: isId },
  call_ended: { ...ofInvitation, reason: text, duration_ms: duration, 'data?': data },
  group_created: { ...ofGroup, 'name?': text, members: ids },
  member_entered: { ...ofGroup, members: ids },
  member_invited: { ...ofGroup, members: ids },
  member_removed: { ...ofGroup, members: ids, 'reason?': text },
  member_left: { ...ofGroup, user: isId },
  role_changed: { ...ofGroup, user: isId, role: text },
  owner_changed: { ...ofGroup, owner: isId },
  group_updated: { ...ofGroup, 'name?': text, 'join_mode?': text, 'profile?': map },
  group_dismissed: ofGroup,
  message: { event: text, id: isId, from: isId, 'to?': isId, 'group?': isId, data },
};

/** What lists leave out is counted. */
const some = { 'more?': count };
const skipped = { 'skipped?': list({ user: isId, error: text }), ...some };
const dup = { 'dup?': flag };
const invited = { ...dup, state: unless('open', word('open', 'ended')), 'remaining_ms?': duration, ...skipped, 'offline?': ids };
const counted = { ...dup, rev: count };
const open = { invitations: list(item), 'next?': text };
/** What is read of each reply that is ok, by the request that it answers. */
const replies = {
  invite: { 'id?': isId, 'rev?': count, 'merged_into?': isId, ...invited },
  add: { id: isId, rev: count, ...invited },
  accept: counted,
  reject: counted,
  cancel: { ...counted, cancelled: ids, already: list(person), ...some },
  modify: counted,
  ringing: counted,
  signal: counted,
  join: counted,
  hangup: counted,
  resume: counted,
  get: { invitation: (value) => fits(value, invitation), 'next?': text },
  here: { 'again_ms?': duration },
  sync: { server_epoch: text, ...open },
  history: { history: list({ id: isId, inviter: isId, 'group?': isId, invitees: list({ ...person, 'reason?': text }), 'invitees_left_out?': count, reason: text, role: unless('invitee', text), missed: unless(false, flag), age_ms: duration, ring_ms: duration, 'talk_ms?': duration }), 'next?': text },
  message: { id: isId },
  groups: { groups: list({ group: isId, 'name?': text, role: text, join_mode: text, count }), 'next?': text },
  group_create: dup,
  group_join: dup,
  group_quit: dup,
  group_dismiss: dup,
  group_update: dup,
  group_role: dup,
  group_transfer: dup,
  group_add: skipped,
  group_remove: skipped,
  group_get: { group: (value) => fits(value, { group: isId, 'name?': text, join_mode: text, owner: isId, 'profile?': map, count, members: list({ user: isId, role: text }) }), 'next?': text },
  online: { online: list({ user: isId, devices: count }), 'next?': text },
  open,
};
replies.group_invite = replies.invite;
replies.group_message = replies.message;
const refused = { error: text, code: count, message: text, 'field?': text, 'limit?': count, 'by?': isId, 'by_device?': text, 'rev?': count, 'replaced_by?': isId };

/** Whether it has these fields; what was left out as usual is filled in. */
function fits(value, fields) {
  return isMap(value) && Object.entries(fields).every(([field, holds]) => {
    const optional = field.endsWith('?');
    const read = value[optional ? field.slice(0, -1) : field];
    if (read !== undefined) return holds(read);
    if (holds.usual === undefined) return optional;
    value[field] = typeof holds.usual === 'function' ? holds.usual(value) : holds.usual;
    return true;
  });
}

function read(bytes) {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

/** The event in `bytes`; undefined: it cannot be read, or is none that is known here. */
export function decodeEvent(bytes) {
  const message = read(bytes);
  return isMap(message) && Object.hasOwn(events, message.event) && fits(message, events[message.event])
    ? message : undefined;
}

/** The reply in `bytes`, whatever it answers: `fitsRequest` tells whether it can be read. */
export function decodeReply(bytes) {
  const message = read(bytes);
  return fits(message, { re: text, ok: flag, device: text }) ? message : undefined;
}

/** What is of interest in `status`: the limits, and whether devices have to say that they are there. */
export function decodeStatus(bytes) {
  try {
    const status = JSON.parse(new TextDecoder().decode(bytes));
    const limits = isMap(status?.limits) ? status.limits : {};
    const limit = (name, otherwise) => (Number.isSafeInteger(limits[name]) && limits[name] > 0 ? limits[name] : otherwise);
    return isMap(status) ? {
      max_payload_bytes: limit('max_payload_bytes', 32_768), requests_per_second: limit('requests_per_second', 50),
      requests_burst: limit('requests_burst', 200), presence_told: status.presence === 'told',
    } : undefined;
  } catch {
    return undefined;
  }
}

export function fitsRequest(reply, kind) {
  return reply.re === verbOf(kind) && fits(reply, reply.ok ? (replies[kind] ?? {}) : refused);
}
