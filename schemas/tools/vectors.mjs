// SPDX-License-Identifier: Apache-2.0
// The messages of ../vectors, in wire order: `generate.mjs` writes them in both encodings.

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const numbered = (count, prefix) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

const panel = '00000000000000a1';
const phone = '0123456789abcdef';
const tablet = 'fedcba9876543210';
const id = 'b1f2a6c09d3e4f578a1b2c3d4e5f6071';
const next_id = 'c2a3b7d1ae4f50689b2c3d4e5f607182';
const longest_id = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ.abcdefghijklmnopqrstuvwxyz_0123456789';

/** What `data` may hold, by name. */
const data = {
  'text': 'ring',
  'empty text': '',
  'unicode text': 'Grüße, 門口, 🔔, e\u0301',
  'text to be escaped': '"\\/\b\f\n\r\t\u0000\u001f\u007f\u2028',
  'text that is JSON': '{"sdp":"v=0\\r\\n"}',
  'text of 31 bytes': 't'.repeat(31),
  'text of 32 bytes': 't'.repeat(32),
  'text of 256 bytes': 'é'.repeat(128),
  'empty binary': bytes(''),
  'binary of 1 byte': bytes('ff'),
  'binary of 2 bytes': bytes('fbff'),
  'binary of 3 bytes': bytes('fbefff'),
  'binary that is text': bytes(Buffer.from('ring').toString('hex')),
  'binary of 256 bytes': Uint8Array.from({ length: 256 }, (_, i) => i),
};

/** What `req` may be, by name: each width of integer at its ends. */
const req = Object.fromEntries(
  [
    '', '9f3c-17', 'größer',
    0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9007199254740993n,
    9223372036854775807n, 9223372036854775808n, 18446744073709551615n,
    -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9223372036854775808n,
  ].map((value) => [typeof value === 'string' ? `the string "${value}"` : String(value), value]),
);

const vector = (kind, name, message) => ({ kind, name, message });
const each = (values, make) => Object.entries(values).map(([name, value]) => make(name, value));

// ------------------------------------------------------------------ requests
// A request is written as a client writes it: what has a default is always there.

const invite = (chosen, defaulted = {}) => ({
  ...chosen,
  ...{
    timeout_ms: 30000, also: [], answer: 'all', call: false, online_only: false,
    on_inviter_lost: 'cancel', visibility: 'invitees',
  },
  ...defaulted,
});
const group_invite = (chosen, named = {}, defaulted = {}) => ({
  ...chosen,
  timeout_ms: 30000,
  ...named,
  ...{ answer: 'all', call: false, online_only: false, on_inviter_lost: 'cancel', visibility: 'members' },
  ...defaulted,
});
/** In the order of its keys. */
const profile = { color: 'grün', room: '2.14' };
const reject = (chosen, reason = 'declined') => ({ ...chosen, reason });
const hangup = (chosen, reason = 'hangup', all = false) => ({ ...chosen, reason, all });
const add = (chosen, timeout_ms = 30000) => ({ ...chosen, timeout_ms });

const requests = [
  vector('request:invite', 'nothing chosen', invite({})),
  vector('request:invite', 'everything chosen', invite(
    { req: 'a-1', id, data: 'ring' },
    {
      timeout_ms: 60000, also: ['carol', 'dave@example.org'], answer: 'first', call: true,
      online_only: true, on_inviter_lost: 'keep', visibility: 'inviter', replace: true,
    },
  )),
  vector('request:invite', 'a bell that is pressed again', invite({ id, data: 'ring' }, { replace: true })),
  vector('request:invite', 'no timeout', invite({ id }, { timeout_ms: 0 })),
  vector('request:invite', 'a year', invite({ id }, { timeout_ms: 31536000000 })),
  vector('request:invite', 'the longest id', invite({ id: longest_id })),
  vector('request:invite', 'sixteen more', invite({}, { also: numbered(16, 'u') })),
  ...each(data, (name, value) => vector('request:invite', name, invite({ id, data: value }))),
  vector('request:accept', 'empty', {}),
  vector('request:accept', 'req', { req: 7 }),
  ...each(data, (name, value) => vector('request:accept', name, { data: value })),
  vector('request:reject', 'nothing chosen', reject({})),
  vector('request:reject', 'busy, with data', reject({ req: 'a-2', data: 'later' }, 'busy')),
  vector('request:reject', 'a reason of its own, binary', reject({ data: bytes('00') }, 'nicht jetzt ☂')),
  vector('request:cancel', 'empty', {}),
  vector('request:cancel', 'some, with data', { req: -1, data: 'never mind', invitees: ['bob', 'carol'] }),
  vector('request:cancel', 'binary', { data: bytes('c0ffee') }),
  vector('request:modify', 'text', { data: 'two people now' }),
  vector('request:modify', 'binary', { req: 'a-3', data: bytes('0102') }),
  vector('request:ringing', 'empty', {}),
  vector('request:ringing', 'req', { req: 'a-4' }),
  vector('request:signal', 'nothing chosen', { data: 'mic off' }),
  vector('request:signal', 'everything chosen', { req: 'a-11', to: 'bob', seq: 17, data: 'v=0' }),
  vector('request:signal', 'the largest seq', { seq: 18446744073709551615n, data: bytes('00ff') }),
  ...each(data, (name, value) => vector('request:signal', name, { data: value })),
  vector('request:hangup', 'nothing chosen', hangup({})),
  vector('request:hangup', 'everything chosen', hangup({ req: 18, data: 'bye' }, 'dinner', true)),
  vector('request:hangup', 'binary', hangup({ data: bytes('00ff') })),
  vector('request:join', 'nothing chosen', {}),
  vector('request:join', 'text', { req: 'a-13', data: 'here again' }),
  vector('request:join', 'binary', { data: bytes('00ff') }),
  vector('request:resume', 'empty', {}),
  vector('request:resume', 'req', { req: 'a-12' }),
  vector('request:add', 'one', add({ invitees: ['carol'] })),
  vector('request:add', 'two, longer', add({ req: 5, invitees: ['carol', 'dave'] }, 120000)),
  vector('request:get', 'empty', {}),
  vector('request:get', 'req', { req: 6 }),
  vector('request:get', 'the next page', { req: 'a-15', after: '100-0' }),
  vector('request:get', 'a short page', { limit: 20 }),
  vector('request:sync', 'the first page', {}),
  vector('request:sync', 'the next page', { req: 'a-5', after: 'b1f2a6c0' }),
  vector('request:sync', 'a short page', { after: 'b1f2a6c0', limit: 1 }),
  vector('request:group_invite', 'nothing chosen', group_invite({})),
  vector('request:group_invite', 'everything chosen', group_invite(
    { req: 'a-6', id, data: 'hands up' }, { invitees: ['bob', 'carol'] },
    { answer: 'first', call: true, online_only: true, on_inviter_lost: 'keep', visibility: 'inviter', replace: true },
  )),
  vector('request:message', 'nothing chosen', { data: 'hello', online_only: false }),
  vector('request:message', 'everything chosen', { req: 8, data: 'hello', id, online_only: true }),
  ...each(data, (name, value) => vector('request:message', name, { data: value, online_only: false })),
  vector('request:groups', 'the first page', {}),
  vector('request:groups', 'the next page', { req: 'a-7', after: 'class-9' }),
  vector('request:groups', 'a short page', { after: 'class-9', limit: 50 }),
  vector('request:here', 'is there', { run: '3f6ad1c0' }),
  vector('request:here', 'is gone', { req: 'a-14', run: '3f6ad1c0', gone: true }),
  vector('request:history', 'the newest', {}),
  vector('request:history', 'a page further back', { req: 'a-8', limit: 20, before: '1700000000000-41' }),
  ...[['online', 'bob'], ['open', '41']].flatMap(([verb, after]) => [
    vector(`request:${verb}`, 'the first page', {}),
    vector(`request:${verb}`, 'the next page', { req: 'a-17', after }),
    vector(`request:${verb}`, 'a short page', { after, limit: 20 }),
  ]),
  vector('request:group_create', 'nothing chosen', { join_mode: 'free', members: [] }),
  vector('request:group_create', 'everything chosen', {
    req: 'a-8', name: 'Klasse 4b', join_mode: 'closed', members: ['bob', 'carol'], profile,
  }),
  vector('request:group_create', 'sixteen members', { join_mode: 'free', members: numbered(16, 'u') }),
  vector('request:group_join', 'empty', {}),
  vector('request:group_quit', 'empty', {}),
  vector('request:group_dismiss', 'req', { req: 9 }),
  vector('request:group_get', 'the first page', {}),
  vector('request:group_get', 'the next page', { req: 10, after: 'u499' }),
  vector('request:group_get', 'a short page', { limit: 100 }),
  vector('request:group_update', 'nothing', {}),
  vector('request:group_update', 'everything', { req: 11, name: '', join_mode: 'free', profile: {} }),
  vector('request:group_add', 'two', { members: ['bob', 'carol'] }),
  vector('request:group_remove', 'one', { members: ['bob'] }),
  vector('request:group_remove', 'two, with a reason', { req: 12, members: ['bob', 'carol'], reason: 'noise' }),
  vector('request:group_role', 'an admin', { user: 'bob', role: 'admin' }),
  vector('request:group_role', 'no more', { req: 13, user: 'bob', role: 'member' }),
  vector('request:group_transfer', 'to bob', { req: 14, user: 'bob' }),
  ...each(req, (name, value) => vector('request:sync', `req is ${name}`, { req: value })),
];

// ------------------------------------------------------------------- replies

const ok = (re, rest, asked) => ({
  re, ok: true, device: phone, ...(asked === undefined ? {} : { req: asked }), ...rest,
});
const refused = (re, error, code, message, rest, asked) => ({
  re, ok: false, device: phone, ...(asked === undefined ? {} : { req: asked }), error, code, message, ...rest,
});

/** An invitation as `sync` and `get` tell it; `some` holds what may be absent, and a `rev` that is not 1. */
const invitation = (some, invitees) => ({
  id,
  inviter: 'door',
  ...('group' in some && { group: some.group }),
  ...('data' in some && { data: some.data }),
  call: some.call ?? false,
  answer: some.answer ?? 'all',
  online_only: some.online_only ?? false,
  visibility: some.visibility ?? 'invitees',
  ...(!('rev' in some) || some.rev ? { rev: some.rev ?? 1 } : {}),
  state: some.state ?? 'open',
  role: some.role ?? 'invitee',
  ...('remaining_ms' in some && { remaining_ms: some.remaining_ms }),
  invitees,
  ...(some.answers_left_out && { answers_left_out: true }),
  ...('invitees_left_out' in some && { invitees_left_out: some.invitees_left_out }),
  ...('call_state' in some && { call_state: some.call_state }),
});
const pending = { user: 'bob', state: 'pending', ringing: false };
const everyone = [
  { user: 'bob', state: 'accepted', ringing: true, device: tablet, data: 'coming' },
  { user: 'carol', state: 'rejected', ringing: false, device: panel, data: bytes('00ff'), reason: 'busy' },
  { user: 'dave', state: 'cancelled', ringing: true },
  { user: 'erin', state: 'timed_out', ringing: false },
  { user: 'frank', state: 'revoked', ringing: false },
  { user: 'grace', state: 'pending', ringing: true },
];

const skipped = [
  { user: 'carol', error: 'user_offline' },
  { user: 'dave', error: 'too_many_pending' },
  { user: 'erin', error: 'rate_limited' },
  { user: 'door', error: 'invalid_request' },
  { user: 'frank', error: 'not_member' },
];

const replies = [
  vector('reply:invite', 'invited', ok('invite', { id, rev: 1, remaining_ms: 30000 })),
  vector('reply:invite', 'no timeout', ok('invite', { id, rev: 1 }, 'a-1')),
  vector('reply:invite', 'some skipped', ok('invite', { id, rev: 1, remaining_ms: 30000, skipped }, 12)),
  vector('reply:invite', 'nobody is there', ok('invite', { id, rev: 1, remaining_ms: 30000, offline: ['bob'] }, 'a-16')),
  vector('reply:invite', 'of very many', ok('invite', {
    id, rev: 1, remaining_ms: 30000, skipped, offline: numbered(100, 'u'), more: 312,
  })),
  vector('reply:invite', 'repeated while open', ok('invite', { dup: true, id, rev: 2, state: 'open', remaining_ms: 12345 }, 'a-1')),
  vector('reply:invite', 'repeated while nobody is there', ok('invite', { dup: true, id, rev: 1, remaining_ms: 12345, offline: ['bob', 'carol'] }, 'a-16')),
  vector('reply:invite', 'repeated after the end', ok('invite', { dup: true, id, rev: 300, state: 'ended' })),
  vector('reply:invite', 'merged into the call that crossed it', ok('invite', { merged_into: 'c1' }, 'a-1')),
  vector('reply:invite', 'merged, repeated', ok('invite', { dup: true, merged_into: longest_id })),
  vector('reply:signal', 'signaled', ok('signal', { rev: 2 }, 17)),
  vector('reply:hangup', 'hung up', ok('hangup', { rev: 2 })),
  vector('reply:hangup', 'repeated', ok('hangup', { dup: true, rev: 2 }, 'a-13')),
  vector('reply:join', 'came', ok('join', { rev: 3 })),
  vector('reply:join', 'is there already', ok('join', { dup: true, rev: 3 }, 19)),
  vector('reply:resume', 'moved', ok('resume', { rev: 3 })),
  vector('reply:resume', 'is there already', ok('resume', { dup: true, rev: 3 }, 19)),
  vector('reply:accept', 'accepted', ok('accept', { rev: 2 })),
  vector('reply:accept', 'repeated', ok('accept', { dup: true, rev: 3 }, 'a-2')),
  vector('reply:reject', 'rejected', ok('reject', { rev: 2 }, 3)),
  vector('reply:reject', 'repeated', ok('reject', { dup: true, rev: 2 })),
  vector('reply:cancel', 'all', ok('cancel', { rev: 2, cancelled: ['bob'], already: [] })),
  vector('reply:cancel', 'some were too late', ok('cancel', {
    rev: 5,
    cancelled: ['bob'],
    already: [
      { user: 'carol', state: 'accepted' },
      { user: 'dave', state: 'rejected' },
      { user: 'erin', state: 'cancelled' },
      { user: 'frank', state: 'timed_out' },
      { user: 'grace', state: 'revoked' },
    ],
  }, 'a-3')),
  vector('reply:cancel', 'none', ok('cancel', { rev: 3, cancelled: [], already: [{ user: 'bob', state: 'accepted' }] })),
  vector('reply:cancel', 'of very many', ok('cancel', { rev: 2, cancelled: numbered(100, 'u'), already: [], more: 899 })),
  vector('reply:cancel', 'repeated', ok('cancel', { dup: true, rev: 2, cancelled: ['bob'], already: [] }, -40)),
  vector('reply:modify', 'modified', ok('modify', { rev: 128 })),
  vector('reply:modify', 'the last rev', ok('modify', { rev: 4294967295 }, 'a-4')),
  vector('reply:ringing', 'told', ok('ringing', { rev: 1 })),
  ...each(req, (name, value) => vector('reply:ringing', `req is ${name}`, ok('ringing', { rev: 1 }, value))),
  vector('reply:add', 'added', ok('add', { id, rev: 2, remaining_ms: 30000 }, 'a-5')),
  vector('reply:add', 'none skipped', ok('add', { id, rev: 2, remaining_ms: 31536000000, skipped: [] })),
  vector('reply:add', 'one is not there', ok('add', { id, rev: 2, remaining_ms: 30000, offline: ['erin'] })),
  vector('reply:add', 'of very many', ok('add', { id, rev: 2, remaining_ms: 30000, skipped: [], offline: ['erin'], more: 5 }, 22)),
  vector('reply:add', 'some skipped', ok('add', {
    id,
    rev: 2,
    skipped: [
      { user: 'bob', error: 'already_invited' },
      { user: 'carol', error: 'already_accepted' },
      { user: 'dave', error: 'already_rejected' },
      { user: 'erin', error: 'already_cancelled' },
      { user: 'frank', error: 'already_timed_out' },
      { user: 'grace', error: 'already_revoked' },
    ],
  })),
  vector('reply:get', 'open', ok('get', { invitation: invitation({ remaining_ms: 29000 }, [pending]) }, 'a-6')),
  vector('reply:get', 'a page', ok('get', {
    invitation: invitation({ rev: 7, role: 'inviter', remaining_ms: 29000 }, everyone), next: '6-0',
  }, 'a-15')),
  vector('reply:get', 'the last page, of who takes part', ok('get', {
    invitation: invitation({ call: true, rev: 7, role: 'inviter', call_state: { participants: ['yves', 'zoe'], duration_ms: 65001 } }, []),
  })),
  vector('reply:get', 'ended', ok('get', {
    invitation: invitation({ state: 'ended', rev: 2, role: 'inviter' }, [
      { user: 'bob', state: 'rejected', ringing: true, device: tablet, reason: 'declined' },
    ]),
  })),
  ...each(data, (name, value) => vector('reply:get', name, ok('get', {
    invitation: invitation({ data: value, remaining_ms: 29000 }, [{ ...pending, data: value }]),
  }))),
  vector('reply:sync', 'nothing open', ok('sync', { server_epoch: '7', invitations: [] })),
  vector('reply:sync', 'a page', ok('sync', {
    server_epoch: 'k3Zq-9',
    invitations: [
      invitation({ data: 'ring', call: true, answer: 'first', rev: 6, role: 'inviter', remaining_ms: 0 }, everyone),
      invitation({ data: bytes('00ff'), online_only: true, visibility: 'inviter', remaining_ms: 86400000 }, [pending]),
      invitation({}, [pending]),
    ],
    next: 'b1f2a6c0',
  }, 'a-7')),
  vector('reply:sync', 'in a group, not asked', ok('sync', {
    server_epoch: '7',
    invitations: [invitation({ group: 'class-4b', visibility: 'members', role: 'observer', remaining_ms: 5000 }, [pending])],
  })),
  vector('reply:sync', 'items that leave something out', ok('sync', {
    server_epoch: '7',
    invitations: [
      invitation({ rev: undefined, role: 'inviter', remaining_ms: 5000, answers_left_out: true }, [
        { user: 'bob', state: 'accepted', ringing: true, device: tablet }, { ...pending, user: 'carol' },
      ]),
      invitation({ rev: undefined, group: 'class-4b', visibility: 'members', remaining_ms: 5000, invitees_left_out: 899 }, [pending]),
      invitation(
        {
          rev: undefined, call: true, role: 'inviter', answers_left_out: true, invitees_left_out: 400,
          call_state: { participants: numbered(16, 'u'), more: 484, duration_ms: 65000 },
        },
        [{ user: 'u0', state: 'accepted', ringing: false, device: tablet }],
      ),
    ],
  }, 23)),
  vector('reply:get', 'replaced', ok('get', {
    invitation: invitation({ state: 'ended', rev: 2 }, [{ user: 'bob', state: 'cancelled', ringing: true, reason: 'replaced' }]),
  })),
  vector('reply:get', 'revoked', ok('get', {
    invitation: invitation({ group: 'class-4b', state: 'ended', rev: 2, visibility: 'members', role: 'inviter' }, [
      { user: 'bob', state: 'revoked', ringing: false, reason: 'left_group' },
    ]),
  })),
  vector('reply:get', 'a call that lives', ok('get', {
    invitation: invitation({ call: true, rev: 2, role: 'inviter', call_state: { participants: ['door', 'bob'], duration_ms: 65000 } }, [
      { user: 'bob', state: 'accepted', ringing: true, device: tablet },
    ]),
  }, 'a-14')),
  vector('reply:get', 'a call that has ended', ok('get', {
    invitation: invitation({ call: true, rev: 2, state: 'ended', call_state: { participants: [], duration_ms: 86400000, reason: 'expired' } }, [
      { user: 'bob', state: 'accepted', ringing: false, device: tablet },
    ]),
  })),
  vector('reply:message', 'sent', ok('message', { id }, 8)),
  ...['create', 'join', 'quit', 'dismiss', 'update', 'role', 'transfer'].flatMap((verb) => [
    vector('reply:group_done', verb, ok(verb, {})),
    vector('reply:group_done', `${verb} again`, ok(verb, { dup: true }, 'a-9')),
  ]),
  vector('reply:members_done', 'added', ok('add', { skipped: [] })),
  vector('reply:members_done', 'one was there', ok('add', { skipped: [{ user: 'bob', error: 'already_member' }] }, 15)),
  vector('reply:members_done', 'of very many', ok('add', {
    // It would name 100.
    skipped: numbered(16, 'u').map((user) => ({ user, error: 'already_member' })), more: 1399,
  })),
  vector('reply:members_done', 'removed', ok('remove', { skipped: [] })),
  vector('reply:members_done', 'some not removed', ok('remove', {
    skipped: [{ user: 'bob', error: 'not_member' }, { user: 'carol', error: 'not_owner' }],
  })),
  vector('reply:group_get', 'of one', ok('get', {
    group: { group: 'class-4b', join_mode: 'free', owner: 'door', count: 1, members: [{ user: 'door', role: 'owner' }] },
  })),
  vector('reply:group_get', 'a page', ok('get', {
    group: {
      group: 'class-4b', name: 'Klasse 4b', join_mode: 'closed', owner: 'door', profile, count: 2000,
      members: [{ user: 'bob', role: 'admin' }, { user: 'carol', role: 'member' }, { user: 'door', role: 'owner' }],
    },
    next: 'door',
  }, 'a-10')),
  vector('reply:groups', 'none', ok('groups', { groups: [] })),
  vector('reply:groups', 'a page', ok('groups', {
    groups: [
      { group: 'class-4b', name: 'Klasse 4b', role: 'owner', join_mode: 'closed', count: 31 },
      { group: 'flat', role: 'member', join_mode: 'free', count: 128 },
    ],
    next: 'flat',
  }, 16)),
  vector('reply:here', 'of a connection', ok('here', {})),
  vector('reply:here', 'for so long', ok('here', { again_ms: 600000 }, 21)),
  vector('reply:history', 'nothing has ended', ok('history', { history: [] })),
  vector('reply:history', 'a page', ok('history', {
    history: [
      {
        id: 'ring-1', inviter: 'door',
        invitees: [{ user: 'alice', state: 'accepted' }, { user: 'bob', state: 'cancelled', reason: 'answered' }],
        reason: 'accepted', role: 'invitee', missed: true, age_ms: 61000, ring_ms: 4200,
      },
      {
        id: 'round-7', inviter: 'alice', group: 'class-4b', invitees: [{ user: 'bob', state: 'timed_out' }],
        reason: 'timed_out', role: 'inviter', missed: false, age_ms: 86400000, ring_ms: 30000,
      },
    ],
    next: '1700000000000-41',
  }, 17)),
  vector('reply:history', 'of very many', ok('history', {
    history: [{
      id: 'round-8', inviter: 'alice', group: 'class-4b', invitees: [{ user: 'bob', state: 'cancelled', reason: 'replaced' }],
      invitees_left_out: 899, reason: 'timed_out', role: 'invitee', missed: false, age_ms: 1000, ring_ms: 30000,
    }],
  })),
  vector('reply:history', 'a call', ok('history', {
    history: [{
      id: 'call-1', inviter: 'door', invitees: [{ user: 'alice', state: 'accepted' }],
      reason: 'hangup', role: 'invitee', missed: false, age_ms: 5000, ring_ms: 4200, talk_ms: 61000,
    }],
  })),
  vector('reply:online', 'nobody', ok('online', { online: [] })),
  vector('reply:online', 'a page', ok('online', {
    online: [{ user: 'bob', devices: 1 }, { user: 'door', devices: 300 }, { user: longest_id, devices: 2 }],
    next: longest_id,
  }, 'a-17')),
  vector('reply:open', 'nothing', ok('open', { invitations: [] })),
  vector('reply:open', 'a page', ok('open', {
    invitations: [
      invitation({ data: 'ring', role: 'observer', remaining_ms: 29000 }, [pending]),
      invitation({ data: bytes('00ff'), call: true, answer: 'first', online_only: true, visibility: 'inviter', rev: 6, role: 'observer', remaining_ms: 0 }, everyone),
      invitation(
        { group: 'class-4b', call: true, visibility: 'members', rev: 2, role: 'observer', call_state: { participants: ['door', 'bob'], duration_ms: 65000 } },
        [{ user: 'bob', state: 'accepted', ringing: true, device: tablet }],
      ),
      invitation({ rev: undefined, role: 'observer', remaining_ms: 5000, answers_left_out: true, invitees_left_out: 899 }, [pending]),
    ],
    next: '41',
  }, 24)),
  vector('reply:get', 'to an operator', ok('get', {
    invitation: invitation({ visibility: 'inviter', rev: 7, role: 'observer', remaining_ms: 29000 }, everyone),
  })),
  vector('reply:sync', 'sixteen invitees', ok('sync', {
    server_epoch: '7',
    invitations: [invitation({}, numbered(16, 'u').map((user) => ({ ...pending, user })))],
  })),
];

const refusals = [
  ['sync', 'invalid_request', 6017, 'the request is malformed'],
  ['invite', 'invalid_request', 6017, 'the request is malformed', { field: 'timeout_ms' }],
  ['invite', 'too_large', 8001, 'over a limit', { field: 'data', limit: 16384 }],
  ['accept', 'too_large', 8001, 'over a limit', { field: 'payload', limit: 32768 }],
  ['invite', 'too_large', 8001, 'over a limit', { field: 'visibility', limit: 250 }],
  ['accept', 'unknown_invitation', 8010, 'there is no such invitation, or it ended too long ago'],
  ['accept', 'already_accepted', 8010, 'it was accepted already', { by: 'bob', by_device: tablet, rev: 2 }],
  ['reject', 'already_rejected', 8010, 'it was rejected already', { by: 'bob', by_device: tablet, rev: 2 }],
  ['accept', 'already_cancelled', 8010, 'it was cancelled already', { by: 'door', by_device: panel, rev: 3 }],
  ['accept', 'already_cancelled', 8010, 'it was cancelled already', { by: 'door', rev: 3 }],
  ['accept', 'already_cancelled', 8010, 'it was cancelled already', { rev: 3 }],
  ['accept', 'already_cancelled', 8010, 'it was cancelled already', { by: 'door', by_device: panel, rev: 2, replaced_by: next_id }],
  ['accept', 'already_timed_out', 8010, 'it timed out already', { rev: 2 }],
  ['accept', 'already_revoked', 8010, 'it was revoked already', { by: 'door', by_device: panel, rev: 2 }],
  ['cancel', 'already_ended', 8010, 'the invitation has ended', { rev: 9 }],
  ['cancel', 'not_inviter', 8011, 'only the inviter may do this'],
  ['accept', 'not_invitee', 8011, 'only an invitee may do this'],
  ['get', 'not_participant', 8011, 'only those who take part may do this'],
  ['sync', 'wrong_sender', 8011, 'the topic names a user who is not the sender'],
  ['online', 'wrong_sender', 8011, 'only operators may ask this'],
  ['invite', 'already_exists', 8012, 'the id is taken'],
  ['add', 'already_invited', 8012, 'the user is invited already'],
  ['invite', 'user_offline', 20101, 'no device of the user is online'],
  ['invite', 'rate_limited', 20102, 'too many in a short time', { limit: 1 }],
  ['invite', 'too_many_pending', 20102, 'too many invitations are pending', { limit: 1000000 }],
  ['modify', 'not_modifiable', 20103, 'an online_only invitation cannot be modified'],
  ['accept', 'storage_unavailable', 20104, 'it cannot be stored at the moment'],
  ['frobnicate', 'unknown_request', 20105, 'there is no such request'],
  ['unknown', 'unknown_request', 20105, 'there is no such request'],
  ['join', 'unknown_group', 10010, 'there is no such group'],
  ['get', 'not_member', 10007, 'only members may do this'],
  ['dismiss', 'not_owner', 10007, 'only the owner may do this'],
  ['update', 'not_admin', 10007, 'only the owner and admins may do this'],
  ['join', 'group_closed', 10007, 'nobody can join by themselves'],
  ['quit', 'owner_cannot_quit', 10009, 'the owner transfers or dismisses the group'],
  ['join', 'group_full', 10014, 'the group has no room', { limit: 2000 }],
  ['create', 'group_exists', 10021, "the group's id is taken"],
  ['add', 'internal', 20199, 'the broker could not handle the request'],
];
replies.push(
  ...refusals.map(([re, error, code, message, rest]) => {
    const told = Object.entries(rest ?? {}).map(([key, value]) => `, ${key} ${value}`).join('');
    return vector('reply:refused', `${re}: ${error}${told}`, refused(re, error, code, message, rest));
  }),
  vector('reply:refused', 'req is a string', refused('accept', 'unknown_invitation', 8010, 'gone', {}, 'a-8')),
  vector('reply:refused', 'req is an integer', refused('invite', 'too_large', 8001, 'zu groß', { field: 'also', limit: 1000 }, -129)),
);

// -------------------------------------------------------------------- events

const event = (name, rev, by, rest) => ({ event: name, id, rev, ...by, ...rest });
const by_door = { by: 'door', by_device: panel };
const by_bob = { by: 'bob', by_device: tablet };
const new_invitation = (some, defaulted = {}) => event('new_invitation', 1, by_door, {
  inviter: 'door',
  ...('group' in some && { group: some.group }),
  invitees: ['bob'],
  ...some,
  ...{ call: false, answer: 'all', visibility: 'invitees', online_only: false, role: 'invitee' },
  ...defaulted,
});

const group_event = (name, rest) => ({ event: name, group: 'class-4b', ...by_door, ...rest });

const events = [
  vector('event:new_invitation', 'one-to-one', new_invitation({ remaining_ms: 30000 })),
  vector('event:new_invitation', 'no timeout', new_invitation({})),
  vector('event:new_invitation', 'a call to several', new_invitation(
    { invitees: ['bob', 'carol'], data: 'ring', remaining_ms: 59999 },
    { call: true, answer: 'first', visibility: 'inviter', online_only: true },
  )),
  vector('event:new_invitation', 'sixteen invitees', new_invitation({ invitees: numbered(16, 'u'), remaining_ms: 65536 })),
  vector('event:new_invitation', 'added by who accepted', {
    ...new_invitation({ invitees: ['bob', 'carol'], remaining_ms: 30000 }), rev: 3, ...by_bob,
  }),
  vector('event:new_invitation', 'a bell that is pressed again', {
    ...new_invitation({ remaining_ms: 30000 }, { replaces: [id, 'ring-1'] }), id: next_id,
  }),
  vector('event:new_invitation', "to the inviter's other devices", new_invitation(
    { invitees: ['bob', 'carol'], data: 'ring', remaining_ms: 30000 }, { call: true, role: 'inviter' },
  )),
  vector('event:new_invitation', "to the inviter's other devices, of very many", new_invitation(
    { group: 'class-4b', invitees: numbered(100, 'u') }, { visibility: 'inviter', role: 'inviter', replaces: ['ring-1'], more: 899 },
  )),
  ...each(data, (name, value) => vector('event:new_invitation', name, new_invitation({ data: value, remaining_ms: 30000 }))),
  vector('event:invitee_accepted', 'no data', event('invitee_accepted', 2, by_bob, { invitee: 'bob' })),
  vector('event:invitee_accepted', 'text', event('invitee_accepted', 2, by_bob, { invitee: 'bob', data: 'coming' })),
  vector('event:invitee_accepted', 'binary', event('invitee_accepted', 70000, by_bob, { invitee: 'bob', data: bytes('00ff') })),
  vector('event:invitee_rejected', 'declined', event('invitee_rejected', 2, by_bob, { invitee: 'bob', reason: 'declined' })),
  vector('event:invitee_rejected', 'busy, text', event('invitee_rejected', 2, by_bob, { invitee: 'bob', data: 'später', reason: 'busy' })),
  vector('event:invitee_rejected', 'a reason of its own, binary', event('invitee_rejected', 2, by_bob, { invitee: 'bob', data: bytes('00'), reason: 'nicht jetzt ☂' })),
  vector('event:invitation_cancelled', 'by the inviter', event('invitation_cancelled', 2, by_door, { inviter: 'door', invitees: ['bob'], reason: 'cancelled' })),
  vector('event:invitation_cancelled', 'by the inviter, text', event('invitation_cancelled', 2, by_door, { inviter: 'door', invitees: ['bob', 'carol'], data: 'never mind', reason: 'cancelled' })),
  vector('event:invitation_cancelled', 'by the inviter, binary', event('invitation_cancelled', 2, by_door, { inviter: 'door', invitees: ['bob'], data: bytes('c0ffee'), reason: 'cancelled' })),
  vector('event:invitation_cancelled', 'another answered', event('invitation_cancelled', 3, by_bob, { inviter: 'door', invitees: ['carol', 'dave'], reason: 'answered' })),
  vector('event:invitation_cancelled', 'the inviter rings anew', event('invitation_cancelled', 2, by_door, { inviter: 'door', invitees: ['bob'], reason: 'replaced' })),
  vector('event:invitation_cancelled', 'by the clock', event('invitation_cancelled', 2, {}, { inviter: 'door', invitees: ['bob'], reason: 'expired' })),
  vector('event:invitation_cancelled', 'the inviter was lost', event('invitation_cancelled', 2, { by: 'door' }, { inviter: 'door', invitees: ['bob'], reason: 'inviter_lost' })),
  vector('event:invitation_cancelled', 'the call ended', event('invitation_cancelled', 3, by_bob, { inviter: 'door', invitees: ['carol'], reason: 'call_ended' })),
  vector('event:invitation_cancelled', 'the call ended at its limit', event('invitation_cancelled', 3, {}, { inviter: 'door', invitees: ['carol'], reason: 'call_ended' })),
  vector('event:invitation_timeout', 'one', event('invitation_timeout', 2, {}, { invitees: ['bob'] })),
  vector('event:invitation_timeout', 'several', event('invitation_timeout', 3, {}, { invitees: ['bob', 'carol', 'dave'] })),
  vector('event:invitation_modified', 'text', event('invitation_modified', 2, by_door, { data: 'two people now' })),
  vector('event:invitation_modified', 'binary', event('invitation_modified', 2, by_door, { data: bytes('0102') })),
  vector('event:invitation_modified', 'added', event('invitation_modified', 2, by_bob, { invitees: ['bob', 'carol'] })),
  vector('event:new_invitation', 'in a group', new_invitation(
    { group: 'class-4b', invitees: ['bob', 'carol'], remaining_ms: 30000 }, { visibility: 'members' },
  )),
  vector('event:new_invitation', 'in a group, everything told', new_invitation(
    { group: 'class-4b', invitees: ['bob', 'carol'], data: 'hands up', remaining_ms: 30000 },
    { visibility: 'members', role: 'observer' },
  )),
  vector('event:invitation_cancelled', 'the inviter left the group', event('invitation_cancelled', 2, by_door, { inviter: 'door', invitees: ['bob'], reason: 'left_group' })),
  vector('event:invitation_cancelled', 'the group was dismissed', event('invitation_cancelled', 2, by_bob, { inviter: 'door', invitees: ['bob'], reason: 'group_dismissed' })),
  vector('event:invitation_revoked', 'left', event('invitation_revoked', 2, by_bob, { invitees: ['bob'], reason: 'left_group' })),
  vector('event:invitation_revoked', 'removed', event('invitation_revoked', 2, by_door, { invitees: ['bob', 'carol'], reason: 'removed' })),
  vector('event:group_created', 'without a name', group_event('group_created', { members: ['door'] })),
  vector('event:group_created', 'with a name', group_event('group_created', { name: 'Klasse 4b', members: ['door', 'bob'] })),
  vector('event:member_entered', 'one', group_event('member_entered', { members: ['door'] })),
  vector('event:member_invited', 'two', group_event('member_invited', { members: ['bob', 'carol'] })),
  vector('event:member_removed', 'two', group_event('member_removed', { members: ['bob', 'carol'] })),
  vector('event:member_removed', 'with a reason', group_event('member_removed', { members: ['bob'], reason: 'noise' })),
  vector('event:member_left', 'one', group_event('member_left', { user: 'door' })),
  vector('event:role_changed', 'an admin', group_event('role_changed', { user: 'bob', role: 'admin' })),
  vector('event:role_changed', 'no more', group_event('role_changed', { user: 'bob', role: 'member' })),
  vector('event:owner_changed', 'to bob', group_event('owner_changed', { owner: 'bob' })),
  vector('event:group_updated', 'closed', group_event('group_updated', { join_mode: 'closed' })),
  vector('event:group_updated', 'everything', group_event('group_updated', { name: '', join_mode: 'free', profile })),
  vector('event:group_updated', 'no profile', group_event('group_updated', { profile: {} })),
  vector('event:group_dismissed', 'by its owner', group_event('group_dismissed', {})),
  vector('event:message', 'to a user', { event: 'message', id, from: 'door', to: 'bob', data: 'hello' }),
  vector('event:message', 'to a group', { event: 'message', id, from: 'door', group: 'class-4b', data: 'hello' }),
  ...each(data, (name, value) => vector('event:message', name, { event: 'message', id, from: 'door', to: 'bob', data: value })),
  vector('event:signal', 'without seq', event('signal', 2, by_bob, { from: 'bob', data: 'mic off' })),
  vector('event:signal', 'with seq', event('signal', 2, by_bob, { from: 'bob', seq: 65536, data: bytes('00ff') })),
  ...each(data, (name, value) => vector('event:signal', name, event('signal', 1, by_door, { from: 'door', seq: 1, data: value }))),
  vector('event:participant_joined', 'came', event('participant_joined', 3, by_bob, { user: 'bob' })),
  vector('event:participant_joined', 'text', event('participant_joined', 3, by_bob, { user: 'bob', data: 'here again' })),
  vector('event:participant_joined', 'binary', event('participant_joined', 3, by_bob, { user: 'bob', data: bytes('00ff') })),
  vector('event:participant_left', 'hung up', event('participant_left', 3, by_bob, { user: 'bob', reason: 'hangup' })),
  vector('event:participant_left', 'text', event('participant_left', 3, by_bob, { user: 'bob', reason: 'dinner', data: 'bye' })),
  vector('event:participant_left', 'binary', event('participant_left', 3, by_bob, { user: 'bob', reason: 'hangup', data: bytes('00ff') })),
  vector('event:participant_left', 'lost', event('participant_left', 3, { by: 'bob' }, { user: 'bob', reason: 'connection_lost' })),
  vector('event:participant_moved', 'to another device', event('participant_moved', 2, by_bob, { user: 'bob' })),
  vector('event:call_ended', 'hung up', event('call_ended', 2, by_bob, { reason: 'hangup', duration_ms: 65000 })),
  vector('event:call_ended', 'text', event('call_ended', 2, by_door, { reason: 'closing', duration_ms: 0, data: 'bye' })),
  vector('event:call_ended', 'binary', event('call_ended', 2, by_door, { reason: 'hangup', duration_ms: 1, data: bytes('00ff') })),
  vector('event:call_ended', 'lost', event('call_ended', 2, { by: 'bob' }, { reason: 'connection_lost', duration_ms: 70000 })),
  vector('event:call_ended', 'at its limit', event('call_ended', 2, {}, { reason: 'expired', duration_ms: 86400000 })),
  vector('event:invitee_ringing', 'rings', event('invitee_ringing', 1, by_bob, { invitee: 'bob' })),
  vector('event:invitee_ringing', 'the longest ids', {
    ...event('invitee_ringing', 1, { by: longest_id, by_device: phone }, { invitee: longest_id }), id: longest_id,
  }),
];

// ---------------------------------------------------------- what operators hear

const ends = (accepted, rejected, cancelled, timed_out, revoked) => ({ accepted, rejected, cancelled, timed_out, revoked });
const refused_request = (topic, re, error, message, again = 0, field = undefined) => ({
  user: 'bob', device: tablet, address: '192.0.2.7', topic, re, error, ...(field && { field }), message, again,
});

const operator = [
  vector('operator:counters', 'just started', {
    requests: {}, refusals: {}, ends: ends(0, 0, 0, 0, 0), calls: 0, events: 0, left_out: 0, open: 0, ended: 0, online: 0,
    groups: 0, kept_bytes: 0, unstored: 0, oldest_unstored_ms: 0, lateness_ms: { p50: 0, p99: 0 },
  }),
  vector('operator:counters', 'after a while', {
    // Both in the order of their keys.
    requests: { accept: 71203, invite: 101733, sync: 9001, unknown: 2 },
    refusals: { already_cancelled: 312, rate_limited: 4294967296, unknown_request: 2 },
    ends: ends(71203, 4100, 22001, 4398, 31), calls: 68000, events: 410233, left_out: 77, open: 1204, ended: 100000,
    online: 5310, groups: 88, kept_bytes: 268435456, unstored: 12, oldest_unstored_ms: 4, lateness_ms: { p50: 0, p99: 11 },
  }),
  vector('operator:refused', 'a request', refused_request(
    'beckon/v1/user/carol/sync', 'sync', 'wrong_sender', 'the topic names a user who is not the sender',
  )),
  vector('operator:refused', 'a field is to blame, and some were left out', refused_request(
    'beckon/v1/user/carol/invite/bob', 'invite', 'invalid_request', 'timeout_ms is not from 0 to 86400000', 41, 'timeout_ms',
  )),
  vector('operator:refused', 'a misspelt topic', refused_request(
    'beckon/v1/users/carol/invite', 'invite', 'unknown_request', 'there is no such request',
  )),
  vector('operator:refused', 'where only the broker publishes', {
    user: 'bob', address: '192.0.2.7', topic: 'beckon/v1/inbox/carol/event', error: 'wrong_sender',
    message: 'only the broker publishes there', again: 3,
  }),
  vector('operator:refused', 'a name that can use no signaling', {
    user: 'Grüße "门"', address: '2001:db8::7', topic: 'beckon/v1/user/carol/invite', error: 'invalid_request', field: 'user',
    message: 'this user name can use no signaling: it is not 1 to 64 characters A-Z a-z 0-9 . _ @ : -', again: 0,
  }),
  vector('operator:refused', 'who has no name', {
    address: '192.0.2.7', topic: 'beckon/v1/user/carol/invite', error: 'invalid_request', field: 'user',
    message: 'who has no user name can use no signaling', again: 0,
  }),
  vector('operator:absent_asked', 'nobody is there', { id, inviter: 'door', invitees: ['bob'], remaining_ms: 30000 }),
  vector('operator:absent_asked', 'no timeout', { id, inviter: 'door', invitees: ['bob'] }),
  vector('operator:absent_asked', 'a call in a group', {
    id, inviter: 'door', group: 'class-4b', invitees: ['bob', 'carol'], remaining_ms: 30000, call: true, data: 'hands up',
  }),
  ...each(data, (name, value) => vector('operator:absent_asked', name, { id, inviter: 'door', invitees: ['bob'], remaining_ms: 29000, data: value })),
  vector('operator:absent_ended', 'accepted', { id, invitees: ['bob'], state: 'accepted', by: 'bob' }),
  vector('operator:absent_ended', 'rejected', { id, invitees: ['bob'], state: 'rejected', reason: 'nicht jetzt ☂', by: 'bob' }),
  vector('operator:absent_ended', 'cancelled', { id, invitees: ['bob', 'carol'], state: 'cancelled', reason: 'cancelled', by: 'door' }),
  vector('operator:absent_ended', 'another answered', { id, invitees: ['carol'], state: 'cancelled', reason: 'answered', by: 'bob' }),
  vector('operator:absent_ended', 'the inviter was lost', { id, invitees: ['bob'], state: 'cancelled', reason: 'inviter_lost', by: 'door' }),
  vector('operator:absent_ended', 'expired', { id, invitees: ['bob'], state: 'cancelled', reason: 'expired' }),
  vector('operator:absent_ended', 'the call ended at its limit', { id, invitees: ['bob'], state: 'cancelled', reason: 'call_ended' }),
  vector('operator:absent_ended', 'timed out', { id, invitees: ['bob', 'carol'], state: 'timed_out' }),
  vector('operator:absent_ended', 'removed', { id, invitees: ['bob'], state: 'revoked', reason: 'removed', by: 'door' }),
];

// -------------------------------------------------------------------- status

const status = [
  vector('status', 'the default limits', {
    version: '0.1.0',
    protocol: 1,
    server_epoch: '7',
    store: 'ok',
    host: 'broker',
    sender: 'connection',
    presence: 'connection',
    limits: {
      max_payload_bytes: 32768, max_payload_values: 4096, max_data_bytes: 16384, max_total_data_bytes: 268435456,
      max_user_data_bytes: 1048576, max_user_group_bytes: 4194304,
      max_timeout_ms: 86400000, max_lifetime_ms: 86400000, max_call_ms: 86400000, max_invitees: 1000, max_audience: 250,
      max_group_members: 2000, max_groups_per_owner: 100, max_pending_per_inviter: 64, max_pending_per_invitee: 256,
      max_pending_per_pair: 16, max_pending: 1000000, max_ended: 100000, ended_ms: 600000, requests_per_second: 50, requests_burst: 200,
      pair_invites_per_second: 1, pair_invites_burst: 5, events_per_second: 5000,
      events_burst: 10000, reply_bytes_per_second: 1048576, reply_bytes_burst: 16777216, grace_ms: 15000,
    },
  }),
];

/** What is told with this value is not told (contract, section 3); `state` and `role` of these are of invitations. */
const left_out = { call: false, answer: 'all', online_only: false, ringing: false, missed: false, role: 'invitee' };
const left_out_states = ['open', 'pending'];

function lean(value) {
  if (Array.isArray(value)) return value.map(lean);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  const usual_visibility = 'group' in value ? 'members' : 'invitees';
  const is_by_inviter = value.event === 'new_invitation' && value.by === value.inviter;
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, field]) =>
          !(key in left_out && left_out[key] === field) &&
          !(key === 'state' && left_out_states.includes(field)) &&
          !(key === 'visibility' && field === usual_visibility) &&
          !(key === 'by' && is_by_inviter),
      )
      .map(([key, field]) => [key, lean(field)]),
  );
}
const told = (list) => list.map((one) => ({ ...one, message: lean(one.message) }));

/** By file. */
export const vectors = { requests, replies: told(replies), events: told(events), operator, status };
