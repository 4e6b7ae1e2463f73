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
    /// The paths that the id of an invitation may follow.
    std::set<std::string> with_id{};
    /// Of the options of all, those that say which broker, and as whom; the words that are one
    /// with its value ("--insecure", "--user=*").
    std::set<std::string> connecting{};
    std::set<std::string> connecting_whole{};
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
    if (const CLI::Option* const first = app.get_option_no_throw("ID");
        first != nullptr && first->get_positional()) {
        words.with_id.insert(path);
    }
    words.levels.push_back(level);
    for (const CLI::App* const command : level.commands) {
        collect(*command, path + "/" + command->get_name(), words);
    }
}

/// The command line's words, as a shell has to know them.
Words words_of(const CLI::App& app) {
    Words words;
    collect(app, "", words);
    for (const CLI::Option* const option : words.levels.front().options) {
        const std::string name = name_of(*option);
        if (name == "--wait" || (option->get_group() != "Broker" && name != "--config")) {
            continue;
        }
        if (takes_value(*option)) {
            words.connecting.insert(name);
        }
        words.connecting_whole.insert(name + (takes_value(*option) ? "=*" : ""));
    }
    return words;
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

/// As fish has patterns.
std::string quoted_patterns(const std::set<std::string>& patterns) {
    return "'" + joined(patterns, "' '") + "'";
}

/// The paths that an id may follow, each with `end`.
std::string ids_follow(const Words& words, const char* between, const std::string& end) {
    std::set<std::string> all;
    for (const std::string& path : words.with_id) {
        all.insert(path + end);
    }
    return joined(all, between);
}

/// Which words may follow each path.
std::string bash_cases(const Words& words) {
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
    return cases;
}

std::string bash_completion(const Words& words) {
    std::string choices;
    for (const auto& [name, some] : words.choices) {
        choices += "        " + name + ") words='" + some + "' ;;\n";
    }
    return R"(# bash completion for beckon

_beckon() {
    # Of the whole line: COMP_WORDS has a URL in pieces.
    local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]}
    local before= path= words= i more=0
    local -a said connecting=()
    read -ra said <<<"$line"
    [[ $line == *[[:space:]] ]] && said+=('')
    for ((i = 1; i < ${#said[@]} - 1; ++i)); do
        case $before in )" +
           joined(words.connecting, "|") + R"() connecting+=("$before" "${said[i]}") ;; esac
        case $before in )" +
           joined(words.valued, "|") + R"() ;; *)
            case ${said[i]} in )" +
           joined(words.connecting_whole, "|") + R"() connecting+=("${said[i]}") ;; esac
            case $path/${said[i]} in
                )" +
           paths(words, "|") + R"() path=$path/${said[i]} ;;
                */-*) ;;
                *) more=1 ;;
            esac ;;
        esac
        before=${said[i]}
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
)" + bash_cases(words) +
           R"(            esac
            words+=' )" +
           joined(names(words.levels.front().options), " ") + R"('
            case $path$more in
                )" +
           ids_follow(words, "|", "0") +
           R"sh()
                    [[ $word == -* ]] ||
                        words+=" $("${COMP_WORDS[0]}" "${connecting[@]}" --wait 2s status --ids 2>/dev/null)" ;;
            esac ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _beckon beckon
)sh";
}

std::string zsh_item(const std::string& name, const std::string& about) {
    return "                " + quoted_word(name + ":" + gist(about), R"('\'')") + "\n";
}

std::string zsh_items(const std::vector<const CLI::Option*>& options) {
    std::string all;
    for (const CLI::Option* const option : options) {
        all += zsh_item(name_of(*option), option->get_description());
    }
    return all;
}

/// Likewise.
std::string zsh_cases(const Words& words) {
    std::string cases;
    for (const Level& level : words.levels) {
        std::string commands;
        for (const CLI::App* const command : level.commands) {
            commands += zsh_item(command->get_name(), command->get_description());
        }
        const std::string own = level.path.empty() ? "" : zsh_items(level.options);
        if (!commands.empty() || !own.empty()) {
            cases += "        ('" + level.path + "')\n";
            cases +=
                commands.empty() ? "" : "            commands=(\n" + commands + "            )\n";
            cases += own.empty() ? "" : "            options=(\n" + own + "            )\n";
            cases += "            ;;\n";
        }
    }
    return cases;
}

std::string zsh_completion(const Words& words) {
    std::string choices;
    for (const auto& [name, some] : words.choices) {
        choices += "        (" + name + ") compadd " + some + "; return ;;\n";
    }
    return R"(#compdef beckon

_beckon() {
    local before= path_= i more=0
    local -a commands options connecting ids
    for ((i = 2; i < CURRENT; ++i)); do
        case $before in
            ()" +
           joined(words.connecting, "|") + R"() connecting+=("$before" "${(Q)words[i]}") ;;
        esac
        case $before in
            ()" +
           joined(words.valued, "|") + R"() ;;
            (*)
                case $words[i] in
                    ()" +
           joined(words.connecting_whole, "|") + R"() connecting+=("$words[i]") ;;
                esac
                case $path_/$words[i] in
                    ()" +
           paths(words, "|") + R"() path_=$path_/$words[i] ;;
                    (*/-*) ;;
                    (*) more=1 ;;
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
)" + zsh_cases(words) +
           R"(    esac
    case $path_$more in
        ()" +
           ids_follow(words, "|", "0") +
           R"sh()
            ids=(${(f)"$($words[1] $connecting --wait 2s status --ids 2>/dev/null)"})
            compadd -a ids ;;
    esac
    options+=(
)sh" + zsh_items(words.levels.front().options) +
           R"(    )
    _describe -t commands command commands
    _describe -o option options
}

_beckon "$@"
)";
}

/// What it completes where, after the functions that say where that is.
std::string fish_lines(const Words& words) {
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
    for (const std::string& path : words.with_id) {
        lines += "complete -c beckon -n '__beckon_at " + path + " 0' -a '(__beckon_ids)' -d open\n";
    }
    return lines;
}

std::string fish_completion(const Words& words) {
    return R"(# fish completion for beckon

function __beckon_at -d 'Whether this is the path of the subcommands so far, and what else follows it'
    set -l before
    set -l path
    set -l more 0
    for word in (commandline -opc)[2..]
        if not contains -- "$before" )" +
           joined(words.valued, " ") + R"(
            switch "$path/$word"
                case )" +
           paths(words, " ") + R"(
                    set path "$path/$word"
                case '*/-*'
                case '*'
                    set more 1
            end
        end
        set before $word
    end
    test "$path" = "$argv[1]"; and begin
        not set -q argv[2]; or test $more = $argv[2]
    end
end

function __beckon_ids -d 'What is open, at the broker that the line names'
    set -l line (commandline -opc)
    set -l before
    set -l connecting
    for word in $line[2..]
        if contains -- "$before" )" +
           joined(words.connecting, " ") + R"(
            set -a connecting $before $word
        else
            switch $word
                case )" +
           quoted_patterns(words.connecting_whole) + R"(
                    set -a connecting $word
            end
        end
        set before $word
    end
    $line[1] $connecting --wait 2s status --ids 2>/dev/null
end

complete -c beckon -f
)" + fish_lines(words);
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
    const Words words = words_of(*app);
    write(directory + "/beckon.bash", bash_completion(words));
    write(directory + "/beckon.zsh", zsh_completion(words));
    write(directory + "/beckon.fish", fish_completion(words));
}

}  // namespace beckon::cli
