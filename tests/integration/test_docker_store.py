"""Docker's images by every road: its store by name, its engine, what it saves, the directories of its driver."""
import os
import shutil
import subprocess

import judge
import stores
from judge import Case

# what reads stores runs under sanitizers in test_stores_bad; the time goes to the engines here
UNDER_SANITIZERS = False


class DockerStore(Case):
    @classmethod
    def setUpClass(cls):
        cls.docker = cls.enterClassContext(stores.docker())
        case = cls()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.layout_path = case.layout(stores.image())
        cls.expected = stores.of_root(judge.mounted_dump(case.snapshot(cls.layout_path)[0]))
        cls.image_id = cls.docker.load(cls.layout_path, "kept/img:v1")
        cls.docker("tag", "kept/img:v1", "other:latest")
        cls.docker("load", "-q", "-i", cls.small(case))

    def runTest(self):
        """unittest wants one for an instance that is made by hand."""

    @staticmethod
    def small(case):
        """Another image, so that there is something to choose from."""
        layout, out = case.layout(stores.Image([stores.Layer().file("hello", b"hello\n")])), case.path("small.tar")
        judge.run("skopeo", "copy", "-q", "oci:" + layout, "docker-archive:%s:small:latest" % out)
        return out

    def same(self, reference, **kw):
        path, info = self.snapshot(reference, **kw)
        judge.same_lines(stores.of_root(judge.mounted_dump(path)), self.expected, str(reference))
        judge.fsck_silent(path)
        return path, info

    def test_store_by_name_tag_and_id(self):
        for name in ("kept/img:v1", "docker.io/kept/img:v1", "other", "other:latest", self.image_id, "sha256:" + self.image_id, self.image_id[:4], self.image_id[:12]):
            with self.subTest(name):
                path, info = self.same(self.docker.reference(name))
                self.assertEqual(len(info["layers"]), 3)
                os.unlink(path)

    def test_config(self):
        done = judge.o2r("inspect", "--format", "json", self.docker.reference("kept/img:v1"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"A=B", done.stdout)
        self.assertIn(self.image_id.encode(), done.stdout)

    def test_nothing_of_that_name(self):
        line = self.refused(self.docker.reference("kept/img:v2"), code=3, words=["no image", "kept/img:v1", "other:latest", "small:latest"])
        self.assertNotIn("\n", line)
        self.refused(self.docker.reference("f" * 64), code=3, words=["no image"])
        self.refused(self.docker.reference("kept/img:v1"), platform="linux/arm64", code=5, words=["linux/amd64", "--platform"])

    def test_engine(self):
        for name in ("kept/img:v1", "other", self.image_id[:12]):
            with self.subTest(name):
                self.same("docker-daemon:" + name, env=self.docker.env)
        done = judge.o2r("ls", "docker-daemon:kept/img:v2", env=self.docker.env)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("kept/img:v2", done.stderr)

    def test_saved(self):
        path, plain = self.path("saved.tar"), self.path("from-pipe.ext4")
        self.docker("save", "-o", path, "kept/img:v1")
        self.same(path)
        saving = subprocess.Popen(["docker", "save", "kept/img:v1"], env=self.docker.env, stdout=subprocess.PIPE)
        done = judge.o2r("snapshot", "-", "-o", plain, "--platform", "linux/amd64", stdin=saving.stdout)
        saving.stdout.close()
        self.assertEqual((saving.wait(), done.returncode), (0, 0), done.stderr)
        judge.same_lines(stores.of_root(judge.mounted_dump(plain)), self.expected, "standard input")

    def test_directory_of_the_driver(self):
        dirs = self.docker.directories("kept/img:v1")
        top = os.path.dirname(dirs[0])
        expected = stores.of_root(stores.overlay_dump(*dirs))
        judge.same_lines(self.expected, expected, "what the kernel shows")
        for reference in ("overlay:" + top, top):
            self.same(reference)
        # one of the middle, and the lowest, which has no `lower`
        for depth in (1, 2):
            shown = judge.mounted_dump(self.snapshot("overlay:" + os.path.dirname(dirs[depth]))[0])
            if depth == 1:
                judge.same_lines(stores.of_root(shown), stores.of_root(stores.overlay_dump(*dirs[1:])), "two layers")

    def test_layer_of_a_container(self):
        container = self.docker("create", "kept/img:v1", "/bin/sh").split()[-1]      # after warnings
        self.addCleanup(self.docker, "rm", container)
        dirs = self.docker.directories(container, "container")
        top = os.path.dirname(dirs[0])
        work = os.path.join(top, "work")
        with stores.overlay(*dirs[1:], upper=(dirs[0], work)) as root:
            with open(os.path.join(root, "written"), "w") as f:
                f.write("in the container")
            os.unlink(os.path.join(root, "etc/hosts"))
            shutil.rmtree(os.path.join(root, "opaque"))
            os.mkdir(os.path.join(root, "opaque"))
            os.chmod(os.path.join(root, "bin/ping"), 0o700)
            os.rename(os.path.join(root, "private"), os.path.join(root, "moved"))
            expected = stores.of_root(judge.treedump(root))
        path, _ = self.snapshot("overlay:" + top)
        judge.same_lines(stores.of_root(judge.mounted_dump(path)), expected, "the container")
        self.assertTrue(any(line.startswith("/written\t") for line in expected))

    def test_an_ordinary_user_is_told(self):
        done = judge.o2r("ls", self.docker.reference("kept/img:v1"), user=65534, group=65534, extra_groups=[], env={"XDG_CACHE_HOME": None})
        self.assertEqual(done.returncode, 4, done.stderr)
        done = judge.o2r("ls", "docker-daemon:kept/img:v1", user=65534, group=65534, extra_groups=[], env=self.docker.env)
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_while_images_are_loaded(self):
        """Another image comes and goes; the one that is read is not touched."""
        archive = self.path("small.tar")
        self.docker("save", "-o", archive, "small:latest")
        for _ in range(3):
            self.docker("rmi", "small:latest")
            self.same(self.docker.reference("kept/img:v1"))
            self.docker("load", "-q", "-i", archive)
