# SPDX-License-Identifier: Apache-2.0
"""SQLite's write-ahead log (https://sqlite.org/fileformat2.html#walformat), as far as losing the end of one needs it."""

import os
import struct

HEADER, FRAME = 32, 24


def forget_last_commit(path):
    """Makes the last committed transaction vanish, as if it had never been written; false if there is none."""
    if not os.path.exists(path):
        return False
    with open(path, "r+b") as log:
        header = log.read(HEADER)
        if len(header) < HEADER:
            return False
        page, = struct.unpack_from("!I", header, 8)
        salts = header[16:24]
        ends = [HEADER]  # of commits
        at = HEADER
        while len(frame := log.read(FRAME)) == FRAME and frame[8:16] == salts:
            at += FRAME + page
            log.seek(at)
            if struct.unpack_from("!I", frame, 4)[0]:
                ends.append(at)
        if len(ends) < 2:
            return False
        log.truncate(ends[-2])
        return True
