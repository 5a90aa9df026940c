"""Metadata does not wait for data: a view whose blob comes from a filesystem that lets no byte through for a while.

The layout lies behind tests/tools/slowfs. Its gate is closed, readers wait, and the gate itself says how many reads of the
blob wait; then everything that needs no data is asked for, with nothing in the kernel's caches. Only then the gate opens.
"""
import contextlib
import errno
import os
import subprocess
import unittest

import judge
import readall
import samples
import viewing
from mkimage import Image, Layer

UNDER_SANITIZERS = False    # what it runs other files run under them too

SLOWFS = os.path.join(os.environ["O2R_BUILD"], "tests/tools/slowfs")
MIB = 1 << 20
READERS = 24        # more than a server has threads, of either kind
CODECS = ("plain", "gzip:level=1", "zstd:frames=24:level=1", "zstd:level=1")


class Gate:
    def __init__(self, root):
        self.root, self.path = root, os.path.join(root, "gate")

    def set(self, state):
        with open(self.path, "r+b", buffering=0) as f:
            f.write(state.encode())

    def waiting(self):
        with open(self.path) as f:
            return int(f.read().split()[1])


@contextlib.contextmanager
def slow(folder, root):
    """The folder behind a gate."""
    os.mkdir(root)
    child = subprocess.Popen([SLOWFS, folder, root], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        viewing.wait_for(lambda: os.path.ismount(root))
        yield Gate(root)
    finally:
        subprocess.run(["umount", "-l", root], stderr=subprocess.DEVNULL)
        child.kill()
        child.wait()
        os.rmdir(root)


class Slow(judge.Case):
    def files(self, codec):
        """One file in each span, so that no two readers want the same bytes; and a quick layer of small files above."""
        layer = Layer(codec=codec).dir("slow", xattrs={"user.x": b"1"})
        self.contents = [samples.noise(MIB, n) for n in range(READERS)]
        for n, content in enumerate(self.contents):
            layer.file("slow/%d" % n, content)
        top = Layer(codec=codec)
        for n in range(500):
            top.file("quick/%d/%d" % (n % 20, n), b"", xattrs={"user.n": b"%d" % n})
        return self.layout(Image([layer, top.symlink("quick/l", "0/0")]))

    def reader(self, v, n, expected):
        """A process that reads a file; its status says how that ended."""
        pid = os.fork()
        if pid:
            return pid
        status = 9
        try:
            with open("%s/slow/%d" % (v.root, n), "rb", buffering=0) as f:
                status = 0 if f.read(MIB) == expected else 1
        except OSError as e:
            status = e.errno
        finally:
            os._exit(status)

    def statuses(self, pids):
        return {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}

    def metadata(self, v):
        """What answers without any data. A hang ends by the timeout, and is a failure."""
        def quick(*argv):
            return subprocess.run(argv, check=True, capture_output=True, timeout=120).stdout
        readall.drop_caches()
        self.assertEqual(len(quick("find", v.root).splitlines()), 1 + 1 + READERS + 1 + 20 + 500 + 1)
        readall.drop_caches()
        quick("ls", "-lR", v.root)
        self.assertIn(b'user.n="77"', quick("getfattr", "-d", "--absolute-names", v.root + "/quick/17/77"))
        self.assertEqual(quick("readlink", v.root + "/quick/l"), b"0/0\n")
        quick("stat", "-f", v.root)
        quick("cat", *(v.root + "/quick/0/%d" % n for n in range(0, 500, 20)))      # empty files need none

    def test_metadata_does_not_wait(self):
        for codec, args in (*((codec, ()) for codec in CODECS), ("gzip:level=1", ("-j", "1"))):
            with self.subTest(codec, args=args):
                self.metadata_does_not_wait(codec, args)

    def metadata_does_not_wait(self, codec, args):
        layout = self.files(codec)
        with slow(layout, self.new(".slow")) as gate, viewing.view(gate.root, "--no-cache", *args) as v:
            try:
                gate.set("hold")
                pids = [self.reader(v, n, content) for n, content in enumerate(self.contents)]
                viewing.wait_for(gate.waiting)
                self.metadata(v)
                self.assertGreater(gate.waiting(), 0)
                self.assertEqual([os.waitpid(pid, os.WNOHANG) for pid in pids], [(0, 0)] * READERS)
            finally:
                gate.set("open")
            self.assertEqual(self.statuses(pids), {0})

    def test_reads_that_fail(self):
        """The blob's filesystem answers EIO, so do we, as long as it does."""
        for codec in CODECS[:3]:
            with self.subTest(codec):
                layout = self.files(codec)
                with slow(layout, self.new(".slow")) as gate, viewing.view(gate.root, foreground=True) as v:
                    gate.set("fail")
                    self.assertEqual(self.statuses([self.reader(v, n, c) for n, c in enumerate(self.contents)]), {errno.EIO})
                    self.metadata(v)
                    for n in range(READERS):
                        self.assertRegex(v.log, r"(?m)^o2r: slow/%d \(layer 1\): bytes [^\n]*: Input/output error$" % n)
                    gate.set("open")
                    self.assertEqual(self.statuses([self.reader(v, n, c) for n, c in enumerate(self.contents)]), {0})

    def test_readers_that_go_away(self):
        """Killed while they wait: the others get their bytes, and the next readers too."""
        layout = self.files("gzip:level=1")
        with slow(layout, self.new(".slow")) as gate, viewing.view(gate.root) as v:
            try:
                gate.set("hold")
                pids = [self.reader(v, n, content) for n, content in enumerate(self.contents)]
                viewing.wait_for(gate.waiting)
                for pid in pids[::2]:
                    os.kill(pid, 9)
                self.metadata(v)
            finally:
                gate.set("open")
            self.assertEqual(self.statuses(pids[1::2]), {0})
            for pid in pids[::2]:
                os.waitpid(pid, 0)
            self.assertEqual(self.statuses([self.reader(v, n, c) for n, c in enumerate(self.contents)]), {0})


if __name__ == "__main__":
    unittest.main()
