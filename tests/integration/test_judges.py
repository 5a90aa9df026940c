"""The judges themselves: each must find a fault that was put in."""
import os
import shutil
import struct
import unittest

import judge
import readall
import samples
import viewing
from mkimage import Image, Layer

UNDER_SANITIZERS = False    # what it runs other files run under them too


class Judges(judge.Case):
    def setUp(self):
        super().setUp()
        self.sample = self.layout(samples.image("plain"))
        self.image, self.info = self.snapshot(self.sample)

    def put(self, at, data):
        with open(self.image, "r+b") as f:
            f.seek(at)
            old = f.read(len(data))
            self.assertNotEqual(old, data)
            f.seek(at)
            f.write(data)

    def block_of(self, path):
        found = judge.run("debugfs", "-R", "blocks %s" % path, self.image).strip().split("\n")[-1].split()
        return int(found[0])

    def unhappy(self, what, *args, **kw):
        with self.assertRaises(AssertionError) as found:
            what(*args, **kw)
        return str(found.exception)

    def test_sound(self):
        self.judge(self.image, self.info, self.sample)

    def test_superblock(self):
        self.put(1024 + 0x78, b"another label")     # the checksum does not fit any more
        self.unhappy(judge.fsck_silent, self.image)

    def test_directory(self):
        at = self.block_of("/many") * judge.BLOCK
        self.put(at + 4090, b"\x55")
        self.unhappy(judge.fsck_silent, self.image)

    def test_what_e2fsck_tells_but_counts_as_sound(self):
        """A time in the future: exit 0 and a line more."""
        image, _ = self.snapshot(self.sample, env={"SOURCE_DATE_EPOCH": "4000000000"})
        said = self.unhappy(judge.fsck_silent, image)
        self.assertIn("exit 0", said)
        self.assertIn("in the future", said)

    def test_numbers_that_differ(self):
        for key in ("blocks", "free_blocks", "inodes", "free_inodes", "uuid", "image_bytes"):
            wrong = {**self.info, key: "x" if key == "uuid" else self.info[key] + 1}
            self.unhappy(judge.agree, self.image, wrong)
        self.unhappy(judge.agree, self.image, self.info, label="none of it")
        self.unhappy(judge.agree, self.image, self.info, epoch=1)

    def test_one_byte_of_data(self):
        """ext4 keeps no checksum of data: only the dump can tell."""
        at = self.block_of("/late/file") * judge.BLOCK
        with open(self.image, "rb") as f:
            f.seek(at + 77)
            old = f.read(1)
        self.put(at + 77, struct.pack("B", old[0] ^ 1))
        judge.fsck_silent(self.image)
        self.assertIn("/late/file", self.unhappy(self.judge, self.image, self.info, self.sample))

    def test_dumps_that_differ(self):
        lines = judge.reference(self.sample)
        for n in range(1, 8):
            other = list(lines)
            parts = other[7].split("\t")
            parts[n] += "1"
            other[7] = "\t".join(parts)
            self.unhappy(judge.same_lines, lines, other, "column %d" % n)
        self.unhappy(judge.same_lines, lines, lines[:-1], "a line less")

    def test_views_that_differ(self):
        """Each column of the view's dump counts."""
        shown = viewing.of_reference(self.sample)
        with judge.loop_mount(self.image) as root:
            expected = viewing.lines(root)
        judge.same_lines(viewing.as_in_ext4(shown, expected), expected, "the view")
        for n in range(1, 9):
            other = list(shown)
            parts = other[7].split("\t")
            parts[n] += "1"
            other[7] = "\t".join(parts)
            self.unhappy(judge.same_lines, viewing.as_in_ext4(other, expected), expected, "column %d" % n)

    def test_what_a_view_leaves_behind(self):
        """A sanitizer's report and a state file fail the test; a mount and a server never stay."""
        def leave(where, name):
            with viewing.view(self.sample) as v:
                os.makedirs(os.path.join(v.folder, where), exist_ok=True)
                with open(os.path.join(v.folder, where, name), "w") as f:
                    f.write("WARNING: something")
        self.assertIn("something", self.unhappy(leave, "", "report.77"))
        self.assertIn("state", self.unhappy(leave, "run/o2r", "state"))
        with self.assertRaises(ZeroDivisionError), viewing.view(self.sample) as v:
            self.assertTrue(viewing.mounted(v.root))
            self.assertEqual(viewing.processes(v.token), [v.pid])
            raise ZeroDivisionError
        self.assertFalse(viewing.mounted(v.root))
        self.assertEqual(viewing.processes(v.token), [])

    def test_readers_find_one_byte(self):
        with judge.loop_mount(self.image) as root:
            wanted = readall.files(viewing.lines(root))
            shutil.copytree(root, self.path("copy"), symlinks=True, ignore=lambda _, names: {"dev"} & set(names))
        wanted = [f for f in wanted if not f[0].startswith(b"/dev")]
        ways, readall.WAYS = readall.WAYS, tuple(w for w in readall.WAYS if w != "direct")     # odd offsets are the view's alone
        self.addCleanup(setattr, readall, "WAYS", ways)
        self.assertEqual(readall.read_all(self.path("copy"), wanted, 1), [])
        with open(self.path("copy/bin/ping"), "r+b") as f:
            f.seek(200_000)
            byte = f.read(1)
            f.seek(200_000)
            f.write(bytes([byte[0] ^ 1]))
        os.unlink(self.path("copy/late/file"))
        found = "\n".join(readall.read_all(self.path("copy"), wanted, 1))
        self.assertIn("ping", found)
        self.assertIn("late/file", found)
        self.assertEqual(found.count("\n"), 1)

    def test_holes_are_seen(self):
        """What is free by the bitmaps is free by e2fsck's count too."""
        free = sum(last - first + 1 for first, last in judge.free_ranges(self.image))
        self.assertEqual(free, self.info["free_blocks"])
        used = sum(end - first for first, end in judge.used_blocks(self.image))
        self.assertEqual(used, self.info["blocks"] - free)

    def test_mounts_are_gone(self):
        with self.assertRaises(ZeroDivisionError), judge.loop_mount(self.image) as root:
            self.assertTrue(os.path.ismount(root))
            raise ZeroDivisionError
        self.assertFalse(os.path.exists(root))
        with judge.loop_device(self.image) as device:
            self.assertIn(self.image, judge.run("losetup", "-l", device))
        self.assertNotIn(self.image, judge.run("losetup", "-l"))

    def test_many_layers_are_compared_whole(self):
        """A file that only the lowest of 40 layers has, and one that only the highest has."""
        layers = [Layer().file("f%d" % i, b"%d" % i).file("all", b"%d" % i) for i in range(40)]
        _, _, dump = self.make_and_judge(Image(layers))
        self.assertEqual(len(dump), 42)


if __name__ == "__main__":
    unittest.main()
