# SPDX-License-Identifier: Apache-2.0
"""How large libbeckon-c is on microcontrollers: code, memory with the tables that it has by itself, and the stack that
its deepest call takes (what the application's listener takes comes on top). Prints it, and holds it to bounds."""

import collections
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ["wire.c", "device.c", "inbox.c"]
MACHINES = {
    "Cortex-M4": ("arm-none-eabi-gcc", ["-mcpu=cortex-m4", "-mthumb"], 19_000, 1024),
    "RV32IMC": ("riscv64-unknown-elf-gcc", ["-march=rv32imc", "-mabi=ilp32", "-msave-restore"], 24_600, 1120),
}
MOST_RAM = 4096


class Sizes(unittest.TestCase):
    def measure(self, machine):
        compiler, flags, most_code, most_stack = MACHINES[machine]
        if not shutil.which(compiler):
            self.skipTest(f"{compiler} is missing: scripts/dependencies small")
        flags = [compiler, "-std=c99", "-Os", "-ffreestanding", *flags, f"-I{ROOT}/tests/client_c/bare",
                 f"-I{ROOT}/client_c/include"]
        with tempfile.TemporaryDirectory() as directory:
            build = pathlib.Path(directory)
            code = 0
            for source in SOURCES:
                subprocess.run([*flags, "-fcallgraph-info=su", "-c", ROOT / "client_c" / source, "-o",
                                build / f"{source}.o"], check=True, cwd=build)
                code += self.sections(compiler, build / f"{source}.o")
            (build / "ram.c").write_text('#include "beckon/beckon.h"\nstruct beckon_device device;\n')
            subprocess.run([*flags, "-c", build / "ram.c", "-o", build / "ram.o"], check=True)
            ram = self.size(compiler, build / "ram.o")[2]
            stack, chain = self.deepest("\n".join(path.read_text() for path in build.glob("*.ci")))
        print(f"{machine}: {code} bytes of code, {ram} of RAM, {stack} of stack ({' > '.join(chain)})", flush=True)
        self.assertLessEqual(code, most_code)
        self.assertLessEqual(ram, MOST_RAM)
        self.assertLessEqual(stack, most_stack)

    @staticmethod
    def size(compiler, path):
        listing = subprocess.run([compiler.replace("gcc", "size"), path], check=True, capture_output=True, text=True)
        return [int(number) for number in listing.stdout.splitlines()[1].split()[:3]]

    def sections(self, compiler, path):
        text, data, bss = self.size(compiler, path)
        self.assertEqual((data, bss), (0, 0), "it has variables of its own")
        return text

    @staticmethod
    def deepest(graph):
        """By GCC's call graph, which has the stack of each function. A call by a pointer leads out of the library."""
        own = {}
        calls = collections.defaultdict(set)
        short = lambda name: name.rsplit(":", 1)[-1]
        for title, label in re.findall(r'node: { title: "([^"]+)" label: "([^"]+)"', graph):
            stack = re.search(r"(\d+) bytes", label)
            if stack:
                own[short(title)] = int(stack[1])
        for caller, called in re.findall(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', graph):
            calls[short(caller)].add(short(called))
        known = {}

        def path(name, above=()):
            assert name not in above, f"it calls itself: {name}"
            if name not in known:
                below = max((path(one, (*above, name)) for one in calls[name]), default=(0, []))
                known[name] = (own.get(name, 0) + below[0], [name, *below[1]])
            return known[name]
        return max(path(name) for name in own)

    def test_cortex_m4(self):
        self.measure("Cortex-M4")

    def test_rv32imc(self):
        self.measure("RV32IMC")


if __name__ == "__main__":
    unittest.main()
