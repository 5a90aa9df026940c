"""A real Debian in five layers by buildah (tests/tools/real-image.sh): against umoci, the reference, and itself."""
import hashlib
import mmap
import os
import subprocess
import tempfile
import shutil

import judge
from judge import Case

# 2 GB of layers take minutes there and nothing that smaller images do not reach
UNDER_SANITIZERS = False

WHERE = os.path.join(os.environ.get("O2R_IMAGES", tempfile.gettempdir()), "real")
LAYOUT = os.path.join(WHERE, "layout")


def setUpModule():
    judge.run(os.path.join(judge.TOOLS, "real-image.sh"), WHERE)


def sha256_of_pipe(*argv):
    total = hashlib.sha256()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        while piece := child.stdout.read(1 << 20):
            total.update(piece)
    assert child.returncode == 0
    return total.hexdigest()


def holds(path, needle):
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        return m.find(needle) >= 0


class Real(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="o2r-real-", dir=os.environ.get("O2R_SCRATCH"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.image = os.path.join(cls.folder, "image.ext4")
        case = cls()
        cls.info = Case.snapshot(case, LAYOUT, "-v", out=cls.image)[1]
        cls.said = case.said

    def runTest(self):
        """unittest wants one for an instance that is made by hand."""

    def test_it_is_large_enough_to_mean_something(self):
        self.assertGreater(self.info["inodes"] - self.info["free_inodes"], 60000)
        self.assertGreater(self.info["data_blocks"] * self.info["block_size"], 1e9)
        self.assertEqual(len(self.info["layers"]), 5)
        for layer in self.info["layers"]:
            self.assertIn("%d bytes" % layer["size"], self.said)

    def test_judges(self):
        self.judge(self.image, self.info, LAYOUT)

    def test_nothing_is_left_of_a_deleted_file(self):
        with open(os.path.join(WHERE, "secret"), "rb") as f:
            secret = f.read().strip()
        self.assertGreater(len(secret), 20)
        self.assertFalse(holds(self.image, secret))

    def test_mount_equals_umoci(self):
        unpacked = self.path("umoci")
        judge.run("umoci", "raw", "unpack", "--image", LAYOUT + ":latest", unpacked)
        # umoci leaves the root's mtime at the time of unpacking, and those of directories from which it deletes
        mine, theirs = ([line for line in lines if not line.startswith("/\t")]
                        for lines in (judge.mounted_dump(self.image, "--no-dir-mtime"), judge.treedump(unpacked, "--no-dir-mtime")))
        self.assertGreater(len(mine), 60000)
        judge.same_lines(mine, theirs, "the mounted image against umoci")

    def test_same_bytes_for_any_number_of_threads_and_to_a_pipe(self):
        expected = judge.sha256(self.image)
        for jobs in ("1", "8"):
            path, _ = self.snapshot(LAYOUT, "-j", jobs)
            self.assertEqual(judge.sha256(path), expected)
            os.unlink(path)
        self.assertEqual(sha256_of_pipe(judge.O2R, "snapshot", LAYOUT, "-q", "-o", "-"), expected)

    def test_size(self):
        """Within 1 % of content and inode table, holes and free space not written."""
        i = self.info
        needed = (i["data_blocks"] + i["dir_blocks"] + i["xattr_blocks"] + i["extent_blocks"]) * i["block_size"] + \
            (i["inodes"] - i["free_inodes"]) * 256
        self.assertLess(i["min_bytes"], needed * 1.01)
        self.assertLess(os.stat(self.image).st_blocks * 512, i["image_bytes"] - i["free_blocks"] * i["block_size"] + (1 << 20))
