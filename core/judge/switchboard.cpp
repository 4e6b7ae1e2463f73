// SPDX-License-Identifier: Apache-2.0
#include "judge/switchboard.hpp"

#include <algorithm>
#include <concepts>
#include <type_traits>
#include <utility>

#include "calls.hpp"
#include "groups.hpp"
#include "invitations.hpp"
#include "page_room.hpp"
#include "protocol/refusals.hpp"
#include "restoring.hpp"
#include "shared_state.hpp"

namespace beckon {

namespace {

/// No reply is larger (contract, section 3).
constexpr std::size_t reply_bytes = std::size_t{64} * 1024;
/// What a reply to any request says beside what it lists.
constexpr std::size_t envelope_bytes = 512;

std::size_t room_beside(const std::optional<Req>& req) {
    const auto* text = req ? std::get_if<std::string>(&*req) : nullptr;
    const std::size_t echoed = text != nullptr ? text->size() : 0;
    return reply_bytes - envelope_bytes - std::min(echoed, reply_bytes / 2);
}

/// A reply that a user may be told so much of (contract, section 9).
template <class Body>
constexpr bool is_list = std::same_as<Body, Synced> || std::same_as<Body, Got> ||
                         std::same_as<Body, GotGroup> || std::same_as<Body, GroupsListed> ||
                         std::same_as<Body, OnlineListed> || std::same_as<Body, OpenListed>;

/// A request for one, or for history.
bool lists(const Request& request) {
    return std::visit(
        []<class Asked>(const Asked& /*asked*/) {
            return requires { Asked::page; }
            || std::same_as<Asked, ListHistory>;
        },
        request.body);
}

/// Names nobody beyond what a reply may.
void cut_lists(ReplyBody& body) {
    if (auto* const invited = std::get_if<Invited>(&body)) {
        invited->more = cut(invited->offline);
        if (invited->skipped) {
            invited->more += cut(*invited->skipped);
        }
    } else if (auto* const cancelled = std::get_if<Cancelled>(&body)) {
        cancelled->more = cut(cancelled->cancelled) + cut(cancelled->already);
    } else if (auto* const done = std::get_if<MembersDone>(&body)) {
        done->more = cut(done->skipped);
    }
}

}  // namespace

class Switchboard::Impl {
  public:
    explicit Impl(const Options& options)
        : presence_is_told_(options.presence_is_told),
          shared_(options),
          calls_(shared_),
          invitations_(shared_, calls_),
          groups_(shared_, invitations_),
          restoring_(shared_, invitations_, calls_) {}

    std::optional<Refusal> admit(const UserId& user, Instant now) {
        const auto key = shared_.rate_key(user);
        if (!shared_.requests.allows(key, now)) {
            return refuse_count(Error::rate_limited, limits().requests_per_second);
        }
        shared_.requests.charge(key, now);
        return std::nullopt;
    }

    Effects handle(const Sender& sender, const Request& request, Instant now) {
        Effects effects = advance(now);
        // The reply comes before what is told of it; most requests make one event.
        const auto place = effects.size();
        effects.reserve(place + 2);
        effects.emplace_back(Reply{.re = std::string(verb_of(request)),
                                   .device = sender.device,
                                   .req = request.req,
                                   .body = Done{}});
        shared_.reply_room = room_beside(request.req);
        ReplyBody body = lists(request) && !may_list(sender.user)
                             ? refuse_count(Error::rate_limited, limits().reply_bytes_per_second)
                             : judge(sender, request, effects);
        cut_lists(body);
        charge_lists(sender.user, body);
        std::get<Reply>(effects[place]).body = std::move(body);
        return effects;
    }

    Effects advance(Instant now) {
        Effects effects;
        now = std::max(now, shared_.now);
        while (Timer* timer = shared_.wheel.pop(now - shared_.clock_step)) {
            shared_.now = std::max(shared_.now, timer->due());
            switch (timer->kind()) {
                case Timer::Kind::invitation:
                    if (shared_.operators) {
                        shared_.lateness.add(now - timer->due());
                    }
                    invitations_.come_due(static_cast<Invitation&>(*timer), effects);
                    break;
                case Timer::Kind::lost_inviter:
                    invitations_.lose(static_cast<LostInviter&>(*timer).user, effects);
                    break;
                case Timer::Kind::call:
                    calls_.come_due(static_cast<Call&>(*timer), effects);
                    break;
            }
        }
        shared_.now = now;
        shared_.records.forget_ended(now - Duration(limits().ended_ms));
        return effects;
    }

    [[nodiscard]] std::optional<Instant> next_deadline() const {
        const auto next = shared_.wheel.next();
        return next ? std::optional(*next + shared_.clock_step) : std::nullopt;
    }

    Effects set_online(const Sender& device, bool online, Instant now) {
        Effects effects = advance(now);
        invitations_.set_online(device, online, effects);
        return effects;
    }

    void told_history(const UserId& user, std::size_t bytes) {
        shared_.reply_bytes.owe(shared_.rate_key(user), shared_.now,
                                static_cast<std::int64_t>(bytes));
    }

    void store_takes_nothing(bool holds) { shared_.store_takes_nothing = holds; }

    Changes take_changes() { return shared_.changes.take(); }

    void restore(const Change& change, Instant now) {
        shared_.now = std::max(now, shared_.now);
        std::visit(restoring_, change);
    }
    void count_absence_from(Instant now) { shared_.absence_counts_from = now; }
    void go_on_after(std::uint64_t last_number) {
        restoring_.end_last();
        shared_.records.go_on_after(last_number);
    }

    void go_on_in(std::string server_epoch) { shared_.server_epoch = std::move(server_epoch); }

    [[nodiscard]] bool is_open(const InvitationId& id) const {
        const Records& records = shared_.records;
        const auto* const found = records.find(id);
        return found != nullptr && found->open();
    }

    [[nodiscard]] std::optional<GroupId> group_of(const InvitationId& id) const {
        const Records& records = shared_.records;
        const auto* const found = records.find(id);
        return found != nullptr && found->group ? std::optional(found->group->id) : std::nullopt;
    }

    [[nodiscard]] const Limits& limits() const { return shared_.limits; }

    [[nodiscard]] Counts counts() const {
        const Records& records = shared_.records;
        return {.open = records.open(),
                .ended = records.ended(),
                .users = records.users(),
                .groups = records.groups(),
                .kept_bytes = records.kept_bytes(),
                .totals = shared_.totals,
                .online = records.online().size(),
                .lateness_p50 = shared_.lateness.percentile(50),
                .lateness_p99 = shared_.lateness.percentile(99)};
    }

  private:
    /// What has ended is the host's to tell, from its store; there is nothing here to tell of it.
    static ReplyBody history() { return HistoryListed{}; }

    [[nodiscard]] bool may_list(const UserId& user) const {
        return shared_.reply_bytes.allows(shared_.rate_key(user), shared_.now);
    }
    void charge_lists(const UserId& user, const ReplyBody& body) {
        std::visit(
            [&]<class Body>(const Body& told) {
                if constexpr (is_list<Body>) {
                    shared_.reply_bytes.owe(shared_.rate_key(user), shared_.now,
                                            static_cast<std::int64_t>(msgpack_size(told)));
                }
            },
            body);
    }

    ReplyBody judge(const Sender& sender, const Request& request, Effects& events) {
        return std::visit(
            [&](const auto& asked) -> ReplyBody {
                if constexpr (std::same_as<std::decay_t<decltype(asked)>, ListHistory>) {
                    return history();
                } else if constexpr (std::same_as<std::decay_t<decltype(asked)>, Here>) {
                    // The host says who is there.
                    return HereNoted{.again = presence_is_told_ && !asked.gone
                                                  ? std::optional(again_of(asked))
                                                  : std::nullopt};
                } else if constexpr (requires { invitations_.judge(sender, asked, events); }) {
                    return invitations_.judge(sender, asked, events);
                } else {
                    return groups_.judge(sender, asked, events);
                }
            },
            request.body);
    }

    bool presence_is_told_;
    SharedState shared_;
    Calls calls_;
    Invitations invitations_;
    Groups groups_;
    Restoring restoring_;
};

Switchboard::Switchboard(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
Switchboard::~Switchboard() = default;

std::optional<Refusal> Switchboard::admit(const UserId& user, Instant now) {
    return impl_->admit(user, now);
}
Effects Switchboard::handle(const Sender& sender, const Request& request, Instant now) {
    return impl_->handle(sender, request, now);
}
Effects Switchboard::advance(Instant now) { return impl_->advance(now); }
std::optional<Instant> Switchboard::next_deadline() const { return impl_->next_deadline(); }
Effects Switchboard::set_online(const Sender& device, bool online, Instant now) {
    return impl_->set_online(device, online, now);
}
void Switchboard::store_takes_nothing(bool holds) { impl_->store_takes_nothing(holds); }
Changes Switchboard::take_changes() { return impl_->take_changes(); }
void Switchboard::restore(const Change& change, Instant now) { impl_->restore(change, now); }
void Switchboard::count_absence_from(Instant now) { impl_->count_absence_from(now); }
void Switchboard::go_on_after(std::uint64_t last_number) { impl_->go_on_after(last_number); }
void Switchboard::go_on_in(std::string server_epoch) { impl_->go_on_in(std::move(server_epoch)); }
bool Switchboard::is_open(const InvitationId& id) const { return impl_->is_open(id); }
std::optional<GroupId> Switchboard::group_of(const InvitationId& id) const {
    return impl_->group_of(id);
}
void Switchboard::told_history(const UserId& user, std::size_t bytes) {
    impl_->told_history(user, bytes);
}
const Limits& Switchboard::limits() const noexcept { return impl_->limits(); }
Switchboard::Counts Switchboard::counts() const noexcept { return impl_->counts(); }

}  // namespace beckon
