// SPDX-License-Identifier: Apache-2.0
//
// Writes the manual page of beckond, while it is built: of what it knows of its own options.
#include <fstream>
#include <iostream>

#include "options.hpp"

namespace {

/// As it stands in a page: a backslash, and a dot or an apostrophe that begins a line, mean
/// something.
std::string plain(const std::string& text) {
    std::string shown;
    for (const char letter : text) {
        shown += letter == '\\' ? "\\e" : letter == '-' ? "\\-" : std::string(1, letter);
    }
    return shown;
}

void write_options(std::ostream& page, const CLI::App& app) {
    for (const auto& group : app.get_groups()) {
        page << ".SS " << plain(group) << "\n";
        for (const CLI::Option* option : app.get_options()) {
            if (option->get_group() == group && !option->get_positional()) {
                page << ".TP\n.B \\-\\-" << plain(option->get_lnames().front()) << " "
                     << plain(option->get_option_text()) << "\n\\&"
                     << plain(option->get_description()) << "\n";
            }
        }
    }
}

constexpr const char* body = R"(.SH SYNOPSIS
.B beckond
[\fIOPTIONS\fR]
.br
.B beckond acl
\fIENGINE\fR
.br
.B beckond check\-acl
\-\-user \fIUSER\fR \-\-password\-file \fIFILE\fR
.SH DESCRIPTION
Beckon is call signaling over MQTT: somebody rings, others ring, one answers, and all hear how it ended. Where the
broker is Mosquitto and takes a plugin, the plugin does that. Where it does not, or is another broker of MQTT 5,
.B beckond
does it, as one of its clients.
.PP
The broker's access rules have to keep users from speaking for others:
.B beckond acl
prints them, and
.B beckond check\-acl
tries, as a user, what they have to prevent, and says in sentences what it could do.
.SH OPTIONS
)";

constexpr const char* end = R"(.SH ENVIRONMENT AND FILES
Each option is a variable of the environment as well (\-\-password\-file is BECKOND_PASSWORD_FILE), and a key of
/etc/beckon/beckond.toml. The command line comes before the environment, and that before the file. No option takes a
password: it is in a file, or in BECKOND_PASSWORD.
.SH EXIT STATUS
.TP
.B 0
it was told to end; of check\-acl: nothing wrong was found
.TP
.B 1
of check\-acl: something is wrong
.TP
.B 3
another beckond serves this site
.TP
.B 4
the broker has thrown the session away
.TP
.B 64
wrong usage
.TP
.B 70
it cannot go on
.SH SEE ALSO
.BR beckon (1),
docs/any\-broker.md
)";

}  // namespace

int main(int count, char** words) {
    if (count != 2) {
        std::cerr << "which file?\n";
        return 64;
    }
    beckon::SaidOptions said;
    std::string engine;
    std::string file;
    const auto app = beckon::command_line(said, engine, file);
    std::ofstream page(words[1]);
    page << ".TH BECKOND 8\n.SH NAME\nbeckond \\- call signaling on any MQTT 5 broker\n" << body;
    write_options(page, *app);
    page << ".SS Of check\\-acl\n";
    write_options(page, *app->get_subcommand("check-acl"));
    page << end;
    return page.flush() ? 0 : 70;
}
