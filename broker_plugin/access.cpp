// SPDX-License-Identifier: Apache-2.0
#include "access.hpp"

#include "protocol/requests.hpp"

namespace beckon {

namespace {

/// `below` is `inbox/{me}/…` with one of the endings that the broker writes to.
bool is_readable_inbox(std::string_view below, std::string_view me) {
    // Without walking its levels: this is asked for each delivery.
    const auto user = inbox_level.size() + 1;
    const auto end = user + me.size();
    if (me.empty() || below.size() <= end || below.substr(user, me.size()) != me ||
        below[end] != '/') {
        return false;
    }
    below.remove_prefix(end + 1);
    return below == "event" || below == "json" || below == "reply" || below.starts_with("reply/");
}

}  // namespace

std::string_view without_share(std::string_view filter) {
    if (!filter.starts_with('$')) {
        return filter;
    }
    auto rest = filter;
    if (take_level(rest) != "$share") {
        return filter;
    }
    take_level(rest);
    return rest;
}

bool is_news(std::string_view payload) {
    constexpr std::string_view json = R"({"event":"new_invitation")";
    // After the byte that says how many fields the map has (a fixmap: up to 15).
    constexpr std::string_view msgpack =
        "\xa5"
        "event"
        "\xae"
        "new_invitation";
    return payload.starts_with(json) ||
           (!payload.empty() && payload.substr(1).starts_with(msgpack));
}

Access::Access(const Options& options)
    : topics_(options.word),
      sink_("$" + options.word),
      elsewhere_(verdict_of(options.other_topics)),
      requests_(verdict_of(options.requests)) {
    for (const auto& user : options.operators) {
        operators_.insert(user.str());
    }
}

bool Access::is_operator(std::string_view user) const { return operators_.contains(user); }

bool Access::is_for_operators(std::string_view filter) const {
    auto below = topics_.below_root(without_share(filter));
    return below && take_level(*below) == operator_level;
}

Verdict Access::verdict_of(Policy policy) {
    switch (policy) {
        case Policy::allow:
            return Verdict::allow;
        case Policy::ignore:
            return Verdict::ignore;
        case Policy::defer:
            break;
    }
    return Verdict::defer;
}

Spot Access::spot_of(std::string_view topic) const {
    const auto below = topics_.below_root(topic);
    if (!below) {
        return {.place = topic == sink_ ? Place::sink : Place::elsewhere};
    }
    auto rest = *below;
    const auto level = take_level(rest);
    if (level == inbox_level) {
        return {.place = Place::inbox, .below = *below};
    }
    if (level == operator_level) {
        const auto verb = take_level(rest);
        const bool asks = verb == ListOnline::verb || verb == ListOpen::verb;
        return {.place = asks ? Place::request : Place::operators, .below = *below};
    }
    return {.place = *below == "status" ? Place::status : Place::request, .below = *below};
}

Verdict Access::read(std::string_view me, const Spot& spot, bool retained) const {
    switch (spot.place) {
        case Place::elsewhere:
            return elsewhere();
        case Place::status:
            return Verdict::allow;
        case Place::inbox:
            // Nothing that we write there is retained: what is was forged while we were not there.
            return !retained && is_readable_inbox(spot.below, me) ? Verdict::allow : Verdict::deny;
        case Place::operators:
            // The counters alone are retained.
            return is_operator(me) && (!retained || spot.below == "operator/counters")
                       ? Verdict::allow
                       : Verdict::deny;
        case Place::request:
        case Place::sink:
            break;
    }
    return Verdict::deny;
}

Verdict Access::write(std::string_view me, const Spot& spot) const {
    switch (spot.place) {
        case Place::elsewhere:
            return elsewhere();
        case Place::request:
            return me.empty() ? Verdict::deny : requests_;
        case Place::inbox:
        case Place::status:
        case Place::operators:
        case Place::sink:
            break;
    }
    return Verdict::deny;
}

/// `below` the root, with or without wildcards, is what another's device or only operators may
/// have.
bool Access::is_anothers(std::string_view me, std::string_view below) const {
    const auto level = take_level(below);
    if (level == operator_level) {
        return !is_operator(me);
    }
    if (level != inbox_level || below.empty()) {
        return false;
    }
    const auto user = take_level(below);
    return user != me && user != "+" && user != "#";
}

/// A shared subscription is served instead of those with the same filter, though its reader may
/// read nothing of it: so there is none by what is another's, however its root is spelled.
bool Access::is_shared_with_others(std::string_view me, std::string_view filter) const {
    auto rest = without_share(filter);
    if (rest.size() == filter.size()) {
        return false;
    }
    const auto word = take_level(rest);
    const auto version = take_level(rest);
    return (word == "+" || std::string(word) + "/v1" == topics_.root()) &&
           (version == "+" || version == "v1") && is_anothers(me, rest);
}

Verdict Access::subscribe(std::string_view me, std::string_view filter) const {
    if (is_shared_with_others(me, filter)) {
        return Verdict::deny;
    }
    filter = without_share(filter);
    if (filter == sink_) {
        return Verdict::deny;
    }
    const auto below = topics_.below_root(filter);
    if (!below) {
        return elsewhere();
    }
    return is_anothers(me, *below) ? Verdict::deny : Verdict::allow;
}

Verdict Access::unsubscribe(std::string_view filter) const {
    filter = without_share(filter);
    return filter == sink_ || topics_.below_root(filter) ? Verdict::allow : elsewhere();
}

}  // namespace beckon
