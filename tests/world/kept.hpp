// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "judge/changes.hpp"

namespace beckon {

/// What changes leave, by the plainest means.
struct Kept {
    struct OneInvitation {
        InvitationKept kept;
        std::optional<Data> data{};
        std::map<Rev, NoteKept> notes{};
        std::map<std::uint32_t, InviteeKept> invitees{};
        std::optional<CallKept> call{};
        std::map<std::uint32_t, ParticipantKept> participants{};
        bool operator==(const OneInvitation&) const = default;
    };
    struct OneGroup {
        GroupKept kept;
        std::map<UserId, MemberKept> members{};
        bool operator==(const OneGroup&) const = default;
    };
    std::map<std::uint64_t, OneInvitation> invitations{};
    std::map<GroupId, OneGroup> groups{};
    std::map<std::pair<UserId, DeviceTag>, DeviceKept> devices{};
    std::map<std::uint64_t, UntoldKept> untold{};
    bool operator==(const Kept&) const = default;

    void operator()(const InvitationKept& kept) { invitations[kept.number].kept = kept; }
    void operator()(const DataKept& kept) { invitations.at(kept.number).data = kept.data; }
    void operator()(const NoteKept& kept) { invitations.at(kept.number).notes[kept.rev] = kept; }
    void operator()(const InviteeKept& kept) {
        invitations.at(kept.number).invitees[kept.position] = kept;
    }
    void operator()(const CallKept& kept) { invitations.at(kept.number).call = kept; }
    void operator()(const ParticipantKept& kept) {
        invitations.at(kept.number).participants[kept.position] = kept;
    }
    void operator()(const InvitationForgotten& gone) { invitations.erase(gone.number); }
    void operator()(const GroupKept& kept) { groups[kept.group].kept = kept; }
    void operator()(const MemberKept& kept) {
        groups.at(kept.group).members.insert_or_assign(kept.user, kept);
    }
    void operator()(const MemberGone& gone) { groups.at(gone.group).members.erase(gone.user); }
    void operator()(const GroupGone& gone) { groups.erase(gone.group); }
    void operator()(const DeviceKept& kept) {
        devices.insert_or_assign({kept.user, kept.device}, kept);
    }
    void operator()(const DeviceForgotten& gone) { devices.erase({gone.user, gone.device}); }
    void operator()(const UntoldKept& kept) { untold.insert_or_assign(kept.number, kept); }
    void operator()(const UntoldDone& done) { untold.erase(done.number); }

    Kept& add(const Changes& changes) {
        for (const auto& change : changes) {
            std::visit(*this, change);
        }
        return *this;
    }

    /// The shortest changes that leave the same, as a store tells them.
    [[nodiscard]] Changes shortest() const {
        Changes all;
        for (const auto& [id, group] : groups) {
            all.emplace_back(group.kept);
            for (const auto& [user, member] : group.members) {
                all.emplace_back(member);
            }
        }
        for (const auto& [number, invitation] : invitations) {
            all.emplace_back(invitation.kept);
            if (invitation.data) {
                all.emplace_back(DataKept{.number = number, .data = invitation.data});
            }
            for (const auto& [rev, note] : invitation.notes) {
                all.emplace_back(note);
            }
            for (const auto& [position, invitee] : invitation.invitees) {
                all.emplace_back(invitee);
            }
            if (invitation.call) {
                all.emplace_back(*invitation.call);
            }
            for (const auto& [position, participant] : invitation.participants) {
                all.emplace_back(participant);
            }
        }
        for (const auto& [name, device] : devices) {
            all.emplace_back(device);
        }
        for (const auto& [number, one] : untold) {
            all.emplace_back(one);
        }
        return all;
    }
};

inline Kept kept_by(const Changes& changes) { return Kept{}.add(changes); }

}  // namespace beckon
