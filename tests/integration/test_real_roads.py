"""The real Debian of test_real.py by every road on which an image comes: archives, Docker, the container tools' stores, directories.

All that carry the layers as tar give the same bytes; the others are equal but for the root's own line (docs/layers.md, rule 8).
"""
import os
import shutil
import subprocess
import tempfile

import judge
import stores
import viewing
from judge import Case

# 2 GB of layers take minutes there and nothing that smaller images do not reach
UNDER_SANITIZERS = False
HEAVY = 3      # nothing takes longer

WHERE = os.path.join(os.environ.get("O2R_IMAGES", tempfile.gettempdir()), "real")
LAYOUT = os.path.join(WHERE, "layout")
UUID = "6f327200-0000-4000-8000-000000000001"


def setUpModule():
    judge.run(os.path.join(judge.TOOLS, "real-image.sh"), WHERE)


class Roads(Case):
    GATE = False        # views are judged here

    @classmethod
    def setUpClass(cls):
        case = cls()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.dumps = {}      # digest of a snapshot -> its dump: the same bytes are judged and dumped once
        cls.expected, cls.digest = case.shown(LAYOUT)
        assert len(cls.expected) > 60000

    def runTest(self):
        """unittest wants one for an instance that is made by hand."""

    def shown(self, reference, *args, **kw):
        """(the dump of its snapshot, the snapshot's digest); the snapshot is deleted at once."""
        out = self.path("image.ext4")
        # no cache: what is decoded of an archive would stay there
        done = judge.o2r("snapshot", reference, "-o", out, "-q", "--no-cache", *args, **kw)
        self.assertEqual(done.returncode, 0, done.stderr)
        digest = judge.sha256(out)
        if digest not in self.dumps:
            judge.fsck_silent(out)
            self.dumps[digest] = judge.mounted_dump(out)
        os.unlink(out)
        return self.dumps[digest], digest

    def viewed(self, reference):
        with viewing.view(reference, platform=None) as v:
            return judge.treedump(v.root)

    def same(self, reference):
        """As unpacked: everything but the root itself. With one UUID, as it is made of a manifest, all roads may give one image."""
        lines, _ = self.shown(reference, "--uuid", UUID)
        judge.same_lines(stores.of_root(lines), stores.of_root(self.expected), reference)
        judge.same_lines(self.viewed(reference), lines, "the view of " + reference)

    def same_bytes(self, reference, **kw):
        """As tar: not a byte differs."""
        lines, digest = self.shown(reference, **kw)
        judge.same_lines(lines, self.expected, str(reference))
        self.assertEqual(digest, self.digest)

    def test_oci_archive(self):
        archive = self.path("oci.tar")
        judge.run("tar", "-cf", archive, "-C", LAYOUT, ".")
        self.same_bytes("oci-archive:" + archive)
        judge.same_lines(self.viewed("oci-archive:" + archive), self.expected, "the view of an archive")
        with open(archive, "rb") as f:
            self.same_bytes("-", stdin=f)
        packed = self.path("oci.tar.zst")
        judge.run("zstd", "-q", "-1", "--rm", archive, "-o", packed)
        self.same_bytes(packed)

    def test_docker(self):
        """One engine: skopeo's docker-archive is loaded into it; then its store, what it saves, its directories, and itself."""
        with stores.docker() as docker:
            archive = os.path.join(docker.folder, "skopeo.tar")
            judge.run("skopeo", "copy", "-q", "oci:%s:latest" % LAYOUT, "docker-archive:%s:real/image:v1" % archive)
            self.same_bytes("docker-archive:" + archive)
            judge.same_lines(self.viewed("docker-archive:" + archive), self.expected, "the view of Docker's archive")
            docker("load", "-q", "-i", archive)
            os.unlink(archive)
            self.same(docker.reference("real/image:v1"))
            top = os.path.dirname(docker("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "real/image:v1"))
            self.same("overlay:" + top)
            lower = docker("inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", "real/image:v1").split(":")
            judge.same_lines(stores.of_root(stores.overlay_dump(top + "/diff", *lower)), stores.of_root(self.expected), "what the kernel shows")
            self.same_bytes("docker-daemon:real/image:v1", env=docker.env)
            saving = subprocess.Popen(["docker", "save", "real/image:v1"], env=docker.env, stdout=subprocess.PIPE)
            self.same_bytes("-", stdin=saving.stdout)
            saving.stdout.close()
            self.assertEqual(saving.wait(), 0)

    def test_containers_storage(self):
        root = self.path("store")
        judge.run("skopeo", "copy", "-q", "oci:%s:latest" % LAYOUT, "containers-storage:[overlay@%s+%s.run]%s" % (root, root, stores.NAME))
        self.same("containers-storage:[%s]%s" % (root, stores.NAME))
        container = stores.buildah(root, "overlay", "from", "--pull-never", stores.NAME).strip()
        try:
            where = stores.buildah(root, "overlay", "mount", container).strip()
            judge.same_lines(stores.of_root(judge.treedump(where)), stores.of_root(self.expected), "what buildah mounts")
        finally:
            stores.buildah(root, "overlay", "rm", container)
            shutil.rmtree(root)

    def test_containers_storage_of_a_user(self):
        """The user has no devices to make: those of the image are missing in his store."""
        user = stores.User("o2r-real")
        self.addCleanup(user.remove)
        layout = os.path.join(user.home, "layout")
        os.mkdir(layout)
        judge.run("mount", "--bind", LAYOUT, layout)
        self.addCleanup(judge.run, "umount", layout)
        name = "containers-storage:[overlay@%s/store+%s/run]%s" % (user.home, user.home, stores.NAME)
        user.must("skopeo copy -q oci:layout:latest '%s'" % name)
        out = os.path.join(user.home, "image.ext4")
        user.must("./o2r snapshot -q --no-cache '%s' -o %s" % (name, out))
        judge.fsck_silent(out)
        found = stores.of_root(judge.mounted_dump(out))
        judge.same_lines(found, [line for line in stores.of_root(self.expected) if line.split("\t")[1] not in "bc"], "a user's store")
        # root finds the same in it
        self.assertEqual(judge.sha256(out), self.shown(name)[1])
