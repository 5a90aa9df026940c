"""The library: the example program, and what the shared object exports."""
import glob
import os
import re
import subprocess

import judge
from judge import Case
from mkimage import Image, Layer

BUILD = os.environ["O2R_BUILD"]
ROOT = os.environ["O2R_ROOT"]


def declared():
    with open(os.path.join(ROOT, "include/o2r.h")) as f:
        return set(re.findall(r"^O2R_API\s[^;(]*?\b(o2r_\w+)\(", f.read(), re.M))


def inspect(*args, **kw):
    done = subprocess.run([os.path.join(BUILD, "examples/inspect"), *args], capture_output=True, timeout=300, **kw)
    done.stderr = done.stderr.decode(errors="backslashreplace")
    return done


class Example(Case):
    def image(self):
        config = {"config": {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["true"], "Env": ["A=b", "C=d"], "WorkingDir": "/srv", "User": "me:us"}}
        return Image([Layer().dir("etc").file("etc/motd", b"hello\n" * 3, xattrs={"user.note": b"12345"}), Layer().file("x", b"y" * 10)],
                     config=config, codec="gzip")

    def test_tour(self):
        layout, out = self.layout(self.image()), self.path("image.ext4")
        done = inspect(layout, "/etc/motd", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = done.stdout.decode()
        facts = self.facts["manifests"][0]
        for line in ("manifest: " + facts["digest"], "platform: linux/amd64", "entrypoint: /bin/sh -c", "cmd: true", "env: A=b C=d",
                     "working directory: /srv", "user: me:us", "the root has mode 755", "regular files: 28 bytes",
                     "xattr user.note: 5 bytes", "hello\nhello\nhello\n", "layer 1: " + facts["layers"][1]["digest"]):
            self.assertIn(line, said)
        self.assertRegex(said, r"config: sha256:[0-9a-f]{64}, \d+ bytes\n")
        self.assertRegex(said, r"(?m)^plan: blocks 0-0 superblock$")
        written, planned = map(int, re.search(r"wrote (\d+) of (\d+) planned bytes", said).groups())
        self.assertEqual(written, planned)
        self.assertRegex(done.stderr, r"(?m)^index: 2 layers, \d+ bytes$")
        self.assertRegex(done.stderr, r"(?m)^progress was told [1-9]\d* times$")
        # the command makes the same bytes
        path, info = self.snapshot(layout, "--size", "min", "--label", "example")
        self.assertEqual(judge.sha256(path), judge.sha256(out))
        self.judge(out, info, layout, label="example")

    def test_errors(self):
        layout = self.layout(self.image())
        for args, code, word in (([self.path("none")], 3, "none"), ([layout, "/no/such"], 3, "no/such"), ([layout, "/etc"], None, "regular file"),
                                 ([], 2, "usage")):
            with self.subTest(args=args):
                done = inspect(*args)
                self.assertEqual(done.returncode, done.returncode if code is None else code, done.stderr)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr)


class Exports(Case):
    def test_only_what_the_header_declares(self):
        library = glob.glob(os.path.join(BUILD, "src/libo2r.so.0.*[0-9]"))[0]
        lines = judge.run("nm", "-D", "--defined-only", library).splitlines()
        found = {line.split()[-1] for line in lines if line.split()[-2] in "TDBRVW"}
        # what sanitizers add to a build is theirs
        found = {name for name in found if not name.startswith(("__asan", "__ubsan", "__odr_asan", "_init", "_fini"))}
        self.assertEqual(found, declared())
        self.assertGreater(len(found), 30)

    def test_no_writable_data_of_ours(self):
        """No object of the library stands in a writable section, but the mark that libcurl has been set up."""
        if judge.SANITIZED:
            return      # the sanitizers' own records stand there
        found = []
        for name in ("src/libo2r.a", *("src/%s/lib%s.a" % (room, room) for room in ("base", "blob", "fs", "sources", "ext4"))):
            for line in judge.run("objdump", "-t", os.path.join(BUILD, name)).splitlines():
                # constants with addresses in them stand in .data.rel.ro, which is read-only once loaded
                if re.search(r"\sO\s+(\.data|\.bss|\*COM\*)(?!\.rel\.ro)", line) and line.split()[-1] != "curl_once":
                    found.append("%s: %s" % (name, line))
        self.assertEqual(found, [])
