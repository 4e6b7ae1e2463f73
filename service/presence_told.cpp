// SPDX-License-Identifier: Apache-2.0
#include "presence_told.hpp"

#include <algorithm>
#include <tuple>
#include <variant>

namespace beckon {

void PresenceTold::note(const Name& name, Device& device, bool online, Instant time,
                        PresenceChanges& changes) {
    (device.online ? until_ : since_).erase({device.time, name});
    (online ? until_ : since_).insert({time, name});
    device.time = time;
    if (std::exchange(device.online, online) != online) {
        changes.push_back({{.user = name.first, .device = name.second}, online});
        keep(name, device);
    }
}

void PresenceTold::keep(const Name& name, const Device& device) {
    kept_.emplace_back(DeviceKept{.user = name.first,
                                  .device = name.second,
                                  .run = device.run,
                                  .again = device.again,
                                  .online = device.online,
                                  .time = device.time});
}

void PresenceTold::restore(const DeviceKept& kept) {
    users_[kept.user][kept.device] = {
        .run = kept.run, .again = kept.again, .online = kept.online, .time = kept.time};
    (kept.online ? until_ : since_).insert({kept.time, {kept.user, kept.device}});
}

PresenceChanges PresenceTold::heard(const Sender& sender, const RequestBody& body, Instant now) {
    PresenceChanges changes = advance(now);
    const Name name{sender.user, sender.device};
    const auto* const here = std::get_if<Here>(&body);
    const auto user = users_.find(sender.user);
    const bool is_known = user != users_.end() && user->second.contains(sender.device);
    if (!is_known && (here == nullptr || here->gone)) {
        return changes;
    }
    Device& device = is_known ? user->second.at(sender.device) : add(name, changes);
    if (here != nullptr && here->gone) {
        if (device.online && device.run == here->run) {
            note(name, device, false, now, changes);
        }
        return changes;
    }
    if (here != nullptr) {
        device.run = here->run;
        device.again = again_of(*here);
    }
    if (here != nullptr || device.online || std::holds_alternative<Sync>(body)) {
        note(name, device, true, now + device.again, changes);
    }
    if (here != nullptr) {
        keep(name, device);
    }
    return changes;
}

PresenceChanges PresenceTold::advance(Instant now) {
    PresenceChanges changes;
    while (!until_.empty() && until_.begin()->first <= now) {
        const auto [time, name] = *until_.begin();
        note(name, users_.at(name.first).at(name.second), false, time, changes);
    }
    return changes;
}

std::optional<Instant> PresenceTold::next_deadline() const {
    return until_.empty() ? std::nullopt : std::optional(until_.begin()->first);
}

/// With room for it: so much is remembered of one user, and in all.
PresenceTold::Device& PresenceTold::add(const Name& name, PresenceChanges& changes) {
    auto& of_user = users_[name.first];
    if (of_user.size() >= bounds_.of_one_user) {
        forget(first_to_forget(name.first), changes);
    } else if (devices() >= bounds_.in_all) {
        forget((since_.empty() ? until_ : since_).begin()->second, changes);
    }
    Device& device = users_[name.first][name.second];
    since_.insert({device.time, name});
    return device;
}

/// Of who is gone the one that went first, else whoever was heard least lately.
PresenceTold::Name PresenceTold::first_to_forget(const UserId& user) const {
    const auto& devices = users_.at(user);
    const auto first = std::min_element(devices.begin(), devices.end(), [](auto& a, auto& b) {
        return std::tuple(a.second.online, a.second.time) <
               std::tuple(b.second.online, b.second.time);
    });
    return {user, first->first};
}

void PresenceTold::forget(Name name, PresenceChanges& changes) {
    auto& of_user = users_.at(name.first);
    Device& device = of_user.at(name.second);
    note(name, device, false, device.time, changes);
    since_.erase({device.time, name});
    of_user.erase(name.second);
    if (of_user.empty()) {
        users_.erase(name.first);
    }
    kept_.emplace_back(DeviceForgotten{.user = name.first, .device = name.second});
}

bool PresenceTold::is_online(const UserId& user) const {
    const auto found = users_.find(user);
    return found != users_.end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [](const auto& device) { return device.second.online; });
}

void PresenceTold::tell_online(const std::function<void(const Sender&)>& tell) const {
    for (const auto& [time, name] : until_) {
        tell({.user = name.first, .device = name.second});
    }
}

}  // namespace beckon
