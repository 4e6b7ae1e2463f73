// SPDX-License-Identifier: Apache-2.0
#include "device_world.hpp"

#include <algorithm>

namespace beckon {

World::Site& World::add(std::string_view user, const std::function<void(Device::Options&)>& change,
                        const MakeDevice& make) {
    Device::Options options{.user = *UserId::parse(user),
                            .req_prefix = "p" + std::to_string(sites_.size()) + "-",
                            .device = "d" + std::to_string(sites_.size())};
    if (change) {
        change(options);
    }
    auto count = std::count_if(sites_.begin(), sites_.end(),
                               [&](const auto& site) { return site->user == options.user; });
    auto name = std::string(user) + "/" + std::to_string(count + 1);
    auto device = make(options);
    sites_.push_back(std::make_unique<Site>(options, std::move(name), std::move(device)));
    give_tag(sites_.size() - 1);
    return *sites_.back();
}

World::Site& World::add_ready(std::string_view user,
                              const std::function<void(Device::Options&)>& change) {
    Site& site = add(user, change);
    connect(site);
    settle();
    require(site.device.link() == Device::Link::ready, "a new device is not ready");
    return site;
}

void World::connect(Site& site) {
    if (site.wired_ || !gate_) {
        return;
    }
    notice_at_device(site);
    ++site.line_;
    site.wired_ = true;
    note([&] { return site.name + " connects"; });
    up(site, [this, &site] {
        notice_at_broker(site);
        site.attached_ = true;
        // Refused to whoever has done nothing yet on this connection.
        std::erase_if(site.session_, [](const auto& packet) { return packet.is_news; });
        for (const auto& packet : std::deque(site.session_)) {
            transmit(site, packet);
        }
        down(site, [this, &site] {    // CONNACK
            up(site, [this, &site] {  // SUBSCRIBE
                site.has_session_ = true;
                set_present(site, true);
                down(site, [this, &site] {  // SUBACK
                    site.linked_ = true;
                    note([&] { return site.name + " is connected"; });
                    perform(site, site.device.connected(now_));
                });
            });
        });
    });
}

void World::cut(Site& site, Duration at_device, Duration at_broker) {
    if (!site.wired_) {
        return;
    }
    note([&] { return site.name + " is cut off"; });
    const auto line = ++site.line_;
    site.wired_ = false;
    const auto later = [&](Duration after, void (World::*notice)(Site&)) {
        if (after.count() == 0) {
            (this->*notice)(site);
            return;
        }
        at(now_ + after, [this, &site, line, notice] {
            if (site.line_ == line) {
                (this->*notice)(site);
            }
        });
    };
    later(at_device, &World::notice_at_device);
    later(at_broker, &World::notice_at_broker);
}

void World::lose_session(Site& site) {
    if (!site.wired_) {
        notice_at_broker(site);
        site.session_.clear();
        site.has_session_ = false;
    }
}

void World::sleep(Site& site, Duration duration) {
    note([&] { return site.name + " sleeps " + std::to_string(duration.count()); });
    site.asleep_until_ = std::max(site.asleep_until_, now_ + duration);
    at(site.asleep_until_, [this, &site] {
        while (site.asleep_until_ <= now_ && !site.unread_.empty()) {
            const auto arrives = std::move(site.unread_.front());
            site.unread_.pop_front();
            arrives();
        }
    });
}

Device::CallId World::call(Site& site, RequestBody body, Device::Offline offline) {
    const auto call = ++calls_;
    note([&] {
        return site.name + " calls #" + std::to_string(call) + " " + spelled(Request{.body = body});
    });
    perform(site, site.device.call(call, std::move(body), offline, now_));
    return call;
}

std::optional<Instant> World::next() const {
    std::optional<Instant> first;
    if (const auto due = gate_ ? gate_->next_deadline() : std::nullopt) {
        first = *due + since_boot_zero_.time_since_epoch();
    }
    const auto earlier = [&first](Instant at) { first = first ? std::min(*first, at) : at; };
    if (!planned_.empty()) {
        earlier(planned_.begin()->first);
    }
    for (const auto& site : sites_) {
        if (const auto due = site->device.next_deadline()) {
            earlier(std::max(*due, site->asleep_until_));
        }
    }
    return first;
}

void World::run_until(Instant until) {
    for (int here = 0; next() && *next() <= until; ++here) {
        require(here < 1'000'000, "time stands still");
        step();
    }
    now_ = std::max(now_, until);
    advance_broker();
}

void World::settle() {
    while (!planned_.empty()) {
        step();
    }
}

std::vector<InvitationInfo> World::open(const UserId& user) {
    std::vector<InvitationInfo> open;
    Sync page;
    do {
        const auto reply = ask({user, DeviceTag(0xffff)}, page);
        const auto& told = std::get<Synced>(reply.body);
        open.insert(open.end(), told.invitations.begin(), told.invitations.end());
        page.page.after = told.next;
    } while (page.page.after);
    std::sort(open.begin(), open.end(),
              [](const auto& one, const auto& other) { return one.id < other.id; });
    return open;
}

std::string World::spelled(const Request& request) {
    return std::visit(
        [&](const auto& body) {
            using Verb = std::decay_t<decltype(body)>;
            std::string text(Verb::verb);
            if constexpr (std::same_as<Verb, Invite>) {
                text += " " + body.invitee.str();
            } else if constexpr (requires { body.id.str(); }) {
                text += " " + body.id.str();
            }
            return text + " " + encode(request, Encoding::json);
        },
        request.body);
}

std::string World::spelled(const What& what) {
    if (const auto* result = std::get_if<Device::Result>(&what)) {
        const auto* reply = std::get_if<Reply>(&result->outcome);
        return "result #" + std::to_string(result->call) + " " +
               (reply != nullptr ? encode(*reply, Encoding::json)
                                 : std::string(info(std::get<Failure>(result->outcome)).name));
    }
    if (const auto* heard = std::get_if<Heard>(&what)) {
        const Event event{.id = heard->id,
                          .rev = 0,
                          .by = heard->by,
                          .by_device = heard->by_device,
                          .body = heard->body};
        return "HEARD " + encode(event, Encoding::json) + (heard->ends_ours ? " ends ours" : "") +
               (heard->assumed ? " assumed" : "");
    }
    if (const auto* ended = std::get_if<Ended>(&what)) {
        return "ENDED " + ended->id.str() + " " +
               (ended->state ? std::string(name_of(*ended->state)) : "in no state") + " " +
               ended->reason + text_of(ended->by, ended->by_device) + (ended->here ? " here" : "") +
               (ended->assumed ? " assumed" : "");
    }
    if (const auto* busy = std::get_if<Busy>(&what)) {
        return "BUSY " + busy->id.str();
    }
    if (const auto* event = std::get_if<GroupEvent>(&what)) {
        return "GROUP " + encode(*event, Encoding::json);
    }
    if (const auto* event = std::get_if<MessageEvent>(&what)) {
        return "MESSAGE " + encode(*event, Encoding::json);
    }
    static constexpr const char* links[] = {"offline", "syncing", "ready", "no_beckon"};
    return std::string("link ") +
           links[static_cast<std::size_t>(std::get<Device::LinkChanged>(what).link)];
}

void World::step() {
    now_ = std::max(now_, *next());
    while (!planned_.empty() && planned_.begin()->first <= now_) {
        const auto then = std::move(planned_.begin()->second);
        planned_.erase(planned_.begin());
        then();
    }
    advance_broker();
    for (auto& site : sites_) {
        const auto due = site->device.next_deadline();
        if (due && *due <= now_ && site->asleep_until_ <= now_) {
            perform(*site, site->device.advance(now_));
            const auto after = site->device.next_deadline();
            require(!after || *after > now_, "a deadline that passed is still to come");
        }
    }
}

void World::up(Site& site, std::function<void()> arrives) {
    site.last_up_ = std::max(site.last_up_, now_ + settings.delay());
    at(site.last_up_, [&site, line = site.line_, arrives = std::move(arrives)] {
        if (site.line_ == line) {
            arrives();
        }
    });
}

void World::down(Site& site, std::function<void()> arrives, std::optional<bool> is_reply) {
    const Instant when = now_ + settings.delay();
    Instant& lane = site.last_down_on_[is_reply.value_or(false)];
    lane = std::max(lane, when);
    if (!is_reply || !settings.topics_apart || site.device.link() != Device::Link::ready) {
        for (auto& [topic, last] : site.last_down_on_) {
            lane = std::max(lane, last);
        }
    }
    if (!is_reply) {
        site.last_down_on_[true] = lane;
    }
    arrive(site, lane, [&site, line = site.line_, arrives = std::move(arrives)] {
        if (site.line_ == line) {
            arrives();
        }
    });
}

void World::arrive(Site& site, Instant when, std::function<void()> arrives) {
    at(when, [this, &site, arrives = std::move(arrives)] {
        if (site.asleep_until_ > now_ || !site.unread_.empty()) {
            site.unread_.push_back(arrives);
        } else {
            arrives();
        }
    });
}

void World::notice_at_device(Site& site) {
    if (std::exchange(site.linked_, false)) {
        note([&] { return site.name + " notices that it is cut off"; });
        perform(site, site.device.disconnected(now_));
    }
}

void World::notice_at_broker(Site& site) {
    site.attached_ = false;
    set_present(site, false);
}

void World::set_present(Site& site, bool present) {
    if (std::exchange(site.present_, present) == present || !gate_) {
        return;
    }
    note([&] { return site.name + (present ? " is online" : " is offline"); });
    const Sender device{site.user, site.tag};
    advance_broker();
    gate_->set_online(device, present, host_time());
    unjudged_.push_back({now_, ++turn_, {}, [this, device, present, at = now_] {
                             promises_->went(device, present, at, {});
                         }});
    end_turn();
}

void World::befalls(Fate fate, const std::function<void()>& arrives,
                    const std::function<void()>& arrives_late) {
    if (fate == Fate::doubled || fate == Fate::late) {
        at(now_ + settings.lateness(), [life = life_, arrives_late, this] {
            if (life == life_) {
                arrives_late();
            }
        });
    }
    if (fate == Fate::arrives || fate == Fate::doubled) {
        arrives();
    }
}

void World::perform(Site& site, const Device::Effects& effects) {
    for (const auto& effect : effects) {
        std::visit([&](const auto& one) { perform(site, one); }, effect);
    }
}

void World::perform(Site& site, const Device::Send& send) {
    if (!site.wired_ || !site.linked_) {
        return;
    }
    const auto arrives = [this, &site, send, line = site.line_] {
        if (site.line_ == line) {
            take(site, send);
        }
    };
    befalls(
        settings.to_broker(site, send), [&] { up(site, arrives); }, arrives);
}

template <class Telling>
void World::perform(Site& site, const Telling& telling) {
    site.told.push_back({now_, telling});
    note([&] { return site.name + " tells " + spelled(site.told.back().what); });
    // Not a reference into what may grow.
    const Told told = site.told.back();
    settings.watch(site, told);
}

void World::publish(Site& site, std::string payload, bool is_reply, bool is_news, bool queued,
                    Fate fate) {
    const bool reaches = site.attached_ && site.wired_;
    if (!site.has_session_ || (is_news && !site.present_) || (!queued && !reaches)) {
        return;
    }
    const Site::Packet packet{.number = ++packets_,
                              .payload = std::move(payload),
                              .is_reply = is_reply,
                              .is_news = is_news,
                              .queued = queued};
    befalls(
        fate,
        [&] {
            if (queued) {
                site.session_.push_back(packet);
            }
            if (reaches) {
                transmit(site, packet);
            }
        },
        [this, &site, packet] {
            if (site.wired_) {
                arrive(site, now_, [this, &site, packet] { receive(site, packet); });
            }
        });
}

void World::transmit(Site& site, const Site::Packet& packet) {
    down(
        site,
        [this, &site, packet] {
            receive(site, packet);
            if (packet.queued) {
                up(site, [&site, number = packet.number] {
                    std::erase_if(site.session_,
                                  [&](const auto& one) { return one.number == number; });
                });
            }
        },
        packet.is_reply);
}

void World::receive(Site& site, const Site::Packet& packet) {
    note([&] {
        return "    at " + site.name + (packet.is_reply ? " a reply" : " an event") + " #" +
               std::to_string(packet.number);
    });
    perform(site, packet.is_reply ? site.device.receive_reply(packet.payload, now_)
                                  : site.device.receive_event(packet.payload, now_));
}

}  // namespace beckon
