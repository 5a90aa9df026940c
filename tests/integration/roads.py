"""What the tests of roads share: images, what each has to come out as, and where engines unpack something else than the rules say."""
import json
import os
import subprocess

import judge
import stores

OVERLAY, VFS = {"docker", "overlay", "user overlay"}, {"vfs", "user vfs"}
UNPACKED = OVERLAY | VFS
# What engines unpack to something else than the rules say (docs/stores.md has them too). The containers of these engines show it so.
OTHERWISE = {
    "a-directory-deleted-and-made-again-at-once": (OVERLAY, "the directory takes the place of its whiteout, and the old content is back"),
    "implied-over-a-directory": (UNPACKED, "a new directory, 0755 of root; vfs keeps the old one; both have the time of unpacking"),
    "implied-and-new": (UNPACKED, "they have the time of unpacking"),
    "symlinks-of-the-layer-below": (UNPACKED, "the directory has the time of unpacking; vfs goes through the symlink"),
    "headers-of-links": (UNPACKED, "the header of a link to a symlink does not change its time"),
    "capabilities-and-links": ({"docker"}, "the owner is set again for each name, which takes capabilities away"),
    "marks-of-overlayfs-in-a-tar": (OVERLAY, "they become marks: trusted ones for root, the user's for a user"),
    "times-before-1970": (UNPACKED, "they become 1970"),
    "links-in-a-layer": (VFS, "the copy of a layer keeps links between files alone"),
    "links-to-devices": (VFS, "the same"),
    "opaque-with-other-metadata": (VFS, "a directory's old attributes stay"),
    "attributes-of-directories-replaced-whole": (VFS, "the same"),
    "attributes-of-the-system": (VFS, "the copy of a layer keeps security.capability alone"),
    "access-lists": (VFS, "the copy of a layer has no ACLs"),
}


def otherwise(road):
    return {name for name, (roads, _) in OTHERWISE.items() if road in roads}


def case_of(line):
    """The first part of a path."""
    return line.split("\t")[0].split("/")[1]


def of_cases(lines, names):
    """The lines of the dump that are, or are not, of these cases."""
    return [line for line in lines if case_of(line) in names], [line for line in lines if case_of(line) not in names]


def as_an_image(lines):
    """What the kernel shows, without trusted.* (docs/layers.md, rule 9) and devices 0:0 (rule 6), which vfs has as they came."""
    out = []
    for line in lines:
        columns = line.split("\t")
        columns[6] = ",".join(pair for pair in columns[6].split(",") if not pair.startswith("trusted.")) or "-"
        if (columns[1], columns[5]) != ("c", "0:0"):
            out.append("\t".join(columns))
    return out


class Pictured:
    """An image of the test: its layout, and what the layout's snapshot is."""

    def __init__(self, case, image, name):
        self.name, self.image = name, image
        self.layout = case.layout(image, tags=["v1"])
        path, _ = case.snapshot(self.layout, gate=False)
        self.digest, self.lines = judge.sha256(path), judge.mounted_dump(path)
        judge.fsck_silent(path)
        judge.same_lines(self.lines, judge.reference(self.layout), name)
        self.tag = name + ":v1"


class Roads:
    """What they share. No cache: each road reads its own layers, though their digests are the same."""

    IMAGES = {}

    @classmethod
    def setUpClass(cls):
        cls.own = cls()
        cls.own.setUp()
        cls.addClassCleanup(cls.own.doCleanups)
        cls.images = [Pictured(cls.own, image, name) for name, image in cls.IMAGES.items()]

    def runTest(self):
        """unittest wants one for an instance that is made by hand."""

    def through(self, image, reference, gate=True, **kw):
        """Its snapshot; and of the merge cases the view shows the same."""
        return self.snapshot(reference, "--no-cache", gate=gate and image.name == "merges", **kw)[0]

    def same_bytes(self, image, reference, **kw):
        with self.subTest(image=image.name, reference=reference):
            path = self.through(image, reference, **kw)
            if judge.sha256(path) != image.digest:
                judge.same_lines(judge.mounted_dump(path), image.lines, str(reference))
                self.fail("the same tree in other bytes")
            os.unlink(path)

    def same_bytes_of_a_pipe(self, image, reference, **kw):
        with self.subTest(image=image.name, reference=reference, **kw):
            feeder = subprocess.Popen(stdout=subprocess.PIPE, **kw)
            out = self.new(".ext4")
            done = judge.o2r("snapshot", reference, "-o", out, "--no-cache", "--platform=linux/amd64", stdin=feeder.stdout)
            feeder.stdout.close()
            self.assertEqual((feeder.wait(), done.returncode), (0, 0), done.stderr)
            self.assertEqual(judge.sha256(out), image.digest)
            os.unlink(out)

    def as_unpacked(self, image, road, reference, kernel, **kw):
        """What the store has is what the kernel shows of it, and but for the table what the layout has."""
        with self.subTest(image=image.name, reference=reference):
            self.judged(image, road, judge.mounted_dump(self.through(image, reference, **kw)), kernel)

    def judged(self, image, road, lines, kernel):
        found = stores.of_root(lines)
        judge.same_lines(found, stores.of_root(kernel), "%s, and the kernel" % road)
        expected = stores.of_root(image.lines)
        if image.name == "random" and road in VFS:     # attributes and links: see the table
            found, expected = judge.column(found, 6, 7), judge.column(expected, 6, 7)
        names = otherwise(road)
        (odd, found), (rule, expected) = of_cases(found, names), of_cases(expected, names)
        judge.same_lines(found, expected, road)
        for name in names & set(map(case_of, rule)):
            self.assertNotEqual(of_cases(odd, {name})[0], of_cases(rule, {name})[0], "%s unpacks %s as the rules say" % (road, name))


def top_of_vfs(root, name):
    """The directory that is the whole image."""
    with open(os.path.join(root, "vfs-images/images.json")) as f:
        return os.path.join(root, "vfs/dir", next(found["layer"] for found in json.load(f) if name in found["names"]))
