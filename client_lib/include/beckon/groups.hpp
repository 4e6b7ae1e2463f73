// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/export.hpp>
#include <beckon/result.hpp>
#include <beckon/vocabulary.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace beckon {

class Engine;

/// A group, as far as the call that tells of it knows it (contract, section 7).
struct GroupDescription {
    std::string groupID;
    std::string groupName{};
    JoinMode joinMode = JoinMode::free;
    std::uint32_t memberCount = 0;
    /// This user's own rank; `getJoinedGroupList` only.
    Rank role = Rank::member;
    /// `getGroupsInfo` only.
    std::string owner{};
    std::map<std::string, std::string> profile{};
};

struct GroupMember {
    std::string userID;
    Rank role = Rank::member;
};

/// Of `inviteUserToGroup` and `kickGroupMember`.
struct MembersResult : Result {
    /// Who was named and left out, and why.
    std::vector<LeftOut> skipped{};
    /// So many more than are named.
    std::int64_t more = 0;
};

/// Of `getGroupsInfo`, for one of the groups.
struct GroupInfoResult : Result {
    GroupDescription info{};
};

using MembersCallback = std::function<void(const MembersResult&)>;
/// The second is meaningful when the first is ok.
using GroupListCallback = std::function<void(const Result&, const std::vector<GroupDescription>&)>;
using GroupMembersCallback = std::function<void(const Result&, const std::vector<GroupMember>&)>;
using GroupsInfoCallback = std::function<void(const std::vector<GroupInfoResult>&)>;

/// What `setGroupInfo` is to change, and what `onGroupInfoChanged` tells has changed; what is
/// absent stays as it is.
struct GroupChange {
    std::optional<std::string> groupName{};
    std::optional<JoinMode> joinMode{};
    /// At most 16 texts, replaced as a whole.
    std::optional<std::map<std::string, std::string>> profile{};
    /// Told only: see `GroupManager::transferGroupOwner`.
    std::optional<std::string> owner{};
};

/// All that is known about an event of a group, for those to whom the calls of the mapped listener
/// API tell too little.
struct GroupNews {
    /// The contract's word, such as `member_removed`.
    std::string event;
    std::string groupID;
    /// Who did it, and with which device.
    std::string by{};
    std::string byDevice{};
    /// Of `group_created` and `member_…`, but for `member_left`: whom it concerns.
    std::vector<std::string> members{};
    /// Of `member_left` and `role_changed`: who.
    std::string user{};
    std::optional<Rank> role{};
    /// What the group is called, who owns it, and what else changed.
    GroupChange change{};
    /// Of `member_removed`, if one was given.
    std::string reason{};
};

/// Hears of the groups that this user is a member of: override what is of interest.
///
/// All members hear of all that happens, whoever did it, the doer included. When and from which
/// thread: as for `SignalingListener`. What happened while this device was away comes from the
/// broker's queue, if that still has it: ask `getJoinedGroupList` after each connect.
class BECKON_EXPORT GroupListener {
  public:
    GroupListener();
    GroupListener(const GroupListener&) = delete;
    GroupListener& operator=(const GroupListener&) = delete;
    virtual ~GroupListener();

    /// A group with this user in it was created.
    virtual void onGroupCreated(const std::string& groupID);
    /// They joined by themselves.
    virtual void onMemberEnter(const std::string& groupID,
                               const std::vector<std::string>& memberList);
    virtual void onMemberLeave(const std::string& groupID, const std::string& member);
    /// `opUser` added them.
    virtual void onMemberInvited(const std::string& groupID, const std::string& opUser,
                                 const std::vector<std::string>& memberList);
    /// `opUser` removed them, perhaps this user.
    virtual void onMemberKicked(const std::string& groupID, const std::string& opUser,
                                const std::vector<std::string>& memberList);
    virtual void onGroupDismissed(const std::string& groupID, const std::string& opUser);
    virtual void onGroupInfoChanged(const std::string& groupID, const GroupChange& change);
    virtual void onGrantAdministrator(const std::string& groupID, const std::string& opUser,
                                      const std::vector<std::string>& memberList);
    virtual void onRevokeAdministrator(const std::string& groupID, const std::string& opUser,
                                       const std::vector<std::string>& memberList);

    // Beside the mapped API.

    /// Each event with all that is known, right before the call above that it maps to.
    virtual void onGroupEvent(const GroupNews& news);
};

/// What a new group may have beside its name.
struct CreateGroupOptions {
    JoinMode joinMode = JoinMode::free;
    /// Members from the start, beside its owner, who is this user.
    std::vector<std::string> memberList{};
    /// At most 16 texts.
    std::map<std::string, std::string> profile{};
};

/// Groups: who belongs, and who may do what. Belongs to a `Client`; any thread.
///
/// What is in the broker's hands is not kept here: each call asks it. A call that was sent when
/// the connection broke is sent again, and then hears what its first sending has made: `quitGroup`
/// may fail with `not_member`, `dismissGroup` with `unknown_group`, though it was done.
class BECKON_EXPORT GroupManager {
  public:
    GroupManager(const GroupManager&) = delete;
    GroupManager& operator=(const GroupManager&) = delete;

    /// As `SignalingManager::addSignalingListener` and `removeSignalingListener`.
    void addGroupListener(GroupListener* listener);
    void removeGroupListener(GroupListener* listener);

    /// Creates a group, with this user as its owner. Its owner creating it again changes nothing.
    void createGroup(const std::string& groupID, const std::string& groupName = {},
                     const CreateGroupOptions& options = {}, ResultCallback callback = {});
    /// A `closed` group refuses with `group_closed`.
    void joinGroup(const std::string& groupID, ResultCallback callback = {});
    /// The owner cannot: transfer or dismiss it.
    void quitGroup(const std::string& groupID, ResultCallback callback = {});
    /// The owner only.
    void dismissGroup(const std::string& groupID, ResultCallback callback = {});

    /// The groups that this user is a member of.
    void getJoinedGroupList(GroupListCallback callback);
    /// Each with a result of its own, in this order.
    void getGroupsInfo(const std::vector<std::string>& groupIDList, GroupsInfoCallback callback);
    /// Owner and admins.
    void setGroupInfo(const std::string& groupID, const GroupChange& change,
                      ResultCallback callback = {});
    /// All members, however many.
    void getGroupMemberList(const std::string& groupID, GroupMembersCallback callback);

    /// Adds members: owner and admins; in a `free` group any member.
    void inviteUserToGroup(const std::string& groupID, const std::vector<std::string>& userList,
                           MembersCallback callback = {});
    /// Removes members of a lower rank than this user's.
    void kickGroupMember(const std::string& groupID, const std::vector<std::string>& memberList,
                         const std::string& reason = {}, MembersCallback callback = {});
    /// `admin` or `member`; the owner only.
    void setGroupMemberRole(const std::string& groupID, const std::string& userID, Rank role,
                            ResultCallback callback = {});
    /// The owner only, who is a member afterwards.
    void transferGroupOwner(const std::string& groupID, const std::string& userID,
                            ResultCallback callback = {});

  private:
    friend class Client;
    explicit GroupManager(Engine& engine);
    ~GroupManager() = default;
    Engine& engine_;
};

}  // namespace beckon
