// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <fstream>
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

// ---------------------------------------------------------------------- bash

std::string joined(const std::set<std::string>& words, const char* between) {
    return CLI::detail::join(std::vector<std::string>(words.begin(), words.end()), between);
}

/// By path ("/group/create"): what may come next.
void collect(const CLI::App& app, const std::string& path, std::string& cases,
             std::set<std::string>& paths, std::set<std::string>& files,
             std::set<std::string>& values, std::set<std::string>& choices) {
    std::set<std::string> words;
    for (const CLI::App* const command : subcommands(app)) {
        words.insert(command->get_name());
    }
    for (const CLI::Option* const option : options(app)) {
        const std::string name = "--" + option->get_single_name();
        const std::string& text = option->get_option_text();
        if (!path.empty()) {  // those of all are added to each
            words.insert(name);
        }
        if (text == "FILE") {
            files.insert(name);
        } else if (text.find('|') != std::string::npos) {
            std::string some = text;
            std::replace(some.begin(), some.end(), '|', ' ');
            choices.insert("        " + name + ") words='" + some + "' ;;\n");
        } else if (takes_value(*option)) {
            values.insert(name);
        }
    }
    if (!path.empty()) {
        paths.insert(path);
    }
    cases += "                " + (path.empty() ? "''" : path) + ") words='" + joined(words, " ") +
             "' ;;\n";
    for (const CLI::App* const command : subcommands(app)) {
        collect(*command, path + "/" + command->get_name(), cases, paths, files, values, choices);
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

std::string bash_completion(const CLI::App& app) {
    std::string cases;
    std::set<std::string> choices;
    std::set<std::string> paths;
    std::set<std::string> files;
    std::set<std::string> values;
    collect(app, "", cases, paths, files, values, choices);
    std::set<std::string> anywhere;
    for (const CLI::Option* const option : options(app)) {
        anywhere.insert("--" + option->get_single_name());
    }
    std::set<std::string> valued = files;
    valued.insert(values.begin(), values.end());
    return R"(# bash completion for beckon

_beckon() {
    local word=${COMP_WORDS[COMP_CWORD]} before= path= words= i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case $before in )" +
           joined(valued, "|") + R"() ;; *)
            case $path/${COMP_WORDS[i]} in
                )" +
           joined(paths, "|") + R"() path=$path/${COMP_WORDS[i]} ;;
            esac ;;
        esac
        before=${COMP_WORDS[i]}
    done
    case $before in
        )" +
           joined(files, "|") +
           R"()
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return ;;
)" + joined(choices, "") +
           "        " + joined(values, "|") + R"() return ;;
        *)
            case $path in
)" + cases +
           R"(            esac
            words+=' )" +
           joined(anywhere, " ") + R"(' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _beckon beckon
)";
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
    write(directory + "/beckon.bash", bash_completion(*app));
}

}  // namespace beckon::cli
