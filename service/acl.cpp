// SPDX-License-Identifier: Apache-2.0
#include "acl.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace beckon {

namespace {

/// What everybody may publish, before the sender's own name; and read, of one's own inbox and of
/// all.
constexpr std::array requests{"/user/+/+/", "/invitation/+/+/", "/group/+/+/", "/operator/+/"};
// Not inbox/%u/#: that is also the topic above, which for a user called bob/event is another's.
constexpr std::array inboxes{"/event", "/json", "/reply", "/reply/#"};
constexpr std::array of_operators{"/operator/counters", "/operator/refused", "/operator/absent"};

std::string root_of(const AclSubject& subject) { return subject.word + "/v1"; }

/// a, b, each as `spell` says.
std::string listed(const auto& items, const auto& spell) {
    std::string text;
    for (const auto& item : items) {
        text += (text.empty() ? "" : ", ") + spell(item);
    }
    return text;
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string mosquitto_patterns(const AclSubject& subject) {
    const auto root = root_of(subject);
    std::string rules;
    for (const char* const request : requests) {
        rules += "pattern write " + root + request + "%u\n";
    }
    for (const char* const level : inboxes) {
        rules += "pattern read " + root + "/inbox/%u" + level + "\n";
    }
    rules += "pattern read " + root + "/status\n\nuser " + subject.service + "\ntopic readwrite " +
             root + "/#\n";
    for (const auto& user : subject.operators) {
        rules += "\nuser " + user + "\n";
        for (const char* const topic : of_operators) {
            rules += "topic read " + root + topic + "\n";
        }
    }
    return rules;
}

std::string mosquitto(const AclSubject& subject) {
    return "# For `acl_file` in mosquitto.conf. With it, what no line allows is denied, so add "
           "what "
           "your other\n# clients need, each `topic` below its `user`; but nothing that reaches " +
           root_of(subject) + "/ (as `#` does).\n\n" + mosquitto_patterns(subject);
}

std::string home_assistant(const AclSubject& subject) {
    const auto root = root_of(subject);
    return "# In the add-on's options: customize: active: true. The file "
           "/share/mosquitto/beckon.conf has the line\n"
           "#     acl_file /share/mosquitto/beckon.acl\n"
           "# and this is /share/mosquitto/beckon.acl. Home Assistant and its add-ons go on as "
           "before, and can\n# do all that they are asked to; whoever else uses the broker needs "
           "lines like theirs, for what they\n# use, but nothing that reaches " +
           root +
           "/.\n\nuser homeassistant\ntopic readwrite #\n\nuser addons\ntopic readwrite #\n\n" +
           mosquitto_patterns(subject);
}

std::string ejabberd(const AclSubject& subject) {
    const auto root = root_of(subject);
    std::string rules =
        "# For ejabberd.yml. Its names are in lower case: start beckond with --fold-case yes. "
        "HOST is yours.\n"
        "acl:\n  beckond:\n    user: [\"" +
        subject.service + "@HOST\"]\n  beckon_operators:\n    user: [" +
        listed(subject.operators, [](const auto& user) { return quoted(user + "@HOST"); }) +
        "]\naccess_rules:\n  beckond: {allow: beckond}\n"
        "  beckon_operators: {allow: [beckond, beckon_operators]}\n"
        "  beckon_users: {allow: all}\nmodules:\n  mod_mqtt:\n"
        "    session_expiry: 3600\n    max_queue: 5000\n    access_publish:\n";
    for (const char* const request : requests) {
        rules += "      \"" + root + request + "%u\": beckon_users\n";
    }
    rules += "      \"" + root + "/#\": beckond\n    access_subscribe:\n";
    for (const char* const level : inboxes) {
        rules += "      \"" + root + "/inbox/%u" + level + "\": beckon_users\n";
    }
    rules += "      \"" + root + "/status\": beckon_users\n";
    for (const char* const topic : of_operators) {
        rules += "      \"" + root + topic + "\": beckon_operators\n";
    }
    return rules + "      \"" + root + "/#\": beckond\n";
}

std::string emqx(const AclSubject& subject) {
    const auto root = root_of(subject);
    std::string rules =
        "%% For acl.conf, above all other rules, with authorization.no_match = deny. A session is "
        "taken over by\n%% its client id, with all that it has subscribed: bind client ids to "
        "users.\n{allow, {username, \"" +
        subject.service + "\"}, all, [\"" + root + "/#\"]}.\n{allow, all, publish, [" +
        listed(requests,
               [&](const char* request) { return quoted(root + request + "${username}"); }) +
        "]}.\n{allow, all, subscribe, [" +
        listed(inboxes,
               [&](const char* level) { return quoted(root + "/inbox/${username}" + level); }) +
        ", \"" + root + "/status\"]}.\n";
    for (const auto& user : subject.operators) {
        rules += "{allow, {username, \"" + user + "\"}, subscribe, [" +
                 listed(of_operators, [&](const char* topic) { return quoted(root + topic); }) +
                 "]}.\n";
    }
    return rules + "{deny, all, all, [\"" + root +
           "/#\"]}.\n{deny, all, subscribe, [{eq, \"#\"}, "
           "{eq, \"+/#\"}, \"+/v1/#\", \"" +
           subject.word + "/+/#\"]}.\n";
}

std::string hivemq_permission(const std::string& topic, std::string_view activity) {
    return "      <permission><topic>" + topic + "</topic><activity>" + std::string(activity) +
           "</activity></permission>\n";
}

std::string hivemq(const AclSubject& subject) {
    const auto root = root_of(subject);
    const std::string operators = listed(subject.operators, std::identity());
    std::string rules =
        "<!-- For credentials.xml of the File RBAC extension: give " + subject.service +
        " the role beckond, users the role beckon, operators" +
        (operators.empty() ? "" : " (" + operators + ")") +
        " both beckon and beckon-operator. -->\n<roles>\n  <role><id>beckond</id><permissions>\n" +
        hivemq_permission(root + "/#", "ALL") +
        "  </permissions></role>\n  <role><id>beckon</id><permissions>\n";
    for (const char* const request : requests) {
        rules += hivemq_permission(root + request + "${{username}}", "PUBLISH");
    }
    for (const char* const level : inboxes) {
        rules += hivemq_permission(root + "/inbox/${{username}}" + level, "SUBSCRIBE");
    }
    rules += hivemq_permission(root + "/status", "SUBSCRIBE") +
             "  </permissions></role>\n  <role><id>beckon-operator</id><permissions>\n";
    for (const char* const topic : of_operators) {
        rules += hivemq_permission(root + topic, "SUBSCRIBE");
    }
    return rules + "  </permissions></role>\n</roles>\n";
}

std::string vernemq(const AclSubject& subject) {
    return "# For vmq.acl.\n\n" + mosquitto_patterns(subject);
}

std::string rabbitmq(const AclSubject& subject) {
    const auto root = subject.word + "\\.v1\\.";
    const auto writes =
        " '^" + root + "((user|invitation|group)\\.[^.]+\\.[^.]+|operator\\.[^.]+)\\.{username}$'";
    const auto reads = " '^" + root + "(inbox\\.{username}\\.(event|json|reply(\\..+)?)|status";
    std::string rules =
        "# For RabbitMQ 4, whose topics have dots for slashes: users whose names have a dot cannot "
        "be told apart.\n# For each user of Beckon (USER), and for the service:\n"
        "rabbitmqctl set_topic_permissions USER amq.topic" +
        writes + reads + ")$'\nrabbitmqctl set_topic_permissions " + subject.service +
        " amq.topic '^" + root + "' '^" + root + "'\n";
    for (const auto& user : subject.operators) {
        rules += "rabbitmqctl set_topic_permissions " + user + " amq.topic" + writes + reads +
                 "|operator\\.(counters|refused|absent))$'\n";
    }
    return rules;
}

}  // namespace

const std::vector<AclEngine>& acl_engines() {
    static const std::vector<AclEngine> engines{
        {"mosquitto", true, mosquitto}, {"home-assistant", false, home_assistant},
        {"ejabberd", true, ejabberd},   {"emqx", false, emqx},
        {"hivemq", false, hivemq},      {"vernemq", false, vernemq},
        {"rabbitmq", false, rabbitmq},
    };
    return engines;
}

namespace {

const AclEngine* find_engine(std::string_view name) {
    const auto& engines = acl_engines();
    const auto found = std::ranges::find(engines, name, &AclEngine::name);
    return found == engines.end() ? nullptr : &*found;
}

}  // namespace

bool is_tried(std::string_view engine) {
    const auto* const found = find_engine(engine);
    return found != nullptr && found->tried;
}

std::string names_of_engines() {
    return listed(acl_engines(), [](const AclEngine& one) { return std::string(one.name); });
}

std::optional<std::string> acl_of(std::string_view engine, const AclSubject& subject) {
    const auto* const found = find_engine(engine);
    return found == nullptr ? std::nullopt : std::optional(found->rules(subject));
}

}  // namespace beckon
