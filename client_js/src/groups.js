// SPDX-License-Identifier: Apache-2.0
import { ask, data, id, ids, present, text, toResult, word } from './arguments.js';
import { askPages } from './pages.js';

const joinModes = ['free', 'closed'];

function profile(map) {
  if (map === undefined) return undefined;
  for (const [key, value] of Object.entries(map)) text(key, 'profile') && text(value, 'profile');
  return map;
}

const toDescription = ({ group, name = '', join_mode, count, role, owner, profile: texts }) => ({
  groupID: group, groupName: name, joinMode: join_mode, memberCount: count,
  ...(role && { role }), ...(owner && { owner }), ...(owner && { profile: texts ?? {} }),
});

/** Groups: who belongs, and who may do what. What is in the broker's hands is not kept here. */
export class GroupManager {
  #engine;

  constructor(engine) {
    this.#engine = engine;
  }

  addGroupListener(listener) {
    this.#engine.group_listeners.add(listener);
  }
  removeGroupListener(listener) {
    this.#engine.group_listeners.delete(listener);
  }

  #ask(kind, groupID, body = () => ({}), convert = toResult) {
    return ask(this.#engine, () => ({ kind, about: id(groupID, 'group'), body: body() }), convert);
  }

  createGroup(groupID, groupName = '', { joinMode = 'free', memberList = [], profile: texts } = {}) {
    return this.#ask('group_create', groupID, () => ({
      name: groupName === '' ? undefined : text(groupName, 'name'), join_mode: word(joinMode, 'join_mode', joinModes),
      members: ids(memberList, 'members'), profile: profile(texts),
    }));
  }

  joinGroup(groupID) {
    return this.#ask('group_join', groupID);
  }
  quitGroup(groupID) {
    return this.#ask('group_quit', groupID);
  }
  dismissGroup(groupID) {
    return this.#ask('group_dismiss', groupID);
  }

  getJoinedGroupList() {
    return askPages(this.#engine, () => ({ kind: 'groups', about: this.#engine.user }), 'groups', ({ groups }) => groups.map(toDescription));
  }

  getGroupsInfo(groupIDList) {
    return Promise.all(groupIDList.map((groupID) => this.#ask('group_get', groupID, undefined, (outcome) => ({
      ...toResult(outcome), info: outcome.reply?.group ? toDescription(outcome.reply.group) : undefined,
    }))));
  }

  setGroupInfo(groupID, { groupName, joinMode, profile: texts }) {
    return this.#ask('group_update', groupID, () => ({
      name: groupName === undefined ? undefined : text(groupName, 'name'),
      join_mode: joinMode === undefined ? undefined : word(joinMode, 'join_mode', joinModes),
      profile: profile(texts),
    }));
  }

  getGroupMemberList(groupID) {
    return askPages(this.#engine, () => ({ kind: 'group_get', about: id(groupID, 'group') }), 'members',
      ({ group }) => group.members.map(({ user, role }) => ({ userID: user, role })));
  }

  inviteUserToGroup(groupID, userList) {
    return this.#ask('group_add', groupID, () => ({ members: ids(userList, 'members') }), toMembersResult);
  }

  kickGroupMember(groupID, memberList, reason = '') {
    return this.#ask('group_remove', groupID, () => ({
      members: ids(memberList, 'members'), reason: reason === '' ? undefined : text(reason, 'reason'),
    }), toMembersResult);
  }

  setGroupMemberRole(groupID, userID, role) {
    return this.#ask('group_role', groupID, () => ({ user: id(userID, 'user'), role: word(role, 'role', ['member', 'admin']) }));
  }

  transferGroupOwner(groupID, userID) {
    return this.#ask('group_transfer', groupID, () => ({ user: id(userID, 'user') }));
  }

  /** The events of groups, to the listeners. For the client alone. */
  hear({ event, group, by, by_device: byDevice, members = [], user = '', role, owner, name, join_mode, profile: texts, reason = '' }) {
    const tell = (...call) => this.#engine.tell(this.#engine.group_listeners, ...call);
    const change = present({ groupName: name, joinMode: join_mode, profile: texts, owner });
    tell('onGroupEvent', { event, groupID: group, by, byDevice, members, user, change, reason, ...present({ role }) });
    switch (event) {
      case 'group_created': return tell('onGroupCreated', group);
      case 'member_entered': return tell('onMemberEnter', group, members);
      case 'member_invited': return tell('onMemberInvited', group, by, members);
      case 'member_removed': return tell('onMemberKicked', group, by, members);
      case 'member_left': return tell('onMemberLeave', group, user);
      case 'role_changed': return tell(role === 'admin' ? 'onGrantAdministrator' : 'onRevokeAdministrator', group, by, [user]);
      case 'group_dismissed': return tell('onGroupDismissed', group, by);
      default: return tell('onGroupInfoChanged', group, change);
    }
  }
}

const toMembersResult = (outcome) => ({ ...toResult(outcome), skipped: outcome.reply?.skipped ?? [], more: outcome.reply?.more ?? 0 });

/** What messages are sent and heard by; mixed into the client, as in the mapped API. */
export class Messages {
  #engine;

  constructor(engine) {
    this.#engine = engine;
  }

  send(kind, about, field, said, check, { onlineUserOnly = false } = {}) {
    const msgID = this.#engine.randomId();
    const sent = ask(this.#engine, () => ({ kind, about: id(about, field), body: { id: msgID, data: check(said), online_only: Boolean(onlineUserOnly) } }));
    return Object.assign(sent, { msgID });
  }

  hear({ id: msgID, from, group, data: said }) {
    const what = `${group === undefined ? 'C2C' : 'Group'}${typeof said === 'string' ? 'Text' : 'Custom'}`;
    this.#engine.tell(this.#engine.message_listeners, `onRecv${what}Message`, ...[msgID, group, from, said].filter((one) => one !== undefined));
  }
}

export const textData = (said) => text(said, 'data');
export const customData = (said) => {
  const bytes = typeof said === 'string' ? new TextEncoder().encode(said) : said;
  return data(bytes) ?? new Uint8Array();
};
