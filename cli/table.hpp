// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <cstddef>
#include <string>
#include <vector>

/// What is open, as a table for a terminal. Pure, but for the locale.
namespace beckon::cli {

/// One invitee of an invitation; what is the same as in the row above is left empty.
struct Row {
    std::string from{};
    std::string to{};
    std::string state{};
    std::string time{};
    std::string about{};

    bool operator==(const Row&) const = default;
};

std::vector<Row> rows_of(const std::vector<SignalingInfo>& open);

/// How many columns a terminal needs for it.
std::size_t columns_of(const std::string& text);
/// The first `columns` of it.
std::string cut(const std::string& text, std::size_t columns);
/// A heading and a line for each row, in as many columns as there are, safe to print.
std::vector<std::string> table(const std::vector<Row>& rows, std::size_t columns);

}  // namespace beckon::cli
