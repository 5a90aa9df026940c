"""Blobs that are damaged under a running view: EIO for what needs them, everything else readable, never a wrong byte.

Nothing has been read when the blob changes, so what is read afterwards has to come through the server's checks. Files are
read past the page cache, 4096 bytes at a time: each read gives the right bytes or EIO.
"""
import errno
import os
import re
import shutil
import subprocess
import unittest

import judge
import samples
import viewing
from bad import BadCase, NobodyCase, flipped, packed, sha
from layerbuild import Layer

MIB, STEP, PIECE, SPAN = 1 << 20, 4096, 64 << 10, 1 << 20
SIZE = 3 * MIB
RANDOM_ACCESS = ("plain", "gzip:level=1", "zstd:frames=12:level=1")
CODECS = (*RANDOM_ACCESS, "zstd:level=1")      # one frame larger than a few spans: a decoded copy


def scan(path, expected, step=STEP):
    """The offsets of the blocks that cannot be read; the others must be right."""
    bad = []
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        for at in range(0, len(expected), step):
            try:
                data = os.pread(fd, step, at)
            except OSError as e:
                assert e.errno == errno.EIO, e
                bad.append(at)
                continue
            assert data == expected[at:at + step], "wrong bytes at %d of %s" % (at, path)
    finally:
        os.close(fd)
    return bad


class Damage(BadCase):
    def setUp(self):
        super().setUp()
        self.a, self.b, self.below = (samples.noise(size, seed) for size, seed in ((SIZE, b"a"), (SIZE, b"b"), (200_000, b"below")))

    def two_layers(self, codec):
        """The layout, and the path of the blob that will be damaged; it stands on another one."""
        layers = [packed(Layer().dir("d").file("below", self.below), "gzip"),
                  packed(Layer().file("d/a", self.a).file("d/b", self.b).symlink("d/l", "a"), codec)]
        layout = self.write(layers)
        return layout, self.blob(layout, sha(layers[1].blob))

    def intact(self, v):
        """All that does not need the damaged blob."""
        self.assertEqual(scan(v.root + "/below", self.below), [])
        self.assertEqual(sorted(os.listdir(v.root + "/d")), ["a", "b", "l"])
        self.assertEqual((os.readlink(v.root + "/d/l"), os.stat(v.root + "/d/b").st_size), ("a", SIZE))
        self.assertEqual(os.statvfs(v.root).f_files > 0, True)

    def damaged(self, codec, damage):
        """(blocks of a, of b) that cannot be read after damage(path of the blob)."""
        # without random access each read that fails has decoded all that stands before it: not so many of them
        self.step = STEP if codec in RANDOM_ACCESS else PIECE
        layout, path = self.two_layers(codec)
        with viewing.view(layout, "--no-cache", foreground=True) as v:
            damage(path)
            bad = self.both(v)
            self.intact(v)
            self.logged(v, bad)
            self.assertEqual(self.both(v), bad)
            self.logged(v, bad)
            self.intact(v)
        return bad

    def both(self, v):
        return [scan(v.root + "/d/" + name, content, self.step) for name, content in (("a", self.a), ("b", self.b))]

    def logged(self, v, bad):
        """One line for each range, naming file, layer and bytes, and no more when it is read again; nothing without a failure."""
        said = [re.fullmatch(r"o2r: (\S+) \(layer 2\): bytes (\d+) to (\d+): .*", line) for line in v.log.splitlines() if "(layer" in line]
        self.assertTrue(all(said), v.log)
        expected = [("d/" + name, at) for name, blocks in zip("ab", bad) for at in blocks if at - self.step not in blocks]
        self.assertEqual(sorted((m[1], int(m[2])) for m in said), sorted(expected))

    def test_one_byte(self):
        """In the middle of b: at most a span cannot be read, of a plain layer one piece."""
        for codec in RANDOM_ACCESS:
            with self.subTest(codec):
                def damage(path):
                    with open(path, "r+b") as f:
                        at = f.seek(-SIZE // 2, os.SEEK_END)
                        byte = f.read(1)
                        f.seek(at)
                        f.write(flipped(byte, 0))
                bad_a, bad_b = self.damaged(codec, damage)
                self.assertEqual(bad_a, [])
                self.assertTrue(0 < len(bad_b) * STEP <= (PIECE + STEP if codec == "plain" else 2 * SPAN), len(bad_b))
                if codec == "plain":
                    self.assertEqual(len(bad_b), (bad_b[-1] - bad_b[0]) // STEP + 1, "one range")

    def test_cut(self):
        """What stands before the cut can be read."""
        for codec in RANDOM_ACCESS:
            with self.subTest(codec):
                bad_a, bad_b = self.damaged(codec, lambda path: os.truncate(path, int(os.path.getsize(path) * 0.75)))
                self.assertEqual(bad_a, [])
                self.assertTrue(SIZE // 2 - 2 * SPAN <= len(bad_b) * STEP <= SIZE // 2 + 2 * SPAN, len(bad_b))

    def test_cut_to_nothing(self):
        for codec in CODECS:
            with self.subTest(codec):
                bad_a, bad_b = self.damaged(codec, lambda path: os.truncate(path, 0))
                self.assertEqual((len(bad_a), len(bad_b)), (SIZE // self.step, SIZE // self.step))

    def test_zeros(self):
        def damage(path):
            size = os.path.getsize(path)
            os.truncate(path, size // 2)
            os.truncate(path, size)
        for codec in CODECS:
            with self.subTest(codec):
                bad_a, bad_b = self.damaged(codec, damage)
                self.assertGreater(len(bad_b), 0)
                if codec in RANDOM_ACCESS:
                    self.assertLessEqual(len(bad_a) * STEP, SPAN)

    def test_another_layer_written_over_it(self):
        """As large, as whole: only the checksums can tell."""
        for codec in CODECS:
            with self.subTest(codec):
                other = packed(Layer().file("d/a", self.b).file("d/b", self.a).symlink("d/l", "a"), codec).blob

                def damage(path):
                    with open(path, "r+b") as f:
                        f.write(other)
                bad_a, bad_b = self.damaged(codec, damage)
                self.assertGreater((len(bad_a) + len(bad_b)) * self.step, 2 * SIZE * 0.9)

    def test_removed_or_replaced(self):
        """Whether the server holds the file open or has to open it again: the right bytes or EIO, by whole layers."""
        def replace(path):
            self.put(path + ".new", b"g" * 1000)
            os.replace(path + ".new", path)

        def same_again(path):
            shutil.copy(path, path + ".new")
            os.replace(path + ".new", path)

        def folder(path):
            os.unlink(path)
            os.mkdir(path)
        for codec in CODECS:
            for damage in (os.unlink, replace, same_again, folder):
                with self.subTest(codec, damage=damage.__name__):
                    bad = self.damaged(codec, damage)
                    self.assertIn([len(blocks) for blocks in bad], ([0, 0], [SIZE // self.step, SIZE // self.step]))

    def test_damage_that_is_undone(self):
        """EIO is no state of the server: it looks again."""
        for codec in RANDOM_ACCESS:
            with self.subTest(codec):
                layout, path = self.two_layers(codec)
                with open(path, "rb") as f:
                    whole = f.read()
                with viewing.view(layout, foreground=True) as v:
                    with open(path, "r+b") as f:
                        f.write(bytes(len(whole)))
                    self.assertGreater(len(scan(v.root + "/d/a", self.a)), 0)
                    with open(path, "r+b") as f:
                        f.write(whole)
                    self.assertEqual(scan(v.root + "/d/a", self.a), [])

    def test_while_others_read(self):
        """Files of several layers are read all the time while one blob is overwritten by garbage and made right again."""
        layout, path = self.two_layers("gzip:level=1")
        with open(path, "rb") as f:
            whole = f.read()
        with viewing.view(layout, foreground=True) as v:
            children = []
            for _ in range(4):
                pid = os.fork()
                if pid == 0:
                    status = 1
                    try:
                        for _ in range(3):
                            scan(v.root + "/d/a", self.a)
                            assert scan(v.root + "/below", self.below) == []
                        status = 0
                    finally:
                        os._exit(status)
                children.append(pid)
            for n in range(40):
                with open(path, "r+b") as f:
                    f.seek(len(whole) // 40 * n)
                    f.write(samples.noise(1000, n))
            with open(path, "r+b") as f:
                f.write(whole)
            self.assertEqual([os.waitpid(pid, 0)[1] for pid in children], [0] * 4)
            self.assertEqual(scan(v.root + "/d/a", self.a), [])

    def test_mapped_pages_that_cannot_be_read(self):
        """A program that maps such a file gets the signal; the server does not, and goes on."""
        layout, path = self.two_layers("plain")
        with viewing.view(layout, foreground=True) as v:
            os.truncate(path, 10)
            code = "import mmap,sys;f=open(sys.argv[1],'rb');m=mmap.mmap(f.fileno(),0,access=mmap.ACCESS_READ);m[5]"
            done = subprocess.run(["python3", "-c", code, v.root + "/d/a"], stderr=subprocess.DEVNULL)
            self.assertEqual(done.returncode, -7)
            self.intact(v)

    def test_manifest_and_config_are_not_needed_any_more(self):
        layout, _ = self.two_layers("gzip:level=1")
        with viewing.view(layout, foreground=True) as v:
            for name in (self.digests["manifest"], self.digests["config"]):
                os.unlink(self.blob(layout, name))
            os.unlink(os.path.join(layout, "index.json"))
            self.assertEqual(scan(v.root + "/d/b", self.b), [])


class Permission(NobodyCase):
    def test_permission_taken_away(self):
        """Of an ordinary user's view: what the server holds open goes on, what it has to open again is EIO."""
        content = samples.noise(2 * MIB)
        for codec in RANDOM_ACCESS:
            with self.subTest(codec):
                layer = packed(Layer().file("f", content), codec)
                layout = self.copied(self.write([layer]))
                judge.run("chmod", "-R", "a+rX", layout)
                with viewing.view(layout, foreground=True, program=os.path.join(self.outside, "o2r"), user=65534) as v:
                    os.chmod(self.blob(layout, sha(layer.blob)), 0)
                    os.chmod(os.path.join(layout, "blobs"), 0)
                    pid = os.fork()
                    if pid == 0:
                        status = 9
                        try:
                            os.setgroups([])
                            os.setresgid(65534, 65534, 65534)
                            os.setresuid(65534, 65534, 65534)
                            status = 0 if len(scan(v.root + "/f", content)) in (0, 2 * MIB // STEP) else 8
                        finally:
                            os._exit(status)
                    self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


class Killed(BadCase):
    def test_kill_and_mount_again(self):
        """The dead mount answers ENOTCONN; `o2r umount` takes it away, and the same folder shows the image again."""
        layout = self.layout(samples.image("gzip"))
        where = self.path("mnt")
        os.mkdir(where)
        for _ in range(3):
            with viewing.view(layout, where=where) as v:
                shown = viewing.lines(where)
                pid = v.pid
                os.kill(pid, 9)
                viewing.wait_for(lambda: not v.living())
                with self.assertRaises(OSError) as found:
                    os.statvfs(where)
                self.assertIn(found.exception.errno, (errno.ENOTCONN, errno.ECONNABORTED))
                v.unmount()
                self.assertEqual(os.listdir(where), [])
            self.assertEqual(shown, viewing.of_reference(layout))

    def test_killed_while_reading(self):
        """Readers get an error, none hangs; what they got before was right."""
        content = samples.noise(8 * MIB)
        layout = self.write([packed(Layer().file("f", content), "gzip:level=1")])
        with viewing.view(layout) as v:
            children = []
            for n in range(4):
                pid = os.fork()
                if pid == 0:
                    status = 1
                    try:
                        fd = os.open(v.root + "/f", os.O_RDONLY | os.O_DIRECT)
                        at = n * MIB
                        while True:
                            data = os.pread(fd, 5000, at)
                            if data != content[at:at + 5000]:
                                break
                            at = (at + 1_234_567) % (8 * MIB - 5000)
                    except OSError as e:
                        status = 0 if e.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO) else 2
                    finally:
                        os._exit(status)
                children.append(pid)
            os.kill(v.pid, 9)
            self.assertEqual([os.waitpid(pid, 0)[1] for pid in children], [0] * 4)
            v.unmount()


if __name__ == "__main__":
    unittest.main()
