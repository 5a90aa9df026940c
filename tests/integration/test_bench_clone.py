"""bench/clone.py on a tiny store, one round: a row for every program, and nothing is left behind. No time is judged."""
import os
import signal
import subprocess
import sys

import judge
import viewing

UNDER_SANITIZERS = False    # what would be timed is another program
CLONE = os.path.join(os.path.dirname(os.path.dirname(judge.HERE)), "bench", "clone.py")
HOWS = {"XFS": ["o2r cloned", "o2r copied", "mke2fs -d"], "btrfs": ["o2r cloned", "o2r copied", "mke2fs -d"], "ext4": ["o2r copied", "mke2fs -d"]}
LARGE = 6       # MB


class Clone(judge.Case):
    def start(self, *more):
        argv = [sys.executable, CLONE, "--o2r", judge.O2R, "--out", self.path("out"), "--timeout", "60", "--markdown", "--large", "3",
                "--mib", str(LARGE), "--small", "10", *more]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def table(self, out):
        """first cell -> other cells"""
        return {cells[0]: cells[1:] for cells in (line.strip("| ").split(" | ") for line in out.splitlines() if line.startswith("| "))}

    def clean(self):
        self.assertEqual(os.listdir(self.path("out")), [])
        with open("/proc/self/mounts") as f:
            self.assertFalse(self.work in f.read())

    def test_all_rows(self):
        child = self.start("--rounds", "1")
        out, err = child.communicate(timeout=300)
        self.assertEqual(child.returncode, 0, err)
        found = self.table(out)
        rows = ["%s, %s" % (kind, how) for kind, hows in HOWS.items() for how in hows]
        self.assertEqual([row for row in found if row != "filesystem, program"], rows)
        for row in rows:
            self.assertRegex(" ".join(found[row][:-1]), r"\A[\d./ ]+\Z", out + err)
            self.assertEqual(found[row][-1], "e2fsck: clean")
            space = float(found[row][3].split(" / ")[0])
            if "cloned" in row:
                self.assertLess(space, LARGE / 2, row)
            else:
                self.assertGreater(space, LARGE, row)
        self.clean()

    def test_interrupted(self):
        child = self.start("--rounds", "1000", "--only", "ext4")

        def begun():
            """the second round has begun"""
            assert child.poll() is None
            return "round 2" in child.stderr.readline()
        viewing.wait_for(begun)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 1, err)
        self.assertRegex(" ".join(self.table(out)["ext4, o2r copied"][:-1]), r"\A[\d./ ]+\Z", out + err)
        self.clean()
