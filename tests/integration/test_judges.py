"""The judges themselves: each must find a fault that was put in."""
import os
import struct
import unittest

import judge
import samples
from mkimage import Image, Layer


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
