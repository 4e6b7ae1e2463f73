// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Text forms that the wire needs and no library at hand checks strictly.
/// Any thread.
namespace beckon {

/// Well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// Standard base64 with padding (RFC 4648, section 4).
std::string base64(std::string_view bytes);

/// The bytes, or nothing when `text` is not exactly what `base64` writes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace beckon
