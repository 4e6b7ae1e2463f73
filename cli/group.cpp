// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>
#include <vector>

#include "commands.hpp"

namespace beckon::cli {

namespace {

struct GroupOptions {
    std::string group;
    std::vector<std::string> users;
    std::string user;
    std::optional<std::string> name;
    std::optional<JoinMode> join_mode;
    std::optional<std::map<std::string, std::string>> profile;
    std::string reason;
    Rank role = Rank::member;
};

/// Adds `beckon group NAME GROUP`; `call` makes the request.
template <class R = Result, class Call>
std::pair<CLI::App&, std::shared_ptr<GroupOptions>> add(CLI::App& groups, Invocation& invocation,
                                                        const std::string& name,
                                                        const std::string& about,
                                                        const std::string& examples, Call call) {
    const auto options = std::make_shared<GroupOptions>();
    CLI::App& command = add_subcommand(
        groups, invocation, name, about, examples, options,
        [name, call](const GroupOptions& chosen, const Settings& settings, const Output& output) {
            Session session(settings, output);
            return session.request<R>(name, [&](const std::function<void(const R&)>& told) {
                call(session.groups(), chosen, told);
            });
        });
    command.add_option("GROUP", options->group, "its id")->required()->type_name("");
    return {command, options};
}

void add_users(CLI::App& command, GroupOptions& options, const std::string& about) {
    command.add_option("USER", options.users, about)->required()->type_name("");
}

void add_user(CLI::App& command, GroupOptions& options, const std::string& about) {
    command.add_option("USER", options.user, about)->required()->type_name("");
}

/// --name, --join-mode and --profile.
void add_description(CLI::App& command, const std::shared_ptr<GroupOptions>& options) {
    command
        .add_option_function<std::string>(
            "--name", [options](const std::string& text) { options->name = text; },
            "its name, for people")
        ->option_text("TEXT");
    command
        .add_option_function<std::string>(
            "--join-mode",
            [options](const std::string& word) {
                options->join_mode = word == "closed" ? JoinMode::closed : JoinMode::free;
            },
            "who may join: anybody, or whom an admin adds")
        ->option_text("free|closed")
        ->check(CLI::IsMember({"free", "closed"}));
    command
        .add_option_function<std::vector<std::string>>(
            "--profile",
            [options](const std::vector<std::string>& entries) {
                options->profile.emplace();
                for (const std::string& entry : entries) {
                    const auto end = entry.find('=');
                    if (end == std::string::npos) {
                        throw CLI::ValidationError("--profile", entry + " is no KEY=TEXT");
                    }
                    (*options->profile)[entry.substr(0, end)] = entry.substr(end + 1);
                }
            },
            "what is known of it; once for each, and in all up to 16")
        ->option_text("KEY=TEXT")
        ->allow_extra_args(false);
}

void add_life(CLI::App& groups, Invocation& invocation) {
    const auto [create, new_group] =
        add(groups, invocation, "create", "Makes a group that I own.",
            "  beckon group create flat-3 --name \"Flat 3\" --join-mode closed --member kitchen "
            "--member hall",
            [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
                CreateGroupOptions how;
                how.joinMode = chosen.join_mode.value_or(JoinMode::free);
                how.memberList = chosen.users;
                how.profile = chosen.profile.value_or(how.profile);
                manager.createGroup(chosen.group, chosen.name.value_or(""), how, told);
            });
    add_description(create, new_group);
    create.add_option("--member", new_group->users, "who else is in it; once for each")
        ->option_text("USER")
        ->allow_extra_args(false);

    add(groups, invocation, "join", "Joins a free group.", "  beckon group join class-4b",
        [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
            manager.joinGroup(chosen.group, told);
        });
    add(groups, invocation, "quit", "Leaves a group; its owner cannot.",
        "  beckon group quit class-4b",
        [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
            manager.quitGroup(chosen.group, told);
        });
    add(groups, invocation, "dismiss", "Ends a group that I own.",
        "  beckon group dismiss class-4b",
        [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
            manager.dismissGroup(chosen.group, told);
        });
    const auto [update, changed] = add(
        groups, invocation, "update", "Changes what is said; owner and admins.",
        "  beckon group update flat-3 --name \"Flat 3, Meier\" --profile floor=3",
        [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
            manager.setGroupInfo(
                chosen.group,
                {.groupName = chosen.name, .joinMode = chosen.join_mode, .profile = chosen.profile},
                told);
        });
    add_description(update, changed);
}

void add_membership(CLI::App& groups, Invocation& invocation) {
    const auto [grow, added] = add<MembersResult>(
        groups, invocation, "add", "Adds members.", "  beckon group add flat-3 annas-phone",
        [](GroupManager& manager, const GroupOptions& chosen, const MembersCallback& told) {
            manager.inviteUserToGroup(chosen.group, chosen.users, told);
        });
    add_users(grow, *added, "whom");
    const auto [shrink, removed] = add<MembersResult>(
        groups, invocation, "remove", "Removes members below my own rank.",
        "  beckon group remove flat-3 annas-phone --reason \"moved out\"",
        [](GroupManager& manager, const GroupOptions& chosen, const MembersCallback& told) {
            manager.kickGroupMember(chosen.group, chosen.users, chosen.reason, told);
        });
    add_users(shrink, *removed, "whom");
    shrink.add_option("--reason", removed->reason, "why, for them to hear")->option_text("TEXT");
    const auto [rank, ranked] =
        add(groups, invocation, "role", "Makes a member an admin, or a member again.",
            "  beckon group role flat-3 kitchen admin",
            [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
                manager.setGroupMemberRole(chosen.group, chosen.user, chosen.role, told);
            });
    add_user(rank, *ranked, "whom");
    rank.add_option_function<std::string>(
            "ROLE",
            [options = ranked](const std::string& word) {
                options->role = word == "admin" ? Rank::admin : Rank::member;
            },
            "admin or member")
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"admin", "member"}));
    const auto [transfer, heir] =
        add(groups, invocation, "transfer", "Gives a group that I own to a member.",
            "  beckon group transfer flat-3 kitchen",
            [](GroupManager& manager, const GroupOptions& chosen, const ResultCallback& told) {
                manager.transferGroupOwner(chosen.group, chosen.user, told);
            });
    add_user(transfer, *heir, "who owns it then");
}

Exit tell_group(const GroupOptions& chosen, const Settings& settings, const Output& output) {
    struct Known {
        GroupDescription info{};
        std::vector<GroupMember> members{};
    };
    Session session(settings, output);
    return session.tell_found<Known>(
        "get",
        [&](const auto& told) {
            session.groups().getGroupsInfo(
                {chosen.group}, [&, told](const std::vector<GroupInfoResult>& found) {
                    const GroupInfoResult& group = found.front();
                    if (!group.ok()) {
                        return told(group, Known{});
                    }
                    session.groups().getGroupMemberList(
                        chosen.group,
                        [told, info = group.info](const Result& result,
                                                  const std::vector<GroupMember>& members) {
                            told(result, Known{info, members});
                        });
                });
        },
        [](Facts& facts, const Known& known) {
            facts["group"] = facts_of(known.info, known.members);
        });
}

Exit tell_list(const GroupOptions& /*chosen*/, const Settings& settings, const Output& output) {
    using Groups = std::vector<GroupDescription>;
    Session session(settings, output);
    return session.tell_found<Groups>(
        "groups", [&](const auto& told) { session.groups().getJoinedGroupList(told); },
        [](Facts& facts, const Groups& groups) {
            facts["groups"] = Facts::array();
            for (const GroupDescription& group : groups) {
                facts["groups"].push_back(facts_of(group));
            }
        });
}

void add_questions(CLI::App& groups, Invocation& invocation) {
    const auto asked = std::make_shared<GroupOptions>();
    CLI::App& get = add_subcommand(groups, invocation, "get", "Tells what a group of mine is.",
                                   "  beckon group get flat-3", asked, tell_group);
    get.add_option("GROUP", asked->group, "its id")->required()->type_name("");
    add_subcommand(groups, invocation, "list", "Tells which groups I am in.",
                   "  beckon group list\n"
                   "  beckon --json group list | jq -r '.groups[].group'",
                   std::make_shared<GroupOptions>(), tell_list);
}

}  // namespace

void add_group(CLI::App& app, Invocation& invocation) {
    CLI::App& groups =
        *app.add_subcommand("group", "Makes, changes and tells groups, one id for many users.");
    groups.footer(
        "Examples:\n"
        "  beckon group create flat-3 --member kitchen --member hall\n"
        "  beckon call --group flat-3 --first");
    groups.fallthrough();
    groups.require_subcommand(0, 1);
    add_life(groups, invocation);
    add_membership(groups, invocation);
    add_questions(groups, invocation);
}

}  // namespace beckon::cli
