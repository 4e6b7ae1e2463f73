# SPDX-License-Identifier: Apache-2.0
"""Makes the manual page of the plugin's options of what docs/operating.md tells of them, so that it is told once.

    manual_page.py VERSION OPERATING_MD PAGE
"""

import pathlib
import re
import sys

# What is taken from the page, by headings; the first without its own.
PARTS = {"## Options": None, "### Limits": "Limits", "### `other_topics`": "Who decides about other topics"}

BEGINS = r""".TH MOSQUITTO-BECKON.CONF 5 "" "Beckon VERSION" "File Formats"
.SH NAME
mosquitto-beckon.conf \- options of Beckon, the plugin of mosquitto that rings
.SH SYNOPSIS
.EX
plugin /usr/lib/mosquitto/mosquitto_beckon.so
plugin_opt_other_topics auto
.EE
.SH DESCRIPTION
Lines of the configuration of
.BR mosquitto (8).
Debian's package has them in
.IR /etc/mosquitto/beckon.conf .
A change of them needs a restart of the broker.
.SH OPTIONS
"""

ENDS = r""".SH FILES
.TP
.I /etc/mosquitto/beckon.conf
what Debian's package begins with; mosquitto reads it by the link
.I /etc/mosquitto/conf.d/00\-beckon.conf
.TP
.I /var/lib/mosquitto/beckon.db
the store, where mosquitto keeps its own state there
.TP
.I /usr/share/mosquitto\-beckon/web_intercom
the page for panels and phones, for a web server or
.B http_dir
.TP
.I /usr/share/doc/mosquitto\-beckon
examples of a whole configuration and of an acl_file, and the pages for operators
.SH SEE ALSO
.BR mosquitto.conf (5),
.BR mosquitto (8),
.BR beckon (1)
"""


def roff(text):
    """A paragraph or a cell, of Markdown."""
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text)
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"\*\*(.+?)\*\*", r"\\fB\1\\fR", re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text))
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def table(lines):
    """Each row under its first cell: options with their default, anything else as it comes."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines)
    page = ""
    for first, *others in rows:
        if head[0] == "option":
            default, meaning = others
            name = first.strip("`")
            page += f".TP\n\\fBplugin_opt_{roff(name)}\\fR\n{roff(meaning)}. Default: {roff(default)}.\n"
        else:
            page += f".TP\n{roff(first)}\n{'; '.join(f'{roff(name)}: {roff(cell)}' for name, cell in zip(head[1:], others))}.\n"
    return page


def part(text):
    page = ""
    for paragraph in re.split(r"\n{2,}", text.strip("\n")):
        if paragraph.startswith("|"):
            page += table(paragraph.split("\n"))
        elif paragraph.startswith("    "):
            page += ".PP\n.EX\n" + roff(re.sub("(?m)^    ", "", paragraph)) + "\n.EE\n"
        else:
            page += ".PP\n" + roff(paragraph) + "\n"
    return page


def manual_page(version, told):
    sections = dict(zip(*[iter(re.split(r"(?m)^(##.*)\n", told)[1:])] * 2))
    page = BEGINS.replace("VERSION", version)
    for begin, heading in PARTS.items():
        (text,) = (text for name, text in sections.items() if name.startswith(begin))
        page += (f".SH {heading.upper()}\n" if heading else "") + part(text)
    return page + ENDS


if __name__ == "__main__":
    pathlib.Path(sys.argv[3]).write_text(
        manual_page(sys.argv[1], pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")), encoding="utf-8")
