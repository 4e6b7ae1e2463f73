# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts where, and that it shows nothing of what the library is made of.

Environment:
  BUILD      the build directory to install from
  SCRATCH    a directory for this test's own
  LIBDIR     where libraries go below a prefix, such as lib/x86_64-linux-gnu
  VERSION    of Beckon
  COMPILERS  the C++ compilers to try, one a line; the quickest last
"""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

SOURCES = pathlib.Path(__file__).resolve().parents[2]
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
LIBDIR = os.environ["LIBDIR"]
VERSION = os.environ["VERSION"]
SONAME = "libbeckon.so.1"  # of Debian's package libbeckon1
LIBRARY = f"{SONAME}.{VERSION}"
HEADERS = sorted(f"beckon/{header.name}" for directory in ("client_lib", "core/protocol")
                 for header in (SOURCES / directory / "include/beckon").glob("*.hpp"))


def run(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def installed(component):
    prefix = SCRATCH / component
    shutil.rmtree(prefix, ignore_errors=True)
    run("cmake", "--install", os.environ["BUILD"], "--prefix", prefix, "--component", component)
    return prefix


def files(prefix):
    return {str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir()}


class Files(unittest.TestCase):
    def test_each_component_has_its_files(self):
        self.assertEqual(files(installed("client")), {f"{LIBDIR}/{SONAME}", f"{LIBDIR}/{LIBRARY}"})
        self.assertEqual(files(installed("plugin")), {"lib/mosquitto/mosquitto_beckon.so", "share/man/man5/mosquitto-beckon.conf.5"})
        self.assertEqual({re.sub("zsh/(vendor-completions|site-functions)/", "zsh/(by prefix)/", file)
                          for file in files(installed("cli"))},
                         {"bin/beckon", "share/man/man1/beckon.1", "share/bash-completion/completions/beckon",
                          "share/zsh/(by prefix)/_beckon", "share/fish/vendor_completions.d/beckon.fish",
                          "lib/systemd/system/beckon-home-assistant.service"})
        self.assertEqual(
            {re.sub("Config-[a-z]+", "Config-(build type)", file) for file in files(installed("development"))},
            {f"include/{header}" for header in HEADERS}
            | {f"{LIBDIR}/libbeckon.so", f"{LIBDIR}/libbeckon.a", f"{LIBDIR}/pkgconfig/beckon.pc"}
            | {f"{LIBDIR}/cmake/Beckon/Beckon{name}.cmake"
               for name in ("Config", "Config-(build type)", "ConfigVersion")})

    def test_nothing_is_told_of_where_it_was_built(self):
        for file in installed("development").rglob("*"):
            if file.is_file() and file.suffix != ".a":  # of a build for debugging
                self.assertNotIn(str(SOURCES), file.read_text(), file)

    def test_pkg_config_finds_it_wherever_it_was_moved(self):
        prefix = installed("development")
        os.environ["PKG_CONFIG_PATH"] = str(prefix / LIBDIR / "pkgconfig")
        for mode in ("--define-prefix", "--dont-define-prefix"):
            flags = run("pkg-config", mode, "--cflags", "--libs", "beckon").split()
            self.assertEqual([(flag[:2], os.path.realpath(flag[2:])) for flag in flags[:2]],
                             [("-I", str(prefix / "include")), ("-L", str(prefix / LIBDIR))], mode)
            self.assertEqual(flags[2:], ["-lbeckon"], mode)
        self.assertEqual(run("pkg-config", "--modversion", "beckon").strip(), VERSION)


class Headers(unittest.TestCase):
    def compile(self, compiler, headers):
        """All the files that they include."""
        name = f"{pathlib.Path(headers[-1]).stem}_{pathlib.Path(compiler).name}"
        source, included = (SCRATCH / f"{name}.{ending}" for ending in ("cpp", "d"))
        source.write_text("".join(f"#include <{header}>\n" for header in headers))
        subprocess.run([compiler, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{self.include}",
                        "-fsyntax-only", "-MD", "-MF", included, source], check=True)
        return included.read_text()

    def test_each_compiles_alone_and_includes_nothing_of_other_libraries(self):
        self.include = include = installed("development") / "include"
        *others, quickest = os.environ["COMPILERS"].split("\n")
        for compiler in others:
            self.compile(compiler, HEADERS)
        for header in HEADERS:
            with self.subTest(header=header):
                included = self.compile(quickest, [header])
                self.assertIn(str(include / header), included)
                included = included.replace(str(SCRATCH), "")
                self.assertEqual(re.findall(r"\S*(?:mqtt|paho|msgpack|nlohmann|openssl)\S*", included), [])
                self.assertNotIn("paho", (include / header).read_text().lower())


class Symbols(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = installed("client") / LIBDIR / LIBRARY

    def test_what_is_exported_is_the_public_classes(self):
        text = "".join((SOURCES / directory / "include" / header).read_text()
                       for directory in ("client_lib", "core/protocol") for header in HEADERS
                       if (SOURCES / directory / "include" / header).exists())
        classes = re.findall(r"(?:class|struct) BECKON_EXPORT (\w+)", text)
        self.assertIn("Client", classes)
        exported = [line.split(maxsplit=2)[2] for line in
                    run("nm", "-DC", "--defined-only", self.library).splitlines()]
        public = rf"((vtable|typeinfo|typeinfo name) for )?beckon::({'|'.join(classes)})(::|$)"
        self.assertEqual([symbol for symbol in exported if not re.match(public, symbol)], [])
        for name in classes:
            self.assertTrue([symbol for symbol in exported if symbol.startswith(f"beckon::{name}::")], name)

    def test_it_is_found_by_its_soname_and_carries_no_path(self):
        dynamic = run("readelf", "--dynamic", "--wide", self.library)
        self.assertRegex(dynamic, rf"\(SONAME\).*\[{re.escape(SONAME)}\]")
        self.assertNotRegex(dynamic, r"\((RPATH|RUNPATH)\)")


if __name__ == "__main__":
    unittest.main()
