"""Views that run out of memory or disk: they stay up and answer an error, and are right again when there is room again."""
import errno
import os
import re
import resource
import subprocess
import sys
import unittest

import judge
import samples
import viewing
from bad import BadCase, packed
from layerbuild import Layer

HEAVY = 2
UNDER_SANITIZERS = False    # a sanitizer takes address space by the terabyte, and ends when there is none

MIB = 1 << 20
CODECS = ("plain", "gzip:level=1", "zstd:frames=12:level=1", "zstd:level=1")
OUT = (errno.EIO, errno.ENOMEM, errno.ENOSPC)


class Limits(BadCase):
    def setUp(self):
        super().setUp()
        self.content = samples.noise(8 * MIB) * 2

    def image(self, codec, size=16 * MIB):
        return self.write([packed(Layer().file("below", b"below" * 1000), "gzip"), packed(Layer().file("f", self.content[:size]), codec)])

    def read(self, path, content, step=100_000):
        """How many reads failed; the others gave the right bytes."""
        failed = 0
        fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
        try:
            for at in range(0, len(content), step):
                try:
                    self.assertTrue(os.pread(fd, step, at) == content[at:at + step], "wrong bytes at %d" % at)
                except OSError as e:
                    self.assertIn(e.errno, OUT)
                    failed += 1
        finally:
            os.close(fd)
        return failed

    def everything(self, v, content=None):
        self.assertEqual(self.read(v.root + "/below", b"below" * 1000), 0)
        self.assertEqual(self.read(v.root + "/f", self.content if content is None else content), 0)


class Memory(Limits):
    def test_no_address_space(self):
        """No more than it has, while readers come: an error or the right bytes. Then it may have more again."""
        for codec in CODECS:
            with self.subTest(codec), viewing.view(self.image(codec), "--no-cache", foreground=True) as v:
                resource.prlimit(v.pid, resource.RLIMIT_AS, (MIB, resource.RLIM_INFINITY))
                print("%s: %d reads failed" % (codec, self.read(v.root + "/f", self.content)), flush=True)
                self.assertEqual(sorted(os.listdir(v.root)), ["below", "f"])
                self.assertEqual(os.stat(v.root + "/f").st_size, len(self.content))
                resource.prlimit(v.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                self.everything(v)

    def test_too_little_to_mount(self):
        """At every size: mounted and right, or an error before anything is mounted; no crash in between."""
        layout = self.image("gzip:level=1", 2 * MIB)
        ends = set()
        for mib in (*range(8, 40, 4), *range(40, 400, 40), 1000, 3000):
            where = self.new(".mnt")
            os.mkdir(where)
            script = "import os,resource,sys; resource.setrlimit(resource.RLIMIT_AS, (%d << 20,) * 2); os.execv(sys.argv[1], sys.argv[1:])" % mib
            done = subprocess.run([sys.executable, "-c", script, judge.O2R, "mount", layout, where, "--platform=linux/amd64"], capture_output=True)
            said = done.stderr.decode()
            self.assertGreaterEqual(done.returncode, 0, "%d MiB: signal %d" % (mib, -done.returncode))
            if done.returncode == 0:
                try:
                    self.read(where + "/f", self.content[:2 * MIB])
                finally:
                    judge.run(judge.O2R, "umount", where)
            elif done.returncode != 127:        # 127: too little for the loader
                self.assertRegex(said, r"(?m)^o2r: ")
                self.assertFalse(viewing.mounted(where))
            ends.add(done.returncode)
        self.assertIn(0, ends)
        self.assertGreater(len(ends), 1)

    def test_cgroup(self):
        """A limit that holds the server and its spans, and not the page cache of what it reads: nobody is killed."""
        for codec in CODECS:
            with self.subTest(codec):
                wrap = [sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), "48M"]
                with viewing.view(self.image(codec), "--cache-size", "8M", foreground=True, wrap=wrap) as v:
                    for _ in range(3):
                        self.everything(v)
                    v.unmount()
                    found = re.search(r"cgroup-run: (.*)", v.log)[1]
                    print(codec, found, flush=True)
                    self.assertRegex(found, "method=cgroup")
                    self.assertRegex(found, r"\boom=0\b")

    def test_killed_by_a_cgroup(self):
        """One that cannot hold its spans: it is killed, readers get an error or the right bytes, `o2r umount` cleans up."""
        wrap = [sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), "40M"]
        content = self.content * 6
        layout = self.write([packed(Layer().file("f", content), "gzip:level=1")])
        with viewing.view(layout, "--cache-size", "500M", foreground=True, wrap=wrap) as v:
            with self.assertRaises(OSError):
                with open(v.root + "/f", "rb", buffering=0) as f:
                    for at in range(0, len(content), MIB):
                        self.assertTrue(f.read(MIB) == content[at:at + MIB])
            viewing.wait_for(lambda: not v.living())
            self.assertRegex(v.log, r"\boom=[1-9]")
            done = v.command("umount", v.root)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse(viewing.mounted(v.root))


class Disk(Limits):
    def test_no_room_for_the_index(self):
        """A full cache folder: a warning, and everything works; nothing half-written stays in it."""
        for codec in CODECS:
            for kib in (4, 64, 300):
                with self.subTest(codec, kib=kib), self.filesystem("-t", "tmpfs", "-o", "size=%dk" % kib, "tmpfs") as cache:
                    with viewing.view(self.image(codec), "--cache", cache) as v:
                        self.everything(v)      # a decoded copy has no room either: it is decoded forwards
                    self.assertEqual([name for where, _, names in os.walk(cache) for name in names if ".tmp" in name or ".part" in name], [])

    def test_a_full_cache_folder_is_said(self):
        with self.filesystem("-t", "tmpfs", "-o", "size=4k", "tmpfs") as cache:
            with viewing.view(self.image("gzip:level=1"), "--cache", cache) as v:
                self.assertRegex(v.said, r"\A(o2r: warning: [^\n]*\n)+\Z")
                self.assertIn(cache, v.said)

    def test_no_room_for_a_decoded_copy(self):
        """TMPDIR is full: the layer is decoded forwards again and again, which is said once."""
        layout = self.image("zstd:level=1")
        with self.filesystem("-t", "tmpfs", "-o", "size=1m", "tmpfs") as small:
            with viewing.view(layout, "--no-cache", env={"TMPDIR": small}, foreground=True) as v:
                for _ in range(2):
                    self.everything(v)
                    self.assertEqual(len(re.findall("no decoded copy", v.log)), 1)
                self.assertIn("No space left", v.log)

    def test_a_cache_folder_that_cannot_be_written(self):
        """Read-only, a file, below a file: a warning, and it works."""
        layout = self.image("gzip:level=1")
        with self.filesystem("-t", "tmpfs", "-o", "ro", "tmpfs") as cache:
            self.put(self.path("file"), b"")
            for folder in (cache, self.path("file"), self.path("file") + "/below"):
                with self.subTest(folder), viewing.view(layout, "--cache", folder) as v:
                    self.assertRegex(v.said, r"\A(o2r: warning: [^\n]*\n)+\Z")
                    self.everything(v)

    def test_no_descriptors(self):
        """As few files as it needs to start and no more: an error or the right bytes, and right again afterwards."""
        for codec in CODECS:
            with self.subTest(codec), viewing.view(self.image(codec), "--no-cache", foreground=True) as v:
                resource.prlimit(v.pid, resource.RLIMIT_NOFILE, (0, 1000))
                self.read(v.root + "/f", self.content)
                self.assertEqual(sorted(os.listdir(v.root)), ["below", "f"])
                resource.prlimit(v.pid, resource.RLIMIT_NOFILE, (1000, 1000))
                self.everything(v)


if __name__ == "__main__":
    unittest.main()
