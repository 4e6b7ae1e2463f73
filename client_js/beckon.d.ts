// SPDX-License-Identifier: Apache-2.0

/** Where one invitee stands. `pending` leads to one of the others; nothing leaves those. */
export type State = 'pending' | 'accepted' | 'rejected' | 'cancelled' | 'timed_out' | 'revoked';
/** Whether everyone is asked, or the first who accepts takes it. */
export type Answer = 'all' | 'first';
/** Who hears of the answers beside the inviter. */
export type Visibility = 'members' | 'invitees' | 'inviter';
/** The part that a user has in an invitation. */
export type Role = 'inviter' | 'invitee' | 'observer';
export type JoinMode = 'free' | 'closed';
export type Rank = 'member' | 'admin' | 'owner';
/** The application's own: text, or bytes. Told, an empty text means that there is none. */
export type Data = string | Uint8Array;

export type ConnectionState =
  /** Not started, or lost: the client tries again by itself. */
  | 'disconnected'
  /** On the way, until the broker's Beckon has answered. */
  | 'connecting'
  /** All that is open is known. */
  | 'connected'
  /** Connected to a broker that does not answer; asked again now and then. */
  | 'noBeckon'
  /** Another client connected with the same clientID: stays offline. */
  | 'kickedOffline';

export interface ClientOptions {
  /**
   * `mqtt://`, `mqtts://` (Node), `ws://` or `wss://`, host and port. Default: in a browser where the
   * page came from, else `mqtt://127.0.0.1:1883`.
   */
  server?: string;
  /** Who this is: the MQTT user name; 1 to 64 of A-Z a-z 0-9 . _ @ : - */
  userID: string;
  password?: string;
  /**
   * Names this device to the broker, and is a secret. With one, what the broker has for the device
   * waits for `sessionExpiry` while no client runs; two clients must not share it. Without: a random
   * one, whose session ends with each connection.
   */
  clientID?: string;
  /** Node only: PEM texts; a browser has its own. */
  tls?: { ca?: string; cert?: string; key?: string; keyPassword?: string; verify?: boolean };
  /** A call without a connection waits for one (`wait`), or fails at once (`fail`). */
  whenOffline?: 'wait' | 'fail';
  /** Milliseconds that a call may take until it fails (10,000). */
  requestTimeout?: number;
  /** Calls that may wait for a connection or for the replies to others (1,000). */
  maxWaiting?: number;
  /** Seconds (15): a dead connection is noticed after at most three times that long. */
  keepAlive?: number;
  /** Seconds (3,600). */
  sessionExpiry?: number;
  /** Milliseconds until the next attempt to connect, doubling from the first to the second (500, 30,000). */
  reconnectMin?: number;
  reconnectMax?: number;
  /** The first level of all topics, the broker's `plugin_opt_root` (`beckon`). */
  topicRoot?: string;
  /** Reads what only operators may, for `OperatorListener` (false). */
  operatorNews?: boolean;
}

/**
 * What became of a call. A promise of one never rejects.
 *
 * `error` is one of the contract's words, or one of the client's own: `no_reply` (6012),
 * `not_connected` (20191), `no_beckon` (20192), `closed` (20193), `too_many_waiting` (20194),
 * `withdrawn` (20195).
 */
export interface Result {
  ok: boolean;
  /** 0: it was done. */
  code: number;
  error: string;
  /** A sentence for people. */
  message: string;
  /** What is to blame, for `invalid_request` and `too_large`. */
  field?: string;
  /** The limit that was met; for `too_many_waiting`, `maxWaiting`. */
  limit?: number;
  /** Who was faster, and with which device, for `already_…`. */
  by?: string;
  byDevice?: string;
  /** The invitation that replaced this one, for `already_cancelled`. */
  replacedBy?: string;
  /** This device, by the name that others are told (`byDevice`); empty, when the broker said nothing. */
  device: string;
  /** This device had done it before: nothing changed (contract, section 4, *repeats*). */
  dup: boolean;
  /** Of the invitation, after it: from 1, it rises with what changes there (contract, section 3). */
  rev?: number;
}
/** Somebody who was named, and why they are left out. */
export interface LeftOut {
  user: string;
  /** The contract's word, such as `user_offline` or `not_member`. */
  error: string;
}
export interface InviteResult extends Result {
  inviteID: string;
  /** Who was named and not invited, and why. */
  skipped: LeftOut[];
  /**
   * Of those who were invited, who has no device online now: they will hear of it if they come before
   * it ends. A name that nobody has is among them.
   */
  offline: string[];
  /** So many more are skipped or offline than the at most 100 that each list names. */
  more: number;
  /** Milliseconds until the deadline, as of the reply; undefined: none. */
  remainingMs?: number;
  /** False: it had been made before (`dup`), and is over. */
  open: boolean;
  /**
   * The one who is called was calling this user already: nobody rings, that call is accepted, and it
   * has this id.
   */
  mergedInto?: string;
}
export interface CancelResult extends Result {
  cancelled: string[];
  /** Who was faster. */
  already: { user: string; state: State }[];
  /** So many more than the at most 100 that each list names. */
  more: number;
}
export interface MembersResult extends Result {
  skipped: LeftOut[];
  /** So many more are skipped than the at most 100 that one reply names. */
  more: number;
}

export interface InviteOptions {
  /** Seconds; 0: no timeout is told (30). */
  timeout?: number;
  /** Only users who have a device online are invited. */
  onlineUserOnly?: boolean;
  answer?: Answer;
  /** Default: all invitees or, in a group, all its members. */
  visibility?: Visibility;
  /** It outlives the connection of the device that made it. */
  keepWhenInviterLost?: boolean;
  /** The first who accepts starts a call, which goes on until somebody hangs up. */
  call?: boolean;
  /**
   * What this user has pending that was sent to the same first invitee, or the same group, ends with
   * it (reason `replaced`) and rings on as this: a bell that is pressed again rings once.
   */
  replace?: boolean;
}

/** One invitee of an invitation. */
export interface SignalingInvitee {
  user: string;
  state: State;
  /** A device of theirs said that it rings (`ringing`). */
  ringing: boolean;
  /** The device that answered, else empty; opaque, never a client id. */
  device: string;
  /** What they said with the answer, or what the cancel said to them. */
  data: Data;
  /** Why they rejected, or why they were cancelled. */
  reason: string;
}

/** One invitation, as far as this user may know it (contract, section 6). */
export interface SignalingInfo {
  inviteID: string;
  inviter: string;
  /** Empty: not in a group. */
  groupID: string;
  inviteeList: string[];
  data: Data;
  onlineUserOnly: boolean;
  /** This user's part in it. */
  role: Role;
  /** Somebody has yet to answer, or its call goes on. */
  open: boolean;
  answer: Answer;
  visibility: Visibility;
  /** Milliseconds until the deadline, as of now; undefined: none, or over. */
  remainingMs?: number;
  /** The same as `inviteeList`, with what became of each. */
  invitees: SignalingInvitee[];
  /**
   * So many others are asked, and what was said with answers is not told here: `getSignalingInfo`
   * tells.
   */
  inviteesLeftOut: number;
  answersLeftOut: boolean;
  /** Who accepts talks: a call. */
  call: boolean;
  /** Those in the call, and for how many milliseconds it goes on; nobody: it has not begun, or is over. */
  participants: string[];
  callDurationMs: number;
  /** So many others are in the call. */
  participantsLeftOut: number;
  /** Why the call is over; empty: it is not. */
  callReason: string;
  /** From 1, it rises with what changes; undefined where something is left out. */
  rev?: number;
  /** This device takes part in it, else `resume` takes it over. From `getPendingInvitations` only. */
  here: boolean;
  /** With which device each takes part, as far as is known. From `getPendingInvitations` only. */
  devices: Record<string, string | undefined>;
}

/** How an invitation ended for this user. */
export interface InvitationEnd {
  inviteID: string;
  /**
   * The invitee: how this user's own part ended. The inviter, when nobody is left to answer: `accepted`
   * if anyone did, else the first that somebody's part ended in, in the order of `State`. undefined:
   * nobody knows any more.
   */
  state?: State;
  /** This device did it. False with a `by` that is the user's own: answered elsewhere. */
  here: boolean;
  /** `declined`, `busy`, `cancelled`, `answered`, `expired`, `inviter_lost`, … */
  reason: string;
  /** Who did it, and with which device; empty: the clock, or not known. */
  by: string;
  byDevice: string;
  /**
   * The deadline passed while the broker could not be reached: taken for `timed_out`. The inviter may
   * still be told of an answer that had come before.
   */
  assumed: boolean;
}

/** All that is known about an event, for those to whom the calls of the mapped listener API tell too little. */
export interface SignalingEvent {
  type: 'newInvitation' | 'inviteeAccepted' | 'inviteeRejected' | 'invitationCancelled' | 'invitationTimeout' | 'invitationModified' | 'inviteeRinging' | 'invitationRevoked'
    | 'signal' | 'participantJoined' | 'participantLeft' | 'participantMoved' | 'callEnded';
  inviteID: string;
  inviter: string;
  /** Empty: not in a group. */
  groupID: string;
  /** This user's part in it. */
  role: Role;
  /**
   * Whom it concerns: the invited, those who answered, were cancelled, timed out; who signals, left the
   * call or moved within it.
   */
  invitees: string[];
  data: Data;
  reason: string;
  /** Of `newInvitation`: those that end by it, and ring on as it. */
  replaces: string[];
  /** Who did it, and with which device; empty: the clock, or not known. */
  by: string;
  byDevice: string;
  /** This device did it: so of `callEnded` alone, as the rest is told by the result of the call. */
  here: boolean;
  /** Milliseconds until the deadline, as of now; undefined: none, or over. */
  remainingMs?: number;
  /** See `InvitationEnd`. */
  assumed: boolean;
  /** Of the invitation: from 1, it rises with what changes (contract, section 3). */
  rev: number;
  /** Of `callEnded`: milliseconds since the first accept, by the broker's clock. */
  durationMs?: number;
  /**
   * Of `signal`: its number, if its sender gave it one, which may be up to 2^64 - 1; one beyond
   * `Number.MAX_SAFE_INTEGER` is not told.
   */
  seq?: number;
  /** Of `newInvitation`: how it asks, as in `SignalingInfo`, and how many others it asks that `invitees` does not name. */
  call?: boolean;
  answer?: Answer;
  visibility?: Visibility;
  onlineUserOnly?: boolean;
  more?: number;
}

/**
 * Hears of invitations and calls: give the methods that are of interest. What this device did itself
 * is told by the result of its call, `onInvitationEnded` and `onCallEnded`, and by none of the others.
 * Calls come one at a time, never from within a call of the application.
 */
export interface SignalingListener {
  /** Somebody rings this user; exactly once for each invitation, those that were pending at the start included. */
  onReceiveNewInvitation?(inviteID: string, inviter: string, groupID: string, inviteeList: string[], data: Data): void;
  onInviteeAccepted?(inviteID: string, invitee: string, data: Data): void;
  onInviteeRejected?(inviteID: string, invitee: string, data: Data): void;
  /** It was cancelled for this user. */
  onInvitationCancelled?(inviteID: string, inviter: string, data: Data): void;
  onInvitationTimeout?(inviteID: string, inviteeList: string[]): void;
  onInvitationModified?(inviteID: string, data: Data): void;
  /** The ring is over for this user, however it ended: exactly once for each that was announced or made. */
  onInvitationEnded?(end: InvitationEnd): void;
  onInviteeRinging?(inviteID: string, invitee: string): void;
  /**
   * Each event with all that is known, right before the call above that it maps to; also those that
   * none of them tells, such as `newInvitation` to a member of the group who is not asked (`role` is
   * `observer`), or of what another device of this user asks (`role` is `inviter`). Who rings is told
   * by `role` `invitee` alone.
   */
  onSignalingEvent?(event: SignalingEvent): void;
  /**
   * Somebody rang and was rejected as busy (`setBusy`), instead of `onReceiveNewInvitation`; nothing
   * else is told of it.
   */
  onRejectedAsBusy?(inviteID: string, inviter: string, groupID: string, data: Data): void;

  /** `from` says something within the invitation or its call; once each. Comes to all devices of this user. */
  onSignal?(inviteID: string, from: string, data: Data): void;
  /** `user` came into the call by `join`, perhaps back. (Who accepts is told by `onInviteeAccepted`.) */
  onParticipantJoined?(inviteID: string, user: string, data: Data): void;
  /**
   * `user` is not in the call any more, which goes on for the others; `reason` is empty when that was
   * missed. This user's own id: another of the user's devices hung up, or this one was away for too long.
   */
  onParticipantLeft?(inviteID: string, user: string, reason: string, data: Data): void;
  /** `user` is in the call with another device now. This user's own id: this device is to stop its sound. */
  onParticipantMoved?(inviteID: string, user: string): void;
  /**
   * The call is over: once for each that this user was in when it ended, also for the device that ended
   * it. The duration is the broker's. `reason`: `hangup`, `connection_lost`, `expired`, a word of the
   * application's own, or empty when nobody knows any more.
   */
  onCallEnded?(inviteID: string, reason: string, durationMs: number, data: Data): void;
}

/** An invitation of this user, as inviter or invitee, that has ended (contract, section 7). */
export interface HistoryEntry {
  inviteID: string;
  inviter: string;
  /** Empty: not in a group. */
  groupID: string;
  /** What became of each whom this user may know of, at most 100. */
  invitees: { user: string; state: State; reason: string }[];
  /** So many others were asked. */
  inviteesLeftOut: number;
  /**
   * Why its call ended, such as `hangup`; without one, the first that is true of anybody: `accepted`,
   * `rejected`, `cancelled`, `timed_out`, `revoked`.
   */
  reason: string;
  role: Role;
  /** This user was asked, and it was cancelled, timed out, or rejected as `busy`. */
  missed: boolean;
  /** Milliseconds since it ended. */
  ageMs: number;
  /** Milliseconds until the call began, or else until it ended. */
  ringMs: number;
  /** Milliseconds that the call went on; undefined: there was none. */
  talkMs?: number;
}

/** Invites, answers and ends invitations, and the calls that come of them. */
export interface SignalingManager {
  addSignalingListener(listener: SignalingListener): void;
  removeSignalingListener(listener: SignalingListener): void;

  /** Rings `invitee`. The id of the invitation is there at once. */
  invite(invitee: string, data?: Data, options?: InviteOptions): Promise<InviteResult> & { inviteID: string };
  inviteSeveral(inviteeList: string[], data?: Data, options?: InviteOptions): Promise<InviteResult> & { inviteID: string };
  /** Rings members of a group; an empty list means all the others. */
  inviteInGroup(groupID: string, inviteeList?: string[], data?: Data, options?: InviteOptions): Promise<InviteResult> & { inviteID: string };
  /** Ends what this user asked: for those `invitees`, or all who have yet to answer. */
  cancel(inviteID: string, data?: Data, invitees?: string[]): Promise<CancelResult>;
  accept(inviteID: string, data?: Data): Promise<Result>;
  /** `reason`: `declined`, `busy`, or a word of the application's own. */
  reject(inviteID: string, data?: Data, reason?: string): Promise<Result>;
  modifyInvitation(inviteID: string, data: Data): Promise<Result>;
  addInvitees(inviteID: string, inviteeList: string[], options?: { timeout?: number }): Promise<InviteResult>;
  /** Asks the broker how it stands, while it is open or remembered (10 minutes). */
  getSignalingInfo(inviteID: string): Promise<Result & { info?: SignalingInfo }>;
  /** Tells the inviter that this device rings. */
  ringing(inviteID: string): Promise<Result>;
  /** What is open for this user, calls and what other devices of theirs ring included, as this device knows it: asks nobody. */
  getPendingInvitations(): SignalingInfo[];

  /** To a user, or to all others that take part (before the call, all whom one rings). */
  signal(inviteID: string, data: Data, to?: string): Promise<Result>;
  /** Leaves the call, which ends with the last but one; `all`: the inviter ends it. */
  hangup(inviteID: string, data?: Data, reason?: string, all?: boolean): Promise<Result>;
  /**
   * Comes into a call that goes on: back, after this user hung up or was lost, or at last, after they
   * did not answer or declined; while it rings for them, it is an accept.
   */
  join(inviteID: string, data?: Data): Promise<Result>;
  /** Takes the call over from another device of this user. */
  resume(inviteID: string): Promise<Result>;
  /**
   * While busy, whoever rings is rejected at once, with `data` and the reason `busy`. Asks nobody: the
   * result is ok, or tells that `data` cannot be, and then all stays as it was.
   */
  setBusy(busy: boolean, data?: Data): Promise<Result>;
  /** What ended, newest first. */
  getHistory(page?: { limit?: number; before?: string }): Promise<Result & { history: HistoryEntry[]; next?: string }>;
}

export interface GroupDescription {
  groupID: string;
  groupName: string;
  joinMode: JoinMode;
  memberCount: number;
  /** This user's own rank; `getJoinedGroupList` only. */
  role?: Rank;
  /** `getGroupsInfo` only. */
  owner?: string;
  profile?: Record<string, string>;
}
export interface GroupChange {
  groupName?: string;
  joinMode?: JoinMode;
  profile?: Record<string, string>;
  /** Told only. */
  owner?: string;
}
/** All that is known about an event of a group, for those to whom the calls of the mapped listener API tell too little. */
export interface GroupNews {
  /** The contract's word, such as `member_removed` (section 7). */
  event: 'group_created' | 'member_entered' | 'member_invited' | 'member_removed' | 'member_left' | 'role_changed' | 'owner_changed' | 'group_updated' | 'group_dismissed';
  groupID: string;
  /** Who did it, and with which device. */
  by: string;
  byDevice: string;
  /** Of `group_created` and `member_…`, but for `member_left`: whom it concerns. */
  members: string[];
  /** Of `member_left` and `role_changed`: who. */
  user: string;
  /** Of `role_changed`. */
  role?: Rank;
  /** What the group is called, who owns it, and what else changed. */
  change: GroupChange;
  /** Of `member_removed`, if one was given. */
  reason: string;
}
export interface GroupListener {
  /** Each event with all that is known, right before the call below that it maps to. */
  onGroupEvent?(news: GroupNews): void;
  onGroupCreated?(groupID: string): void;
  onMemberEnter?(groupID: string, memberList: string[]): void;
  onMemberLeave?(groupID: string, member: string): void;
  onMemberInvited?(groupID: string, opUser: string, memberList: string[]): void;
  onMemberKicked?(groupID: string, opUser: string, memberList: string[]): void;
  onGroupDismissed?(groupID: string, opUser: string): void;
  onGroupInfoChanged?(groupID: string, change: GroupChange): void;
  onGrantAdministrator?(groupID: string, opUser: string, memberList: string[]): void;
  onRevokeAdministrator?(groupID: string, opUser: string, memberList: string[]): void;
}
/** Groups: who belongs, and who may do what. Each call asks the broker. */
export interface GroupManager {
  addGroupListener(listener: GroupListener): void;
  removeGroupListener(listener: GroupListener): void;
  createGroup(groupID: string, groupName?: string, options?: { joinMode?: JoinMode; memberList?: string[]; profile?: Record<string, string> }): Promise<Result>;
  joinGroup(groupID: string): Promise<Result>;
  quitGroup(groupID: string): Promise<Result>;
  dismissGroup(groupID: string): Promise<Result>;
  getJoinedGroupList(): Promise<Result & { groups: GroupDescription[] }>;
  getGroupsInfo(groupIDList: string[]): Promise<(Result & { info?: GroupDescription })[]>;
  setGroupInfo(groupID: string, change: GroupChange): Promise<Result>;
  getGroupMemberList(groupID: string): Promise<Result & { members: { userID: string; role: Rank }[] }>;
  inviteUserToGroup(groupID: string, userList: string[]): Promise<MembersResult>;
  kickGroupMember(groupID: string, memberList: string[], reason?: string): Promise<MembersResult>;
  setGroupMemberRole(groupID: string, userID: string, role: 'admin' | 'member'): Promise<Result>;
  transferGroupOwner(groupID: string, userID: string): Promise<Result>;
}

/** A user who is online. */
export interface OnlineUserInfo {
  userID: string;
  /** Of them, those that are online. */
  devices: number;
}
/** Hears what only operators do (contract, section 8a), with the option `operatorNews`. */
export interface OperatorListener {
  /** `what`: `counters`, `refused` or `absent`; `json` is the broker's, as the contract has it. */
  onOperatorNews?(what: string, json: string): void;
  /** The broker lets this user read nothing of it: `plugin_opt_operators` does not name them. Told on each connect. */
  onNoOperator?(): void;
}
/** Asks what only operators may; anybody else hears `wrong_sender`. */
export interface OperatorManager {
  addOperatorListener(listener: OperatorListener): void;
  removeOperatorListener(listener: OperatorListener): void;
  /** Who is online, by name. */
  getOnlineUsers(): Promise<Result & { users: OnlineUserInfo[] }>;
  /** All that is open, oldest first; of large ones as much as `sync` tells. */
  getOpenInvitations(): Promise<Result & { invitations: SignalingInfo[] }>;
}

export interface MessageOptions {
  /** Refused with `user_offline` when nobody is there, where it would otherwise wait for who comes back: for what must not happen late. */
  onlineUserOnly?: boolean;
}
export interface SimpleMsgListener {
  onRecvC2CTextMessage?(msgID: string, sender: string, text: string): void;
  onRecvC2CCustomMessage?(msgID: string, sender: string, customData: Uint8Array): void;
  onRecvGroupTextMessage?(msgID: string, groupID: string, sender: string, text: string): void;
  onRecvGroupCustomMessage?(msgID: string, groupID: string, sender: string, customData: Uint8Array): void;
}
export interface ConnectionListener {
  /** `why` is a sentence for people, empty when all is well. */
  onConnectionStateChanged?(state: ConnectionState, why: string): void;
}

/** One device of one user: keeps the connection to the broker, and what rings. */
export class Client {
  /** Throws a `TypeError` that names the option that cannot be. */
  constructor(options: ClientOptions);
  /** Begins to connect, and from then on does so again whenever that fails. */
  connect(): void;
  /** Leaves the broker. What was asked and has no reply fails with `closed`. */
  close(): Promise<void>;
  readonly connectionState: ConnectionState;
  readonly userID: string;
  /** The tag by which others are told of this device; empty until the first connect. */
  readonly device: string;
  /** The broker's own mark of its present start, another after each; empty until the first `connected`. */
  readonly serverEpoch: string;
  /** What the broker's Beckon says of itself (contract, section 2), as JSON; empty until it has come, or where it is off. */
  readonly brokerStatus: string;
  addConnectionListener(listener: ConnectionListener): void;
  removeConnectionListener(listener: ConnectionListener): void;
  getSignalingManager(): SignalingManager;
  getGroupManager(): GroupManager;
  getOperatorManager(): OperatorManager;
  addSimpleMsgListener(listener: SimpleMsgListener): void;
  removeSimpleMsgListener(listener: SimpleMsgListener): void;
  /** The id of the message is there at once. */
  sendC2CTextMessage(text: string, userID: string, options?: MessageOptions): Promise<Result> & { msgID: string };
  sendC2CCustomMessage(customData: Data, userID: string, options?: MessageOptions): Promise<Result> & { msgID: string };
  sendGroupTextMessage(text: string, groupID: string, options?: MessageOptions): Promise<Result> & { msgID: string };
  sendGroupCustomMessage(customData: Data, groupID: string, options?: MessageOptions): Promise<Result> & { msgID: string };
}
