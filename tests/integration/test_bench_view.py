"""bench/view.py on a tiny image, one round: every table has a row for every program, and nothing is left behind. No time is judged."""
import json
import os
import signal
import subprocess
import sys

import judge
import samples
from judge import Case
from mkimage import Image, Layer

UNDER_SANITIZERS = False    # what would be timed is another program
VIEW = os.path.join(os.path.dirname(os.path.dirname(judge.HERE)), "bench", "view.py")
SERVED = ["o2r", "o2r, plain layers", "squashfuse_ll", "fuse-overlayfs"]
DATA = SERVED + ["kernel overlayfs", "EROFS"]
MOUNT = DATA[:1] + ["o2r, xattr=off"] + DATA[1:] + ["ratarmount 1.3.0"]
NAMES = [name for name in MOUNT if "plain" not in name]
TABLES = {
    "Mount and names": MOUNT, "The same beside EROFS": NAMES, "CPU seconds": MOUNT, "Names that find lists": NAMES, "Data: MB/s": DATA,
    "The decoder": ["decoder"], "Data beside the decoder": DATA, "Random reads of 4 KiB: mean": DATA, "Random reads of 4 KiB: 99th": DATA,
    "Memory of the server": SERVED + ["ratarmount 1.3.0"], "Snapshot": ["o2r snapshot, first", "o2r snapshot, second"],
    "Budgets": ["first mount beside decode + digests", "second mount", "ls -lR cold beside EROFS", "ls -lR warm beside EROFS",
                "large file, plain layers", "large file beside the decoder", "compressible file, plain layers",
                "compressible file beside the decoder", "random 4 KiB, large file", "random 4 KiB, compressible files",
                "anonymous memory an entry, names apart", "second snapshot beside decode + copy"]}


def tables(markdown):
    """title -> {first cell: other cells}"""
    found, rows = {}, None
    for line in markdown.splitlines():
        if line.startswith("### "):
            rows = found.setdefault(line[4:], {})
        elif line.startswith("| ") and rows is not None:
            first, *others = line.strip("| ").split(" | ")
            rows[first] = others
    return found


def mounts_below(path):
    with open("/proc/self/mounts") as f:
        return [line for line in f if path in line]


def image():
    base = Layer().dir("./").dir("etc").file("etc/name", b"name\n").link("etc/link", "etc/name").dir("gone").file("gone/a", b"a")
    base.dir("data").file("data/noise", samples.noise(400_000)).file("data/lines", b"".join(b"%d\n" % i for i in range(30_000)))
    top = Layer().whiteout("gone").opaque("etc").file("etc/new", b"new", xattrs={"user.x": b"1"}).symlink("data/l", "lines")
    return Image([base, top], codec="gzip")


class View(Case):
    def start(self, *more):
        image().write(os.path.join(self.work, "layout"))
        argv = [sys.executable, VIEW, "--layout", os.path.join(self.work, "layout"), "--o2r", judge.O2R, "--rounds", "1", "--out",
                os.path.join(self.work, "out"), "--images", os.path.join(self.work, "images"), "--peers", os.path.join(self.work, "peers"),
                "--no-install", "--timeout", "60", *more]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def clean(self):
        self.assertEqual(mounts_below(self.work), [])
        self.assertEqual(os.listdir(os.path.join(self.work, "out")), [])

    def test_all_rows(self):
        kept = os.path.join(self.work, "all.json")
        child = self.start("--markdown", "--json", kept)
        out, err = child.communicate(timeout=300)
        self.assertEqual(child.returncode, 0, err)
        found = tables(out)
        for title, rows in TABLES.items():
            with self.subTest(table=title):
                full = [name for name in found if name.startswith(title)]
                self.assertEqual(len(full), 1, out)
                self.assertEqual([row for row in found[full[0]] if row not in ("program", "what")], rows)
        for name in DATA:       # what is there is measured, what is not says so
            with self.subTest(program=name):
                cells = next(rows for title, rows in found.items() if title.startswith("Data: MB/s"))[name]
                self.assertRegex(" ".join(cells), r"\A[\d./ ]+\Z", out + err)
        self.assertEqual({cell[:7] for cell in found["Names that find lists"]["ratarmount 1.3.0"]}, {"missing"})
        self.assertRegex(out, r"ratarmount 1.3.0: missing: not installed")
        with open(kept) as f:
            self.assertTrue(json.load(f)["rows"])
        self.clean()

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            child = self.start("--only", "fuse-overlayfs,EROFS", "--no-baselines", "--rounds", "1000", "--markdown", "--measures", "find")
            for line in child.stderr:
                if "round 2" in line:
                    break
            child.send_signal(number)
            out, err = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 1, err)
            # what it has by then
            cells = next(rows for title, rows in tables(out).items() if title.startswith("Mount and names"))["fuse-overlayfs"]
            self.assertRegex(" ".join(cells), r"\d / \d", out + err)
            self.assertRegex(out, r"interrupted in round \d+ of 1000")
            self.clean()


if __name__ == "__main__":
    import unittest
    unittest.main()
