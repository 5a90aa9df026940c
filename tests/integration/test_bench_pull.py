"""bench/pull.py on a tiny image, one round: a row for every program, and nothing is left behind. No time is judged."""
import os
import signal
import subprocess
import sys

import judge
import samples
import viewing

UNDER_SANITIZERS = False    # what would be timed is another program
PULL = os.path.join(os.path.dirname(os.path.dirname(judge.HERE)), "bench", "pull.py")
ROWS = ["o2r pull", "o2r index", "o2r pull + index", "o2r snapshot NAME", "o2r snapshot LAYOUT", "skopeo copy", "skopeo + umoci + mke2fs -d"]


class Pull(judge.Case):
    def start(self, *more):
        layout = self.layout(samples.image("gzip"))
        argv = [sys.executable, PULL, "--layout", layout, "--o2r", judge.O2R, "--out", self.path("out"), "--timeout", "60", "--markdown", *more]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def table(self, out):
        """first cell -> other cells"""
        return {cells[0]: cells[1:] for cells in (line.strip("| ").split(" | ") for line in out.splitlines() if line.startswith("| "))}

    def clean(self):
        self.assertEqual(os.listdir(self.path("out")), [])
        left = [name for name in filter(str.isdigit, os.listdir("/proc")) if self.mine(name)]
        self.assertEqual(left, [])

    def mine(self, pid):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                return os.fsencode(self.work) in f.read()
        except OSError:
            return False

    def test_all_rows(self):
        child = self.start("--rounds", "1", "--json", self.path("all.json"))
        out, err = child.communicate(timeout=300)
        self.assertEqual(child.returncode, 0, err)
        found = self.table(out)
        self.assertEqual([row for row in found if row != "program"], ROWS)
        for row in ROWS:
            self.assertRegex(" ".join(found[row][:6]), r"\A[\d./ ]+\Z", out + err)
        self.assertEqual({found[row][-1] for row in ROWS if "snapshot" in row or "mke2fs" in row}, {"e2fsck: clean"})
        self.assertRegex(out, r"o2r pull \+ index beside the longer of the two alone: [\d.]+ / [\d.]+")
        self.clean()

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            child = self.start("--rounds", "1000", "--only", "skopeo copy")

            def begun():
                """the second round has begun"""
                assert child.poll() is None
                return "round 2" in child.stderr.readline()
            viewing.wait_for(begun)
            child.send_signal(number)
            out, err = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 1, err)
            self.assertRegex(" ".join(self.table(out)["skopeo copy"][:5]), r"\A[\d./ ]+\Z", out + err)
            self.clean()
