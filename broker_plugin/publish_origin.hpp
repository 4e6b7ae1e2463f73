// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace beckon {

/// Tells publishes, wills and bridged messages apart. Mosquitto asks for WRITE
/// before it takes a client's publish or will, and hands the publish, but not
/// the will, to the MESSAGE callback at once. A bridge's message comes to MESSAGE
/// without that question. So: no question, no request; and a retained message
/// that was asked for and never came was a will, which the broker has stored.
///
/// One thread. `client` is compared, never looked into.
class PublishOrigin {
  public:
    /// WRITE was asked, and not denied, for a request.
    void asked(const void* client, std::string_view topic, bool retained);

    /// MESSAGE came: true if it is the one that was asked for.
    bool came(const void* client, std::string_view topic);

    /// Something was asked for that has not come.
    [[nodiscard]] bool is_open() const noexcept { return client_ != nullptr; }
    /// It will not come any more, as something else did: the topic that holds a
    /// retained will now, if so.
    [[nodiscard]] std::optional<std::string> settle();

  private:
    const void* client_ = nullptr;
    std::string topic_;
    bool retained_ = false;
};

}  // namespace beckon
