"""Sizes, free space and inodes: exact, honoured to the byte or refused with what is needed, around the edges of groups."""
import os
import re
import shutil
import unittest

import judge
import samples
from judge import BLOCK, MIB
from mkimage import Image, Layer

UNDER_SANITIZERS = False    # what it runs other files run under them too

GROUP = 32768       # blocks


def free(info):
    return info["free_blocks"] * BLOCK


class Sizes(judge.Case):
    def setUp(self):
        super().setUp()
        self.sample = self.layout(samples.image("plain"))
        self.expected = judge.reference(self.sample)

    def sound(self, *args, layout=None, **kw):
        """Snapshot and judge; the JSON."""
        image, info = self.snapshot(layout or self.sample, *args)
        self.judge(image, info, lines=judge.reference(layout) if layout else self.expected, **kw)
        self.assertEqual(os.path.getsize(image), info["image_bytes"])
        self.assertLessEqual(info["blocks"] * BLOCK, info["image_bytes"])
        os.unlink(image)
        return info

    def needed(self, layout, *args):
        """What a refusal says is needed."""
        line = self.refused(layout, *args, code=7, words=["needs at least"])
        return int(re.search(r"at least (\d+) bytes", line)[1])

    def test_min_is_exact(self):
        info = self.sound("--size", "min")
        self.assertEqual((info["free_blocks"], info["image_bytes"]), (0, info["min_bytes"]))
        used = info["inodes"] - info["free_inodes"]
        self.assertGreaterEqual(info["free_inodes"], max(1024, used // 8))
        self.assertLess(info["free_inodes"], max(1024, used // 8) + 16)

    def test_min_is_within_one_per_cent_of_what_must_be_there(self):
        layer = Layer()
        for i in range(40):
            layer.file("f%d" % i, samples.noise(MIB, i))
        info = self.sound("--size", "min", layout=self.layout(Image([layer], codec="plain")))
        must = (info["data_blocks"] + info["dir_blocks"]) * BLOCK + info["inodes"] * 256
        self.assertLess(info["image_bytes"], must * 1.01)

    def test_the_needed_size_is_named_and_works(self):
        least = self.sound("--size", "min")["image_bytes"]
        for size in (1, 4096, MIB, least - BLOCK, least - 1):
            self.assertEqual(self.needed(self.sample, "--size", str(size)), least)
        self.assertEqual(self.sound("--size", str(least))["image_bytes"], least)
        with_inodes = self.needed(self.sample, "--size", str(least), "--inodes", "30000")
        self.assertGreater(with_inodes, least)
        info = self.sound("--size", str(with_inodes), "--inodes", "30000")
        self.assertEqual(info["image_bytes"], with_inodes)
        self.assertGreaterEqual(info["free_inodes"], 30000)

    def test_fixed_sizes_are_honoured_to_the_byte(self):
        least = self.sound("--size", "min")["image_bytes"]
        for text, size in (("2G", 2 << 30), ("100M", 100 << 20), ("300001K", 300001 << 10), (str(least + 1), None), (str(least + 4096), None),
                           (str(128 * MIB), None), (str(128 * MIB + 4095), None), ("1T", 1 << 40)):
            with self.subTest(text):
                info = self.sound("--size", text)
                wanted = (size or int(text))
                self.assertIn(info["image_bytes"], (wanted, wanted // BLOCK * BLOCK))
                self.assertEqual(info["min_bytes"], least)

    def test_default_leaves_a_quarter_and_64_mib(self):
        info = self.sound()
        self.assertGreaterEqual(free(info), 64 * MIB)
        self.assertLess(free(info), 65 * MIB)
        big = self.layout(Image([Layer().file("big", samples.noise(64 * 1024) * (400 * MIB >> 16))], codec="plain"))
        _, info = self.snapshot(big, "--dry-run")
        self.assertGreaterEqual(free(info), info["min_bytes"] // 4)
        self.assertLess(free(info), info["min_bytes"] // 4 + MIB)
        self.assertGreaterEqual(info["inodes"], info["image_bytes"] // 16384)

    def test_free_space_asked_for(self):
        least = self.sound("--size", "min")["image_bytes"]
        for text, least_free in (("0", 0), ("1", 1), ("4096", 4096), ("10M", 10 * MIB), ("512M", 512 * MIB), ("20%", least // 5),
                                 ("0%", 0), ("500%", least * 5), ("5G", 5 << 30)):
            with self.subTest(text):
                info = self.sound("--free", text)
                self.assertGreaterEqual(free(info), least_free)
                self.assertLess(free(info), least_free + 2 * BLOCK + least_free // 100)

    def test_free_inodes_asked_for(self):
        for number in (0, 1, 5, 1000, 100_000):
            for size in (("--size", "min"), (), ("--size", "1G")):
                with self.subTest(number=number, size=size):
                    info = self.sound("--inodes", str(number), *size)
                    self.assertGreaterEqual(info["free_inodes"], number)
                    self.assertLess(info["free_inodes"], number + 16 * info["groups"])

    def test_label_and_uuid(self):
        for label in ("root", "sixteen bytes ok", "\u00e4\u00f6"):
            image, info = self.snapshot(self.sample, "--label", label, "--size", "min")
            judge.fsck_silent(image)
            self.assertEqual(judge.run("blkid", "-p", "-o", "value", "-s", "LABEL", image).strip(), label)
        wanted = "01234567-89ab-cdef-0123-456789abcdef"
        self.assertEqual(self.sound("--uuid", wanted)["uuid"], wanted)
        self.assertEqual(len({self.sound("--uuid", "random", "--size", "min")["uuid"] for _ in range(3)}), 3)

    def test_dry_run_says_the_size_to_the_byte(self):
        for args in ((), ("--size", "min"), ("--size", "333M"), ("--free", "7%"), ("--inodes", "70000"), ("--free", "123456789")):
            with self.subTest(args):
                _, planned = self.snapshot(self.sample, "--dry-run", *args)
                info = self.sound(*args)
                for key in set(info) - {"seconds", "output", "dry_run"}:
                    self.assertEqual(planned[key], info[key], key)

    def test_nothing_is_written_that_is_free(self):
        """The file takes the room of its used blocks (and the file system's own): not of free space or untouched tables."""
        image, info = self.snapshot(self.sample, "--size", "20G", "--inodes", "1000000")
        used = info["blocks"] - info["free_blocks"]
        tables = info["inodes"] // 16
        self.assertLess(os.stat(image).st_blocks * 512, (used - tables) * BLOCK + 256 * 1024)


class Edges(judge.Case):
    """Images whose last group begins, or has room for what it must hold, just at the end."""

    def check(self, layout, lines, *args):
        image, info = self.snapshot(layout, *args)
        _, inodes, _, blocks = judge.fsck_silent(image)
        self.assertEqual((inodes, blocks), (info["inodes"], info["blocks"]))
        judge.agree(image, info)
        judge.same_lines(judge.mounted_dump(image), lines, " ".join(args))
        os.unlink(image)
        return info

    def test_fixed_sizes_around_groups(self):
        """Where a group begins, and where it can hold its backup (superblock, descriptors, their reserve)."""
        layout = self.layout(samples.small())
        lines = judge.reference(layout)
        for k in (1, 2, 3, 5, 7, 9):
            image, info = self.snapshot(layout, "--size", str((k * GROUP + 400) * BLOCK))
            backup = 1 + -(-info["groups"] * 64 // BLOCK) + int(judge.superblock(image)["Reserved GDT blocks"])
            for d in {-1, 0, 1, 2, 50, 300} | set(range(backup - 2, backup + 4)):
                with self.subTest(k=k, d=d):
                    size = (k * GROUP + d) * BLOCK
                    self.assertEqual(self.check(layout, lines, "--size", str(size))["image_bytes"], size)

    def test_free_space_around_groups(self):
        layout = self.layout(samples.small())
        lines = judge.reference(layout)
        for k in (1, 3, 9):
            _, info = self.snapshot(layout, "--dry-run", "--free", str(k * GROUP * BLOCK))
            more = info["image_bytes"] - k * GROUP * BLOCK
            sizes = set()
            for d in (-3, -2, -1, 0, 1, 2, 50):
                with self.subTest(k=k, d=d):
                    wanted = k * GROUP * BLOCK - more + d * BLOCK
                    info = self.check(layout, lines, "--free", str(wanted))
                    self.assertGreaterEqual(free(info), wanted)
                    sizes.add(info["image_bytes"])
            self.assertGreater(len(sizes), 2)

    def test_data_around_a_group(self):
        """The least size that holds so much data, where one block more opens a second group."""
        piece, sizes = samples.noise(BLOCK), []
        _, info = self.snapshot(self.layout(Image([Layer().file("f", piece * (GROUP - 500))], codec="plain")), "--dry-run", "--size", "min")
        room = GROUP - info["image_bytes"] // BLOCK
        for count in range(GROUP - 500 + room - 2, GROUP - 500 + room + 2):
            layout = self.layout(Image([Layer().file("f", piece * count)], codec="plain"))
            image, info = self.snapshot(layout, "--size", "min")
            judge.fsck_silent(image)
            judge.agree(image, info)
            sizes.append(info["blocks"])
            self.refused(layout, "--size", str(info["image_bytes"] - BLOCK), code=7, words=[str(info["image_bytes"])])
            with judge.loop_mount(image) as root, open(root + "/f", "rb") as f:
                for _ in range(count):
                    self.assertEqual(f.read(BLOCK), piece)
                self.assertEqual(f.read(1), b"")
            shutil.rmtree(layout)
            os.unlink(image)
        self.assertEqual(sizes, sorted(set(sizes)))
        self.assertIn(GROUP, sizes)
        self.assertGreater(sizes[-1], GROUP)


if __name__ == "__main__":
    unittest.main()
