// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

/// What is told of words that make no command line. Pure; any thread.
namespace beckon::cli {

/// The one among `known` that was probably meant by `word`; nothing, if none is near.
std::optional<std::string> near(const std::string& word, const std::vector<std::string>& known);

/// What is told where the words (without the program's own name) lead to no subcommand: which one
/// was probably meant, or the help of those that there are. Nothing: they lead to one, or something
/// else is wrong.
std::optional<std::string> no_subcommand(const CLI::App& app,
                                         const std::vector<std::string>& words);

}  // namespace beckon::cli
