// SPDX-License-Identifier: Apache-2.0
#include "discovery.hpp"

#include <nlohmann/json.hpp>

#include "texts.hpp"

namespace beckon::cli::home {

namespace {

using Json = nlohmann::ordered_json;

/// Puts components together, each with what all entities have.
class Components {
  public:
    explicit Components(const Configuration& configuration) : configuration_(configuration) {}

    /// `kind` is Home Assistant's word for it; `key` names it among these, and for good.
    Json& add(const std::string& key, const std::string& kind, const std::string& name,
              const std::string& entity) {
        Json& component = all_[key];
        component = {{"p", kind},
                     {"uniq_id", "beckon_" + configuration_.user + "_" + key},
                     {"def_ent_id", kind + ".beckon_" + entity},
                     {"name", name}};
        return component;
    }
    void add_trigger(const std::string& key, const std::string& type, const std::string& name,
                     const std::string& topic) {
        all_[key] = {{"p", "device_automation"},
                     {"atype", "trigger"},
                     {"type", type},
                     {"stype", name},
                     {"t", topic},
                     {"pl", type}};
    }
    [[nodiscard]] const Json& all() const { return all_; }

  private:
    const Configuration& configuration_;
    Json all_;
};

/// There only while all of these say `online`.
Json available_by(const std::vector<std::string>& topics) {
    Json all = Json::array();
    for (const std::string& topic : topics) {
        all.push_back({{"t", topic}});
    }
    return all;
}

/// What rings in a group or, without an id, this user itself.
void add_place(Components& components, const Configuration& configuration, const std::string& group,
               const std::string& name) {
    const auto topic = [&](const std::string& rest) {
        return place_topic(configuration, group, rest);
    };
    const std::string key = group.empty() ? "self" : "group_" + escaped(group);
    const std::string entity = slug(group.empty() ? configuration.user : group);
    std::vector<std::string> needs{status_topic(configuration)};
    if (!group.empty()) {
        needs.push_back(topic("status"));
    }
    const auto add = [&](const std::string& part, const std::string& kind,
                         const std::string& of_name, const std::string& of_entity) -> Json& {
        Json& component =
            components.add(key + "_" + part, kind, name + of_name, entity + of_entity);
        component["avty"] = available_by(needs);
        component["avty_mode"] = "all";
        return component;
    };
    Json& event = add("event", "event", "", "");
    event["dev_cla"] = "doorbell";
    event["event_types"] = {"ring", "answered", "missed", "ended"};
    event["stat_t"] = topic("event");
    Json& state = add("state", "sensor", " state", "");
    state["dev_cla"] = "enum";
    state["options"] = {"idle", "ringing", "in_call"};
    state["stat_t"] = topic("state");
    state["json_attr_t"] = topic("attributes");
    Json& missed = add("missed", "sensor", " last missed", "_last_missed");
    missed["dev_cla"] = "timestamp";
    missed["stat_t"] = topic("missed");
    missed["json_attr_t"] = topic("missed/attributes");
    if (!group.empty()) {
        needs.push_back(topic("stop/status"));
    }
    Json& stop = add("stop", "button", " stop ringing", "_stop");
    stop["cmd_t"] = topic("stop");
    stop["ic"] = "mdi:bell-cancel";
    for (const char* const type : {"rung", "answered", "missed", "ended"}) {
        components.add_trigger(key + "_trigger_" + type, type, name, topic("trigger"));
    }
}

void add_contact(Components& components, const Configuration& configuration,
                 const Contact& contact) {
    const std::string kind = contact.is_group ? "group" : "user";
    const std::string key = "_" + kind + "_" + escaped(contact.id);
    const std::string place = kind + "/" + contact.id;
    Json& ring =
        components.add("ring" + key, "button", "Ring " + contact.name, "ring_" + slug(contact.id));
    ring["cmd_t"] = own_topic(configuration, "ring/" + place);
    ring["ic"] = "mdi:phone";
    Json& notify = components.add("notify" + key, "notify", contact.name, slug(contact.id));
    notify["cmd_t"] = own_topic(configuration, "notify/" + place);
}

void add_door(Components& components, const Configuration& configuration, const Door& door) {
    const std::string key = "door_" + escaped(door.user);
    const std::string topic = own_topic(configuration, "door/" + door.user);
    Json& open =
        components.add(key + "_open", "button", "Open " + door.name, "open_" + slug(door.user));
    open["cmd_t"] = topic + "/open";
    open["ic"] = "mdi:door-open";
    if (!door.lock_word.empty()) {
        Json& lock = components.add(key + "_lock", "lock", door.name, slug(door.user));
        lock["cmd_t"] = topic + "/set";
        lock["stat_t"] = topic + "/state";
        lock["opt"] = true;
    }
}

}  // namespace

std::string own_topic(const Configuration& configuration, const std::string& rest) {
    return configuration.topic + "/" + configuration.user + "/" + rest;
}

std::string status_topic(const Configuration& configuration) {
    return own_topic(configuration, "status");
}

std::string place_topic(const Configuration& configuration, const std::string& group,
                        const std::string& rest) {
    return own_topic(configuration, (group.empty() ? "self/" : "group/" + group + "/") + rest);
}

std::string birth_topic(const Configuration& configuration) {
    return configuration.discovery_prefix + "/status";
}

std::string discovery_topic(const Configuration& configuration) {
    return configuration.discovery_prefix + "/device/beckon_" + escaped(configuration.user) +
           "/config";
}

std::vector<std::string> subscriptions(const Configuration& configuration) {
    std::vector<std::string> all{birth_topic(configuration), discovery_topic(configuration)};
    for (const char* const rest :
         {"hello", "dnd", "dnd/set", "self/stop", "self/attributes", "group/+/stop",
          "group/+/attributes", "ring/+/+", "notify/+/+", "door/+/open", "door/+/set"}) {
        all.push_back(own_topic(configuration, rest));
    }
    return all;
}

std::vector<std::string> kept_topics(const Configuration& configuration) {
    std::vector<std::string> all{discovery_topic(configuration), status_topic(configuration),
                                 own_topic(configuration, "dnd")};
    std::vector<std::string> groups{""};
    for (const Group& group : configuration.groups) {
        groups.push_back(group.id);
    }
    for (const std::string& group : groups) {
        for (const char* const rest :
             {"status", "stop/status", "state", "attributes", "missed", "missed/attributes"}) {
            all.push_back(place_topic(configuration, group, rest));
        }
    }
    for (const Door& door : configuration.doors) {
        all.push_back(own_topic(configuration, "door/" + door.user + "/state"));
    }
    return all;
}

std::string announcement(const Configuration& configuration, const std::string& before) {
    Components components(configuration);
    add_place(components, configuration, "", configuration.user);
    for (const Group& group : configuration.groups) {
        add_place(components, configuration, group.id, group.name);
    }
    for (const Contact& contact : configuration.contacts) {
        add_contact(components, configuration, contact);
    }
    for (const Door& door : configuration.doors) {
        add_door(components, configuration, door);
    }
    Json& disturb = components.add("dnd", "switch", "Do not disturb", "do_not_disturb");
    disturb["stat_t"] = own_topic(configuration, "dnd");
    disturb["cmd_t"] = own_topic(configuration, "dnd/set");
    disturb["ic"] = "mdi:bell-sleep";

    Json all = components.all();
    const Json old = Json::parse(before, nullptr, false);
    if (old.is_object() && old.contains("cmps") && old["cmps"].is_object()) {
        for (const auto& [key, component] : old["cmps"].items()) {
            if (!all.contains(key) && component.is_object() && component.contains("p")) {
                all[key] = {{"p", component["p"]}};  // how one is taken out
            }
        }
    }
    const Json device{{"dev",
                       {{"ids", {"beckon_" + configuration.user}},
                        {"name", "Beckon"},
                        {"mf", "Beckon"},
                        {"mdl", "Call signaling for MQTT devices"},
                        {"sw", BECKON_VERSION}}},
                      {"o", {{"name", "Beckon"}, {"sw", BECKON_VERSION}}},
                      {"avty", available_by({status_topic(configuration)})},
                      {"qos", 1},
                      {"cmps", all}};
    return device.dump();
}

}  // namespace beckon::cli::home
