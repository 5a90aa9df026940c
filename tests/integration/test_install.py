"""What meson installs is enough to build a program against it."""
import os
import subprocess

import judge
from judge import Case
from mkimage import Image, Layer

# a program that is built here knows nothing of the sanitizers
UNDER_SANITIZERS = False

BUILD = os.environ["O2R_BUILD"]
ROOT = os.environ["O2R_ROOT"]


class Install(Case):
    def setUp(self):
        super().setUp()
        self.tree = self.path("installed")
        judge.run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.tree)
        self.prefix = os.path.join(self.tree, "usr/local")
        self.libs = os.path.dirname(judge.run("find", self.prefix, "-name", "libo2r.so").strip())

    def pkg_config(self, *args):
        env = {**os.environ, "PKG_CONFIG_PATH": os.path.join(self.libs, "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": self.tree}
        return judge.run("pkg-config", *args, "o2r", env=env).split()

    def test_files(self):
        for name in ("bin/o2r", "include/o2r.h", "share/man/man1/o2r.1", "share/man/man1/o2r-snapshot.1",
                     "share/bash-completion/completions/o2r", "share/zsh/site-functions/_o2r",
                     "share/fish/vendor_completions.d/o2r.fish"):
            self.assertTrue(os.path.exists(os.path.join(self.prefix, name)), name)
        for name in ("libo2r.so", "libo2r.so.0", "libo2r.a"):
            self.assertTrue(os.path.exists(os.path.join(self.libs, name)), name)

    def test_example_against_the_installed_library(self):
        program = self.path("program")
        judge.run("cc", "-Wall", "-Wextra", "-Werror", os.path.join(ROOT, "examples/inspect.c"), *self.pkg_config("--cflags", "--libs"), "-o", program)
        layout = self.layout(Image([Layer().file("a", b"text")]))
        env = {**os.environ, "LD_LIBRARY_PATH": self.libs}
        self.assertIn("text", judge.run(program, layout, "/a", env=env))
        # the header of 0.1.0 belongs to soversion 0
        self.assertIn("libo2r.so.0", judge.run("ldd", program, env=env))

    def test_static_library(self):
        """libo2r.a beside the shared libraries that it needs. (--static is for programs without any: it names what curl needs too.)"""
        program = self.path("static")
        needed = [word for word in self.pkg_config("--print-requires-private") if word[0].isalpha()]
        libs = [os.path.join(self.libs, "libo2r.a"), *judge.run("pkg-config", "--libs", *needed).split(), "-pthread"]
        judge.run("cc", os.path.join(ROOT, "examples/inspect.c"), *self.pkg_config("--cflags"), *libs, "-o", program)
        self.assertNotIn("libo2r", judge.run("ldd", program))
        layout = self.layout(Image([Layer().file("a", b"text")]))
        self.assertIn("text", judge.run(program, layout, "/a"))

    def test_header_alone_and_as_cxx(self):
        source = self.path("alone.c")
        with open(source, "w") as f:
            f.write("#include <o2r.h>\n#include <o2r.h>\nint main(void) { return o2r_version() == 0; }\n")
        include = "-I" + os.path.join(self.prefix, "include")
        judge.run("cc", "-std=c11", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", include, "-fsyntax-only", source)
        judge.run("clang", "-x", "c++", "-Wall", "-Wextra", "-Werror", include, "-fsyntax-only", source)

    def test_command_runs_from_there(self):
        done = subprocess.run([os.path.join(self.prefix, "bin/o2r"), "--version"], capture_output=True, check=True)
        self.assertTrue(done.stdout.startswith(b"o2r "))
