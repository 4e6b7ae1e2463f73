// SPDX-License-Identifier: Apache-2.0
#include "presence.hpp"

#include <utility>

namespace beckon {

Presence::Device Presence::device_of(std::string_view client_id) const noexcept {
    return {TableHash{key_}(client_id), TableHash{{key_.high, key_.low}}(client_id)};
}

DeviceTag Presence::tag_of(Session& session, std::string_view client_id) const {
    if (!session.tag) {
        session.tag = tag_of_(session.user, client_id);
    }
    return *session.tag;
}

void Presence::note(Session& session, std::string_view client_id, PresenceChanges& changes,
                    const auto& change) const {
    const bool was_online = session.online();
    const UserId was_user = session.user;
    const auto was_tag = session.tag;
    change();
    const bool is_other = session.user != was_user;
    if (was_online && (!session.online() || is_other)) {
        changes.push_back({{was_user, *was_tag}, false});  // who came online has a tag
    }
    if (session.online() && (!was_online || is_other)) {
        changes.push_back({{session.user, tag_of(session, client_id)}, true});
    }
}

void Presence::connect(Session& session, const Connection& by, PresenceChanges& changes) {
    if (session.connection == nullptr) {
        forget_away(session);
    }
    note(session, by.client_id, changes, [&] {
        if (!by.resumed) {
            session.filters = 0;
        }
        if (session.user != by.user) {
            session.user = by.user;
            session.tag.reset();
        }
        session.connection = by.pointer;
        session.counts = false;
        session.ends_with_connection = by.ends_session;
    });
}

Presence::Session* Presence::recognise(const Connection& by, PresenceChanges& changes) {
    const auto found = sessions_.find(device_of(by.client_id));
    if (found == sessions_.end()) {
        return nullptr;
    }
    if (found->second.connection != by.pointer) {
        connect(found->second, by, changes);
    }
    return &found->second;
}

Presence::Session& Presence::recognise_or_add(const Connection& by, PresenceChanges& changes) {
    if (Session* const known = recognise(by, changes)) {
        return *known;
    }
    return sessions_
        .emplace(device_of(by.client_id), Session{.user = by.user,
                                                  .connection = by.pointer,
                                                  .ends_with_connection = by.ends_session})
        .first->second;
}

PresenceChanges Presence::subscribed(const Connection& by, const PresenceFilter& filter) {
    PresenceChanges changes;
    if (!filter.reaches_us) {
        recognise(by, changes);
        return changes;
    }
    Session& session = recognise_or_add(by, changes);
    if (filter.bit != 0) {
        note(session, by.client_id, changes, [&] {
            if (session.filters_of != session.user) {
                session.filters = 0;
                session.filters_of = session.user;
            }
            session.filters |= filter.bit;
            session.counts = true;
        });
    }
    return changes;
}

PresenceChanges Presence::unsubscribed(const Connection& by, const PresenceFilter& filter) {
    PresenceChanges changes;
    if (Session* const session = recognise(by, changes)) {
        if (session->filters_of == session->user) {
            note(*session, by.client_id, changes, [&] { session->filters &= ~filter.bit; });
        }
    }
    return changes;
}

Presence::Requested Presence::requested(const Connection& by) {
    PresenceChanges changes;
    Session& session = recognise_or_add(by, changes);
    if (!session.counts) {
        note(session, by.client_id, changes, [&] { session.counts = true; });
    }
    return {std::move(changes), tag_of(session, by.client_id)};
}

PresenceChanges Presence::disconnected(const void* pointer, std::string_view client_id) {
    PresenceChanges changes;
    const auto found = sessions_.find(device_of(client_id));
    if (found == sessions_.end() || found->second.connection != pointer) {
        return changes;
    }
    Session& session = found->second;
    const bool may_come_back = !session.ends_with_connection && session.filters != 0;
    if (may_come_back) {
        remember_away(found->first, session);
    }
    note(session, client_id, changes, [&] { session.connection = nullptr; });
    if (!may_come_back) {
        sessions_.erase(found);
    }
    return changes;
}

void Presence::remember_away(Device device, Session& session) {
    // All that may fail comes before the first change.
    auto& of_user = away_of_users_[session.user];
    Away place_in_all{device};
    Away place_in_users{device};
    session.in_all = place_in_all.begin();
    session.in_users = place_in_users.begin();
    away_.splice(away_.end(), place_in_all);
    of_user.splice(of_user.end(), place_in_users);
    if (of_user.size() > bounds_.away_of_one_user) {
        forget(of_user.front());
    } else if (away_.size() > bounds_.away) {
        forget(away_.front());
    }
}

void Presence::forget_away(const Session& session) {
    away_.erase(session.in_all);
    const auto of_user = away_of_users_.find(session.user);
    of_user->second.erase(session.in_users);
    if (of_user->second.empty()) {
        away_of_users_.erase(of_user);
    }
}

void Presence::forget(Device device) {
    const auto session = sessions_.find(device);
    forget_away(session->second);
    sessions_.erase(session);
}

void Presence::tell_online(const std::function<void(const Sender&)>& tell) const {
    for (const auto& [client_id, session] : sessions_) {
        if (session.online()) {
            tell({.user = session.user, .device = *session.tag});  // who came online has a tag
        }
    }
}

bool Presence::is_present(const void* pointer, std::string_view client_id) const {
    const auto found = sessions_.find(device_of(client_id));
    return found != sessions_.end() && found->second.connection == pointer;
}

}  // namespace beckon
