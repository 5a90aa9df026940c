"""Peak memory: 64 MiB, 200 bytes an entry and the names, whatever the layers' size and number (docs/architecture.md)."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import judge
import manytar
import samples
from judge import MIB
from mkimage import Image, Layer

HEAVY = 2
UNDER_SANITIZERS = False    # their shadow memory is not ours

FIXED, ENTRY = 64 * MIB, 200
PIECE = samples.noise(24_000)       # compresses well when repeated, and fills a decoder's window with noise


class Memory(judge.Case):
    def peak(self, layout, *args, out=None):
        """(bytes of anonymous memory at its highest, the JSON). The page cache does not count: the kernel takes it back."""
        out = out or self.new(".ext4")
        done = subprocess.run([sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), "0", judge.O2R, "snapshot", layout, "-o", out,
                               "--platform", "linux/amd64", "--format", "json", *args], capture_output=True, stdin=subprocess.DEVNULL)
        said = done.stderr.decode(errors="backslashreplace")
        self.assertEqual(done.returncode, 0, said)
        found = dict(pair.split("=") for pair in re.search(r"cgroup-run: (.*)", said)[1].split())
        # sampling may miss a short peak, the resident set counts mapped files too: the truth lies between
        anon, rss = (0 if found[k] == "-" else int(found[k]) for k in ("anon", "rss"))
        self.assertGreater(rss, 0)
        print("anon %.1f MiB, rss %.1f MiB" % (anon / MIB, rss / MIB), flush=True)
        return max(anon, rss), json.loads(done.stdout) if out != "-" else None

    def limit(self, entries=0, names=0):
        return FIXED + ENTRY * entries + names

    def test_one_layer_of_1_gib(self):
        layer, total = Layer(), 1 << 26
        for i in range(16):
            layer.file("f%d" % i, (PIECE * (total // len(PIECE) + 1))[i:i + total])
        tar = layer.tar()
        for codec, jobs in (("gzip:level=1", ("1", "2")), ("zstd:level=1", ("2",)), ("plain", ("2",))):
            layout = self.layout(Image([tar], codec=codec))
            for j in jobs:
                with self.subTest(codec=codec, jobs=j):
                    out = self.new(".ext4")
                    top, info = self.peak(layout, "--size", "min", "-j", j, out=out)
                    self.assertGreater(info["data_blocks"], 262_000)
                    os.unlink(out)
                    self.assertLess(top, self.limit())
            shutil.rmtree(layout)

    def test_128_layers(self):
        """Each of 4 MiB; the number of threads is the number of layers in flight."""
        for codec in ("gzip:level=1", "zstd:level=1"):
            with self.subTest(codec):
                layers = [Layer().file("f%d" % i, (PIECE * 180)[i:i + 4 * MIB]).file("shared", b"%d" % i).tar() for i in range(128)]
                layout = self.layout(Image(layers, codec=codec))
                top, info = self.peak(layout, "-j", "2")
                self.assertEqual(len(info["layers"]), 128)
                self.assertLess(top, self.limit())

    def test_1_000_000_entries(self):
        names = [b"usr/share/%03d/%03d/a file number %d" % (i % 1000, i // 1000 % 100, i) for i in range(1_000_000)]
        tar = manytar.finish(manytar.many(names))
        total = sum(len(name.rpartition(b"/")[2]) + 1 for name in names)
        layout = self.layout(Image([tar], codec="zstd:level=1"))
        del tar
        out = self.new(".ext4")
        top, info = self.peak(layout, "--size", "min", out=out)
        entries = info["inodes"] - info["free_inodes"]
        self.assertGreater(entries, 1_000_000)
        self.assertLess(top, self.limit(entries, total))
        judge.fsck_silent(out)
        judge.agree(out, info)
        with judge.loop_mount(out) as root:
            for name in names[::5003]:
                os.lstat(root + "/" + name.decode())

    def test_1_000_000_names_in_one_directory(self):
        names = [b"d/%d-%d" % (i, i * 7919 % 1_000_003) for i in range(1_000_000)]
        layout = self.layout(Image([manytar.finish(manytar.many(names))], codec="zstd:level=1"))
        out = self.new(".ext4")
        top, info = self.peak(layout, "--size", "min", out=out)
        self.assertLess(top, self.limit(1_000_000, sum(len(name) - 1 for name in names)))
        judge.fsck_silent(out)
        with judge.loop_mount(out) as root:
            for name in names[::5003]:
                os.lstat(root + "/" + name.decode())


if __name__ == "__main__":
    unittest.main()
