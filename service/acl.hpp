// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace beckon {

/// Whom access rules are for.
struct AclSubject {
    /// The first level of all topics.
    std::string word = "beckon";
    /// The service's own user name.
    std::string service = "beckond";
    std::vector<std::string> operators{};
};

/// What a broker's rules are written for, and whether Beckon was tried with them.
struct AclEngine {
    std::string_view name;
    bool tried;
    std::string (*rules)(const AclSubject& subject);
};
const std::vector<AclEngine>& acl_engines();

/// Whether Beckon was tried with these rules.
bool is_tried(std::string_view engine);
/// "mosquitto, home-assistant, …".
std::string names_of_engines();
/// The rules that make users speak for themselves alone, and read what is theirs, as a broker of
/// this kind takes them; nothing: no such kind is known. Pure.
std::optional<std::string> acl_of(std::string_view engine, const AclSubject& subject);

}  // namespace beckon
