# SPDX-License-Identifier: Apache-2.0
"""The pages of this repository, as those who read them see them: sections, blocks, links."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = {"node_modules", "build"}


def all_pages():
    return sorted(page for page in ROOT.rglob("*.md")
                  if not any(part in NOT_OURS or part.startswith(".") for part in page.relative_to(ROOT).parts[:-1]))


@dataclasses.dataclass
class Block:
    """What is set apart: fenced, in `language`, or indented (""), below a heading of the second level."""
    section: str
    language: str
    line: int
    lines: list

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"


def split(text):
    """Its blocks, and its lines with those of blocks empty."""
    blocks, prose = [], []
    section, fenced, indented = "", None, None
    listed = False  # what is indented below an item of a list is that item's
    for number, line in enumerate(text.splitlines(), 1):
        prose.append("")
        fence = re.match(r"\s*```(\w*)", line)
        if fenced:
            if fence:
                fenced = None
            else:
                fenced.lines.append(line)
        elif fence:
            fenced = Block(section, fence[1], number + 1, [])
            blocks.append(fenced)
        elif line.startswith("    ") and not listed and (indented or not prose[-2:-1] or not prose[-2]):
            if not indented:
                indented = Block(section, "", number, [])
                blocks.append(indented)
            indented.lines.append(line[4:])
        else:
            if line.strip():
                indented = None
                listed = bool(re.match(r"([-*]|\d+\.) |\s", line)) and (listed or not line.startswith(" "))
            elif indented:
                indented.lines.append("")
            prose[-1] = line
            if line.startswith("## "):
                section = line[3:]
    for block in blocks:
        while block.lines and not block.lines[-1]:
            block.lines.pop()
    return blocks, prose


def blocks_of(page):
    return split((ROOT / page).read_text(encoding="utf-8"))[0]


def anchors_of(text):
    """As GitHub makes them of headings."""
    anchors = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    seen = {}
    for line in split(text)[1]:
        heading = re.match(r"#{1,6} +(.*?) *#*$", line)
        if heading:
            shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
            slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
            again = seen.get(slug, 0)
            seen[slug] = again + 1
            anchors.add(f"{slug}-{again}" if again else slug)
    return anchors


def links_of(text):
    """(line, target) of each link and picture, those of code left out."""
    # Both may go over the end of a line, so lines are counted, not split.
    shown = re.sub(r"`[^`\n]*`", lambda code: "x" * len(code[0]), "\n".join(split(text)[1]))
    for link in re.finditer(r'\]\(\s*<?([^()\s>]+)>?\s*\)|<(?:a href|img src)="([^"]+)"', shown):
        yield shown.count("\n", 0, link.start()) + 1, link[1] or link[2]
