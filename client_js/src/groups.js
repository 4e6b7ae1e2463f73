// SPDX-License-Identifier: Apache-2.0
import { checked, data, id, ids, text, toResult, word } from './arguments.js';

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
    return checked(
      () => this.#engine.call({ kind, about: id(groupID, 'group'), body: body() }).then(convert),
      (refused) => Promise.resolve({ ...convert({ reply: { ok: true } }), ...refused }),
    );
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

  async getJoinedGroupList() {
    const groups = [];
    const result = await this.#pages('groups', this.#engine.user, (reply) => groups.push(...reply.groups.map(toDescription)));
    return { ...result, groups };
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

  async getGroupMemberList(groupID) {
    const members = [];
    const result = await this.#pages('group_get', groupID, ({ group }) =>
      members.push(...group.members.map(({ user, role }) => ({ userID: user, role }))));
    return { ...result, members };
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

  /** Asks for one page after the other, and `take`s each. */
  async #pages(kind, about, take) {
    let after;
    do {
      const outcome = await this.#ask(kind, about, () => ({ after }), (one) => one);
      if (outcome.code) return outcome; // refused here
      if (!outcome.reply?.ok) return toResult(outcome);
      take(outcome.reply);
      after = outcome.reply.next;
    } while (after !== undefined);
    return toResult({ reply: { ok: true } });
  }

  /** The events of groups, to the listeners. For the client alone. */
  hear({ event, group, by, members, user, role, owner, name, join_mode, profile: texts }) {
    const tell = (...call) => this.#engine.tell(this.#engine.group_listeners, ...call);
    switch (event) {
      case 'group_created': return tell('onGroupCreated', group);
      case 'member_entered': return tell('onMemberEnter', group, members);
      case 'member_invited': return tell('onMemberInvited', group, by, members);
      case 'member_removed': return tell('onMemberKicked', group, by, members);
      case 'member_left': return tell('onMemberLeave', group, user);
      case 'role_changed': return tell(role === 'admin' ? 'onGrantAdministrator' : 'onRevokeAdministrator', group, by, [user]);
      case 'owner_changed': return tell('onGroupInfoChanged', group, { owner });
      case 'group_dismissed': return tell('onGroupDismissed', group, by);
      default: return tell('onGroupInfoChanged', group, {
        ...(name !== undefined && { groupName: name }), ...(join_mode && { joinMode: join_mode }), ...(texts && { profile: texts }),
      });
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

  send(kind, about, field, said, check) {
    const msgID = this.#engine.randomId();
    const sent = checked(
      () => this.#engine.call({ kind, about: id(about, field), body: { id: msgID, data: check(said) } }).then(toResult),
      (refused) => Promise.resolve(refused),
    );
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
