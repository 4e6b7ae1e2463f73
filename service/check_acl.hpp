// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker_login.hpp"

namespace beckon {

/// Tries, as a user, all that a service cannot see, and says in sentences what that user could do.
struct AclCheck {
    /// The user's.
    BrokerLogin login{};
    std::string word = "beckon";
    /// Another user, whose session is to be taken over.
    std::optional<BrokerLogin> other{};
};

/// One thing that was tried, as a sentence goes on after "could" or "could not".
struct AclFinding {
    std::string what;
    /// Nothing: it could not be tried, and `what` says why.
    std::optional<bool> could{};
};

/// In the order in which they were tried. The service has to run. Throws `std::runtime_error`, with
/// a sentence, when nothing can be tried.
std::vector<AclFinding> check_acl(const AclCheck& check);

}  // namespace beckon
