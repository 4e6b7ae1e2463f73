// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/vocabulary.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace beckon {

struct PastSignaling;
struct SignalingInfo;

/// What became of a call.
///
/// `error` is one of the contract's words (section 5), such as `already_accepted`,
/// `rate_limited` or `invalid_request`, or one of the client's own:
///
/// | error | code | |
/// |---|---|---|
/// | `no_reply` | 6012 | sent, and no reply in time: it may have been done or not |
/// | `not_connected` | 20191 | not sent, as there was no connection in time |
/// | `no_beckon` | 20192 | the broker does not answer: it has no Beckon |
/// | `closed` | 20193 | the client was destroyed before there was a reply |
/// | `too_many_waiting` | 20194 | not sent: `limit` calls are waiting already |
/// | `withdrawn` | 20195 | an invite that was cancelled before it was sent |
struct Result {
    /// 0: it was done.
    int code = 0;
    /// Empty: it was done.
    std::string error{};
    /// A sentence for people.
    std::string message{};
    /// What is to blame, for `invalid_request` and `too_large`, by the contract's name: `also`
    /// are the others of several invitees.
    std::string field{};
    /// The limit that was met.
    std::optional<std::int64_t> limit{};
    /// Who was faster, and with which device, for `already_…`.
    std::string by{};
    std::string byDevice{};
    /// The invitation that replaced this one, for `already_cancelled`.
    std::string replacedBy{};
    /// This device, by the name that others are told (`byDevice`); empty, when the broker said
    /// nothing.
    std::string device{};
    /// This device had done it before: nothing changed.
    bool dup = false;
    /// Of the invitation, after it; it rises with what changes there.
    std::optional<std::int64_t> rev{};

    [[nodiscard]] bool ok() const noexcept { return code == 0; }
};

/// Somebody who was named, and why they are left out.
struct LeftOut {
    std::string user;
    /// The contract's word, such as `user_offline` or `not_member`.
    std::string error;
};

/// Of what invites.
struct InviteResult : Result {
    std::string inviteID{};
    /// Who was named and not invited, and why.
    std::vector<LeftOut> skipped{};
    /// Of those who were invited, who has no device online now: they will hear of it if they come
    /// before it ends. A name that nobody has is among them.
    std::vector<std::string> offline{};
    /// So many more are skipped or offline than the at most 100 that each list names.
    std::int64_t more = 0;
    /// Until the deadline, as of the reply; absent: none.
    std::optional<std::chrono::milliseconds> remaining{};
    /// False: it had been made before (`dup`), and is over.
    bool open = true;
    /// The one who is called was calling this user already: nobody rings, that call is accepted,
    /// and it has this id. Else empty.
    std::string mergedInto{};
};

/// Of `cancel`.
struct CancelResult : Result {
    struct Already {
        std::string user;
        State state = State::pending;
    };
    std::vector<std::string> cancelled{};
    /// Who was faster.
    std::vector<Already> already{};
    /// So many more than the at most 100 that each list names.
    std::int64_t more = 0;
};

using ResultCallback = std::function<void(const Result&)>;
using InviteCallback = std::function<void(const InviteResult&)>;
using CancelCallback = std::function<void(const CancelResult&)>;
/// The second is meaningful when the first is ok.
using SignalingInfoCallback = std::function<void(const Result&, const SignalingInfo&)>;
/// `next` is empty when there is no more.
using SignalingHistoryCallback = std::function<void(
    const Result&, const std::vector<PastSignaling>& page, const std::string& next)>;

}  // namespace beckon
