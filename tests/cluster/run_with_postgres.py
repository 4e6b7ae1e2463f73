# SPDX-License-Identifier: Apache-2.0
"""Runs a program with BECKON_POSTGRES: the address of a PostgreSQL that is there as long as it runs."""

import os
import subprocess
import sys

from postgres import Postgres

with Postgres() as database:
    sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, "BECKON_POSTGRES": database.address}, check=False).returncode)
