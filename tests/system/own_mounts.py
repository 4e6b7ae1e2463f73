# SPDX-License-Identifier: Apache-2.0
"""For tests that need a file system of their own: a full one, a read-only one, another boot id."""

import os
import subprocess
import sys

SKIPPED = 77  # what CTest takes for it
_INSIDE = "BECKON_OWN_MOUNTS"


def in_own_mounts():
    """Runs this script once more where it may mount, and where what it mounts vanishes with it; ends it, with a
    sentence, where the system allows that to nobody."""
    if _INSIDE in os.environ:
        return
    for namespaces in (["--mount"], ["--mount", "--user", "--map-root-user"]):
        unshare = ["unshare", *namespaces]
        if subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
                          check=False).returncode == 0:
            os.execvpe("unshare", [*unshare, sys.executable, *sys.argv], {**os.environ, _INSIDE: "1"})
    print("skipped: neither root nor a user namespace may mount a file system here")
    sys.exit(SKIPPED)


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def unmount(path):
    subprocess.run(["umount", path], check=True)
