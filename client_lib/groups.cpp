// SPDX-License-Identifier: Apache-2.0
#include <beckon/groups.hpp>
#include <memory>
#include <utility>

#include "pages.hpp"

namespace beckon {
GroupListener::GroupListener() = default;
GroupListener::~GroupListener() = default;
void GroupListener::onGroupCreated(const std::string& /*groupID*/) {}
void GroupListener::onMemberEnter(const std::string& /*groupID*/,
                                  const std::vector<std::string>& /*memberList*/) {}
void GroupListener::onMemberLeave(const std::string& /*groupID*/, const std::string& /*member*/) {}
void GroupListener::onMemberInvited(const std::string& /*groupID*/, const std::string& /*opUser*/,
                                    const std::vector<std::string>& /*memberList*/) {}
void GroupListener::onMemberKicked(const std::string& /*groupID*/, const std::string& /*opUser*/,
                                   const std::vector<std::string>& /*memberList*/) {}
void GroupListener::onGroupDismissed(const std::string& /*groupID*/,
                                     const std::string& /*opUser*/) {}
void GroupListener::onGroupInfoChanged(const std::string& /*groupID*/,
                                       const GroupChange& /*change*/) {}
void GroupListener::onGrantAdministrator(const std::string& /*groupID*/,
                                         const std::string& /*opUser*/,
                                         const std::vector<std::string>& /*memberList*/) {}
void GroupListener::onRevokeAdministrator(const std::string& /*groupID*/,
                                          const std::string& /*opUser*/,
                                          const std::vector<std::string>& /*memberList*/) {}
void GroupListener::onGroupEvent(const GroupNews& /*news*/) {}

GroupManager::GroupManager(Engine& engine) : engine_(engine) {}

void GroupManager::addGroupListener(GroupListener* listener) {
    engine_.group_listeners().add(listener);
}

void GroupManager::removeGroupListener(GroupListener* listener) {
    engine_.group_listeners().remove(listener);
}

void GroupManager::createGroup(const std::string& groupID, const std::string& groupName,
                               const CreateGroupOptions& options, ResultCallback callback) {
    Arguments arguments;
    CreateGroup create{.group = arguments.group(groupID),
                       .join_mode = arguments.word(options.joinMode, "join_mode"),
                       .members = arguments.users(options.memberList, "members")};
    if (!groupName.empty()) {
        create.name = arguments.text(groupName, "name");
    }
    if (!options.profile.empty()) {
        create.profile = arguments.profile(options.profile);
    }
    arguments.call(engine_, std::move(create), completion(std::move(callback), to_result));
}

void GroupManager::joinGroup(const std::string& groupID, ResultCallback callback) {
    Arguments arguments;
    JoinGroup join{arguments.group(groupID)};
    arguments.call(engine_, join, completion(std::move(callback), to_result));
}

void GroupManager::quitGroup(const std::string& groupID, ResultCallback callback) {
    Arguments arguments;
    QuitGroup quit{arguments.group(groupID)};
    arguments.call(engine_, quit, completion(std::move(callback), to_result));
}

void GroupManager::dismissGroup(const std::string& groupID, ResultCallback callback) {
    Arguments arguments;
    DismissGroup dismiss{arguments.group(groupID)};
    arguments.call(engine_, dismiss, completion(std::move(callback), to_result));
}

void GroupManager::getJoinedGroupList(GroupListCallback callback) {
    const auto take = [](const Outcome& outcome, std::vector<GroupDescription>& all) {
        const auto page = body_of<GroupsListed>(outcome);
        for (const auto& group : page.groups) {
            all.push_back(to_group_description(group));
        }
        return page.next;
    };
    if (callback) {
        ask_pages(engine_, {}, ListGroups{}, std::vector<GroupDescription>{}, take,
                  std::move(callback));
    }
}

void GroupManager::getGroupsInfo(const std::vector<std::string>& groupIDList,
                                 GroupsInfoCallback callback) {
    struct Gathered {
        GroupsInfoCallback callback;
        std::vector<GroupInfoResult> results;
        std::size_t left;
    };
    if (!callback) {
        return;
    }
    const auto gathered = std::make_shared<Gathered>(Gathered{
        std::move(callback), std::vector<GroupInfoResult>(groupIDList.size()), groupIDList.size()});
    if (groupIDList.empty()) {
        engine_.refuse(refuse_field(Error::invalid_request, "group", "is missing"),
                       [gathered](const Outcome&) { gathered->callback(gathered->results); });
    }
    // The deliveries come one at a time, so nobody else touches what is gathered.
    for (std::size_t i = 0; i < groupIDList.size(); ++i) {
        Arguments arguments;
        GetGroup get{arguments.group(groupIDList[i])};
        arguments.call(engine_, std::move(get), [gathered, i](const Outcome& outcome) {
            gathered->results[i] = to_group_info_result(outcome);
            if (--gathered->left == 0) {
                gathered->callback(gathered->results);
            }
        });
    }
}

void GroupManager::setGroupInfo(const std::string& groupID, const GroupChange& change,
                                ResultCallback callback) {
    Arguments arguments;
    UpdateGroup update{.group = arguments.group(groupID)};
    if (change.joinMode) {
        update.join_mode = arguments.word(*change.joinMode, "join_mode");
    }
    if (change.groupName) {
        update.name = arguments.text(*change.groupName, "name");
    }
    if (change.profile) {
        update.profile = arguments.profile(*change.profile);
    }
    arguments.call(engine_, std::move(update), completion(std::move(callback), to_result));
}

void GroupManager::getGroupMemberList(const std::string& groupID, GroupMembersCallback callback) {
    const auto take = [](const Outcome& outcome, std::vector<GroupMember>& all) {
        const auto page = body_of<GotGroup>(outcome);
        for (const auto& member : page.group.members) {
            all.push_back({.userID = member.user.str(), .role = member.role});
        }
        return page.next;
    };
    Arguments arguments;
    const GetGroup get{arguments.group(groupID)};
    if (callback) {
        ask_pages(engine_, std::move(arguments), get, std::vector<GroupMember>{}, take,
                  std::move(callback));
    }
}

void GroupManager::inviteUserToGroup(const std::string& groupID,
                                     const std::vector<std::string>& userList,
                                     MembersCallback callback) {
    Arguments arguments;
    AddMembers add{arguments.group(groupID), arguments.users(userList, "members")};
    arguments.call(engine_, std::move(add), completion(std::move(callback), to_members_result));
}

void GroupManager::kickGroupMember(const std::string& groupID,
                                   const std::vector<std::string>& memberList,
                                   const std::string& reason, MembersCallback callback) {
    Arguments arguments;
    RemoveMembers remove{arguments.group(groupID), arguments.users(memberList, "members")};
    if (!reason.empty()) {
        remove.reason = arguments.text(reason, "reason");
    }
    arguments.call(engine_, std::move(remove), completion(std::move(callback), to_members_result));
}

void GroupManager::setGroupMemberRole(const std::string& groupID, const std::string& userID,
                                      Rank role, ResultCallback callback) {
    Arguments arguments;
    SetRank set{arguments.group(groupID), arguments.user(userID, "user"),
                arguments.word(role, "role")};
    arguments.call(engine_, set, completion(std::move(callback), to_result));
}

void GroupManager::transferGroupOwner(const std::string& groupID, const std::string& userID,
                                      ResultCallback callback) {
    Arguments arguments;
    TransferGroup transfer{arguments.group(groupID), arguments.user(userID, "user")};
    arguments.call(engine_, transfer, completion(std::move(callback), to_result));
}

}  // namespace beckon
