"""A real Debian in five layers by buildah (tests/tools/real-image.sh): against umoci, the reference, and itself."""
import hashlib
import json
import mmap
import os
import shutil
import subprocess
import tempfile

import blobcodec
import judge
import looking
import mkimage
import versus_umoci
from judge import Case

# 2 GB of layers take minutes there and nothing that smaller images do not reach
UNDER_SANITIZERS = False
HEAVY = 1      # by then somebody else has made the image

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


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def read_json(path):
    with open(path, "rb") as f:
        return json.load(f)


def manifest(layout):
    return read_json(blob(layout, read_json(os.path.join(layout, "index.json"))["manifests"][0]["digest"]))


def packed_anew(source, out, program):
    """A file of the gzip file's content in another codec; the program reads one end of a pipe and writes to a file."""
    with open(out, "wb") as f, subprocess.Popen(["gzip", "-dc", source], stdout=subprocess.PIPE) as gzip:
        done = subprocess.run(program, stdin=gzip.stdout, stdout=f)
    assert done.returncode == 0 and gzip.returncode == 0


def recoded(layout, out, codec, program):
    """The same image with layers of another codec."""
    blobs, image = mkimage.Blobs(out), manifest(layout)
    shutil.copy(blob(layout, image["config"]["digest"]), os.path.join(out, "blobs", "sha256"))
    for layer in image["layers"]:
        path = os.path.join(out, "layer")
        packed_anew(blob(layout, layer["digest"]), path, program)
        layer.update(mediaType=blobcodec.MEDIA["oci"][codec], digest="sha256:" + judge.sha256(path), size=os.path.getsize(path))
        os.rename(path, blob(out, layer["digest"]))
    desc = blobs.put(mkimage.dump_json(image), mkimage.MANIFEST["oci"])
    for name, value in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", {"schemaVersion": 2, "manifests": [desc]})):
        with open(os.path.join(out, name), "wb") as f:
            f.write(mkimage.dump_json(value))
    return out


def marked(layout):
    """The paths that whiteouts name, as a dump writes them; lists of archives are quick, readers in Python are not."""
    found = []
    for layer in manifest(layout)["layers"]:
        for line in judge.run("bsdtar", "-tf", blob(layout, layer["digest"])).splitlines():
            head, slash, tail = line.rpartition("/")
            if tail.startswith(".wh."):
                found.append("/" + (head if tail == ".wh..wh..opq" else head + slash + tail[4:]).removeprefix("./"))
    return found


def holds(path, needle):
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        return m.find(needle) >= 0


class Real(Case):
    GATE = False        # test_view_real.py has the views of this image

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
        # but for the mtimes that umoci does not keep (tests/reference/versus_umoci.py)
        marks = marked(LAYOUT)
        theirs = versus_umoci.comparable(judge.treedump(unpacked), marks)
        self.assertGreater(len(theirs), 60000)
        judge.same_lines(versus_umoci.comparable(judge.mounted_dump(self.image), marks), theirs, "the mounted image against umoci")
        # that the view is what the mounted image is test_view_real.py proves
        copy = self.path("copy")
        done = judge.o2r("cp", LAYOUT, "/", copy)
        self.assertEqual((done.returncode, judge.problems(done.stderr)), (0, []))
        judge.same_lines(versus_umoci.comparable(judge.treedump(copy), marks), theirs, "the copy against umoci")
        judge.same_lines(versus_umoci.comparable(looking.dump_of(LAYOUT), marks), looking.without_hash(theirs), "the list against umoci")

    def test_same_bytes_for_any_number_of_threads_and_to_a_pipe(self):
        expected = judge.sha256(self.image)
        for jobs in ("1", "8"):
            path, _ = self.snapshot(LAYOUT, "-j", jobs)
            self.assertEqual(judge.sha256(path), expected)
            os.unlink(path)
        self.assertEqual(sha256_of_pipe(judge.O2R, "snapshot", LAYOUT, "-q", "-o", "-"), expected)

    def test_same_bytes_for_another_codec(self):
        """All of them, and mixed, are in test_codecs.py."""
        layout = recoded(LAYOUT, self.path("zstd"), "zstd", ["zstd", "-q", "-c", "-1"])
        path, info = self.snapshot(layout)
        self.assertEqual((judge.sha256(path), info["uuid"]), (judge.sha256(self.image), self.info["uuid"]))

    def test_size(self):
        """Within 1 % of content and inode table, holes and free space not written."""
        i = self.info
        needed = (i["data_blocks"] + i["dir_blocks"] + i["xattr_blocks"] + i["extent_blocks"]) * i["block_size"] + \
            (i["inodes"] - i["free_inodes"]) * 256
        self.assertLess(i["min_bytes"], needed * 1.01)
        self.assertLess(os.stat(self.image).st_blocks * 512, i["image_bytes"] - i["free_blocks"] * i["block_size"] + (1 << 20))
