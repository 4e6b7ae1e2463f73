// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "options.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// What a topic is to Beckon.
enum class Place : std::uint8_t {
    elsewhere,  ///< no topic of ours
    request,    ///< anything below the root that is nothing of the rest, and the root itself
    inbox,      ///< `inbox/…`, whoever's, well formed or not
    status,
    operators,  ///< what is below `operator` and is no request
    sink,       ///< where requests go once they are handled
};

/// Where a topic lies.
struct Spot {
    Place place = Place::elsewhere;
    /// What of the topic stands below the root, where it is below.
    std::string_view below{};
};

/// `ignore`: as if Beckon were not there, which Mosquitto knows from 2.1 on.
enum class Verdict : std::uint8_t { allow, deny, defer, ignore };

/// The level below the root that all inboxes have.
inline constexpr std::string_view inbox_level = "inbox";
/// And what is for operators.
inline constexpr std::string_view operator_level = "operator";

/// Takes the first level off `rest`, and the slash behind it.
inline std::string_view take_level(std::string_view& rest) {
    const auto slash = rest.find('/');
    const auto level = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    return level;
}

/// A group's name in a shared subscription is no part of what it matches.
std::string_view without_share(std::string_view filter);

/// True for the payload of a `new_invitation`, in either encoding, as core
/// writes it: known by its first bytes, because this is asked for each delivery.
bool is_news(std::string_view payload);

/// Who may read and write what (contract, section 2). `me` is the name of the
/// user who asks, empty when it has none that is an id; such a one has no inbox
/// and no requests. Pure; any thread.
///
/// READ is asked for each delivery, with the topic itself, so it is the guard
/// that holds; what SUBSCRIBE allows beyond it never delivers anything.
class Access {
  public:
    explicit Access(const Options& options);

    [[nodiscard]] const Topics& topics() const noexcept { return topics_; }
    /// No subscription with a wildcard matches this topic, and nobody may read it.
    [[nodiscard]] const std::string& sink() const noexcept { return sink_; }

    /// False for most topics of others, by a glance at each message: there is no need to look where
    /// those lie.
    [[nodiscard]] bool may_be_ours(const char* topic) const noexcept {
        return *topic == topics_.root().front() || *topic == sink_.front();
    }
    [[nodiscard]] Spot spot_of(std::string_view topic) const;
    [[nodiscard]] bool is_operator(std::string_view user) const;
    /// The filter names what only operators read.
    [[nodiscard]] bool is_for_operators(std::string_view filter) const;

    /// `retained`: the message is, or is to be, a retained one.
    [[nodiscard]] Verdict read(std::string_view me, const Spot& spot, bool retained) const;
    [[nodiscard]] Verdict write(std::string_view me, const Spot& spot) const;
    [[nodiscard]] Verdict subscribe(std::string_view me, std::string_view filter) const;
    [[nodiscard]] Verdict unsubscribe(std::string_view filter) const;
    /// Of all that is no topic of ours, whoever asks.
    [[nodiscard]] Verdict elsewhere() const { return elsewhere_; }
    /// From now on others decide about that.
    void defer_elsewhere() { elsewhere_ = Verdict::defer; }

  private:
    [[nodiscard]] bool is_anothers(std::string_view me, std::string_view below) const;
    [[nodiscard]] bool is_shared_with_others(std::string_view me, std::string_view filter) const;
    static Verdict verdict_of(Policy policy);

    Topics topics_;
    std::string sink_;
    Verdict elsewhere_;
    Verdict requests_;
    std::set<std::string, std::less<>> operators_;
};

}  // namespace beckon
