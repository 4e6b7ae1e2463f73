// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "app.hpp"
#include "commands.hpp"

namespace beckon::cli {

namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

/// Those with a dash, `--help` among them.
std::vector<const CLI::Option*> options(const CLI::App& app) {
    return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

bool takes_value(const CLI::Option& option) { return option.get_expected_max() > 0; }

// ---------------------------------------------------------------------- roff

/// As it is: nothing in it is a request of roff.
std::string plain(const std::string& text) {
    std::string escaped;
    bool begins = true;
    for (const char letter : text) {
        if (begins && (letter == '.' || letter == '\'')) {
            escaped += "\\&";
        }
        begins = letter == '\n';
        escaped += letter == '\\' ? "\\e" : letter == '-' ? "\\-" : std::string(1, letter);
    }
    return escaped;
}

std::string heading(const std::string& text) {
    std::string upper = text;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    return ".SH \"" + plain(upper) + "\"\n";
}

std::string as_typed(const std::string& text) { return ".EX\n" + plain(text) + "\n.EE\n"; }

std::string entry(const std::string& name, const std::string& value, const std::string& about) {
    return ".TP\n\\fB" + plain(name) + "\\fR" +
           (value.empty() ? "" : " \\fI" + plain(value) + "\\fR") + "\n" + plain(about) + "\n";
}

std::string entries(const CLI::App& app) {
    std::string page;
    for (const CLI::Option* const option : options(app)) {
        page +=
            entry(option->get_name(false, true),
                  takes_value(*option) ? option->get_option_text() : "", option->get_description());
    }
    return page;
}

std::string usage_of(const CLI::App& app) {
    std::string line = app.get_name();
    for (const CLI::Option* const option :
         app.get_options([](const CLI::Option* one) { return one->get_positional(); })) {
        const std::string name =
            option->get_name(true) + (option->get_items_expected_max() > 1 ? "..." : "");
        line += option->get_required() ? " " + name : " [" + name + "]";
    }
    return line;
}

void describe(std::string& page, const CLI::App& app, const std::string& above) {
    for (const CLI::App* const command : subcommands(app)) {
        page += ".SS \"" + plain(above + usage_of(*command)) + "\"\n" +
                plain(command->get_description()) + "\n";
        for (const CLI::Option* const option : options(*command)) {
            if (option != command->get_help_ptr()) {
                page += entry(option->get_name(false, true),
                              takes_value(*option) ? option->get_option_text() : "",
                              option->get_description());
            }
        }
        page += ".PP\n" + as_typed(command->get_footer());
        describe(page, *command, above + command->get_name() + " ");
    }
}

std::string manual_page(const CLI::App& app) {
    std::string page =
        ".TH BECKON 1 \"\" \"" + plain(app.version()) + "\" \"User Commands\"\n" + heading("Name") +
        "beckon \\- rings people and devices through an MQTT broker, and answers\n" +
        heading("Synopsis") +
        ".B beckon\n[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n" +
        heading("Description") + plain(app.get_description()) + "\n" + heading("Options") +
        "They may stand before and after the command.\n" + entries(app) + heading("Commands");
    describe(page, app, "beckon ");
    for (const Section& section : sections()) {
        page += heading(section.title) + as_typed(section.text);
    }
    return page;
}

// --------------------------------------------------------------- completions

/// What may come after a path of subcommands ("/group/create"), beside the options of all.
struct Level {
    std::string path;
    std::vector<const CLI::App*> commands;
    std::vector<const CLI::Option*> options;
};

/// The command line, as a shell has to know it.
struct Words {
    /// The first is the program's own, with an empty path and the options of all.
    std::vector<Level> levels{};
    /// The options after which comes a value: of these the name of a file, one of a few words
    /// ("free closed"), or what nobody can guess.
    std::set<std::string> valued{};
    std::set<std::string> files{};
    std::map<std::string, std::string> choices{};
    std::set<std::string> unknown{};
};

std::string name_of(const CLI::Option& option) { return "--" + option.get_single_name(); }

void collect(const CLI::App& app, const std::string& path, Words& words) {
    Level level{.path = path, .commands = subcommands(app), .options = options(app)};
    if (!path.empty()) {  // the program's own --help does for all
        level.options.erase(
            std::remove(level.options.begin(), level.options.end(), app.get_help_ptr()),
            level.options.end());
    }
    for (const CLI::Option* const option : level.options) {
        if (takes_value(*option)) {
            const std::string name = name_of(*option);
            const std::string& text = option->get_option_text();
            words.valued.insert(name);
            if (text == "FILE") {
                words.files.insert(name);
            } else if (text.find('|') != std::string::npos) {
                words.choices[name] = text;
                std::replace(words.choices[name].begin(), words.choices[name].end(), '|', ' ');
            } else {
                words.unknown.insert(name);
            }
        }
    }
    words.levels.push_back(level);
    for (const CLI::App* const command : level.commands) {
        collect(*command, path + "/" + command->get_name(), words);
    }
}

std::string joined(const std::set<std::string>& words, const char* between) {
    return CLI::detail::join(std::vector<std::string>(words.begin(), words.end()), between);
}

std::string paths(const Words& words, const char* between) {
    std::set<std::string> all;
    for (const Level& level : words.levels) {
        if (!level.path.empty()) {
            all.insert(level.path);
        }
    }
    return joined(all, between);
}

std::set<std::string> names(const std::vector<const CLI::Option*>& options) {
    std::set<std::string> all;
    for (const CLI::Option* const option : options) {
        all.insert(name_of(*option));
    }
    return all;
}

/// A word of a shell in which an apostrophe is written like this.
std::string quoted_word(const std::string& text, const char* apostrophe) {
    return "'" + CLI::detail::find_and_replace(text, "'", apostrophe) + "'";
}

/// What it is for, in short: the first sentence of a description.
std::string gist(const std::string& about) {
    const std::string sentence = about.substr(0, about.find(". "));
    return sentence.substr(0, sentence.find_last_not_of('.') + 1);
}

std::string bash_completion(const Words& words) {
    std::string choices;
    for (const auto& [name, some] : words.choices) {
        choices += "        " + name + ") words='" + some + "' ;;\n";
    }
    std::string cases;
    for (const Level& level : words.levels) {
        std::set<std::string> next;
        if (!level.path.empty()) {  // those of all are added to each
            next = names(level.options);
        }
        for (const CLI::App* const command : level.commands) {
            next.insert(command->get_name());
        }
        if (!next.empty()) {
            cases += "                '" + level.path + "') words='" + joined(next, " ") + "' ;;\n";
        }
    }
    return R"(# bash completion for beckon

_beckon() {
    local word=${COMP_WORDS[COMP_CWORD]} before= path= words= i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case $before in )" +
           joined(words.valued, "|") + R"() ;; *)
            case $path/${COMP_WORDS[i]} in
                )" +
           paths(words, "|") + R"() path=$path/${COMP_WORDS[i]} ;;
            esac ;;
        esac
        before=${COMP_WORDS[i]}
    done
    case $before in
        )" +
           joined(words.files, "|") +
           R"()
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return ;;
)" + choices +
           "        " + joined(words.unknown, "|") + R"() return ;;
        *)
            case $path in
)" + cases +
           R"(            esac
            words+=' )" +
           joined(names(words.levels.front().options), " ") + R"(' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _beckon beckon
)";
}

std::string zsh_completion(const Words& words) {
    const auto item = [](const std::string& name, const std::string& about) {
        return "                " + quoted_word(name + ":" + gist(about), R"('\'')") + "\n";
    };
    const auto items = [&](const std::vector<const CLI::Option*>& options) {
        std::string all;
        for (const CLI::Option* const option : options) {
            all += item(name_of(*option), option->get_description());
        }
        return all;
    };
    std::string choices;
    for (const auto& [name, some] : words.choices) {
        choices += "        (" + name + ") compadd " + some + "; return ;;\n";
    }
    std::string cases;
    for (const Level& level : words.levels) {
        std::string commands;
        for (const CLI::App* const command : level.commands) {
            commands += item(command->get_name(), command->get_description());
        }
        const std::string own = level.path.empty() ? "" : items(level.options);
        if (!commands.empty() || !own.empty()) {
            cases += "        ('" + level.path + "')\n";
            cases +=
                commands.empty() ? "" : "            commands=(\n" + commands + "            )\n";
            cases += own.empty() ? "" : "            options=(\n" + own + "            )\n";
            cases += "            ;;\n";
        }
    }
    return R"(#compdef beckon

_beckon() {
    local before= path_= i
    local -a commands options
    for ((i = 2; i < CURRENT; ++i)); do
        case $before in
            ()" +
           joined(words.valued, "|") + R"() ;;
            (*)
                case $path_/$words[i] in
                    ()" +
           paths(words, "|") + R"() path_=$path_/$words[i] ;;
                esac ;;
        esac
        before=$words[i]
    done
    case $before in
        ()" +
           joined(words.files, "|") + R"() _files; return ;;
)" + choices +
           "        (" + joined(words.unknown, "|") + R"() return 1 ;;
    esac
    case $path_ in
)" + cases +
           R"(    esac
    options+=(
)" + items(words.levels.front().options) +
           R"(    )
    _describe -t commands command commands
    _describe -o option options
}

_beckon "$@"
)";
}

std::string fish_completion(const Words& words) {
    std::string lines;
    for (const Level& level : words.levels) {
        const std::string at =
            level.path.empty() ? "__beckon_at" : "'__beckon_at " + level.path + "'";
        for (const CLI::App* const command : level.commands) {
            lines += "complete -c beckon -n " + at + " -a " + command->get_name() + " -d " +
                     quoted_word(gist(command->get_description()), R"(\')") + "\n";
        }
        for (const CLI::Option* const option : level.options) {
            const std::string name = name_of(*option);
            lines += "complete -c beckon" + (level.path.empty() ? "" : " -n " + at) + " -l " +
                     name.substr(2);
            if (const auto some = words.choices.find(name); some != words.choices.end()) {
                lines += " -x -a '" + some->second + "'";
            } else if (takes_value(*option)) {
                lines += words.files.contains(name) ? " -r -F" : " -x";
            }
            lines += " -d " + quoted_word(gist(option->get_description()), R"(\')") + "\n";
        }
    }
    return R"(# fish completion for beckon

function __beckon_at -d 'Whether this is the path of the subcommands so far'
    set -l before
    set -l path
    for word in (commandline -opc)[2..]
        if not contains -- "$before" )" +
           joined(words.valued, " ") + R"(
            switch "$path/$word"
                case )" +
           paths(words, " ") + R"(
                    set path "$path/$word"
            end
        end
        set before $word
    end
    test "$path" = "$argv"
end

complete -c beckon -f
)" + lines;
}

void write(const std::string& file, const std::string& text) {
    if (!(std::ofstream(file) << text).flush()) {
        throw std::runtime_error("cannot write " + file);
    }
}

}  // namespace

void write_documents(const std::string& directory) {
    Invocation invocation;
    const auto app = command_line(invocation);
    write(directory + "/beckon.1", manual_page(*app));
    Words words;
    collect(*app, "", words);
    write(directory + "/beckon.bash", bash_completion(words));
    write(directory + "/beckon.zsh", zsh_completion(words));
    write(directory + "/beckon.fish", fish_completion(words));
}

}  // namespace beckon::cli
