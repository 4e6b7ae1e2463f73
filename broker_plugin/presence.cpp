// SPDX-License-Identifier: Apache-2.0
#include "presence.hpp"

#include <utility>

namespace beckon {

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
        away_.erase(session.away);
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
    const auto found = sessions_.find(by.client_id);
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
        .emplace(std::string(by.client_id), Session{.user = by.user,
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
    const auto found = sessions_.find(client_id);
    if (found == sessions_.end() || found->second.connection != pointer) {
        return changes;
    }
    Session& session = found->second;
    note(session, client_id, changes, [&] { session.connection = nullptr; });
    session.away = away_.insert(away_.end(), found->first);
    if (session.ends_with_connection || session.filters == 0) {
        end(found);
    } else if (away_.size() > most_away_) {
        end(sessions_.find(away_.front()));
    }
    return changes;
}

void Presence::end(Sessions::iterator session) {
    away_.erase(session->second.away);
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
    const auto found = sessions_.find(client_id);
    return found != sessions_.end() && found->second.connection == pointer;
}

}  // namespace beckon
