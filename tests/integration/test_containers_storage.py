"""containers-storage by name: of root and of an ordinary user, overlay and vfs, additional image stores, override_stat."""
import json
import os
import stat

import judge
import stores
from judge import Case

# what reads stores runs under sanitizers in test_stores_bad; the time goes to the engines here
UNDER_SANITIZERS = False


class OfRoot(Case):
    @classmethod
    def setUpClass(cls):
        case = cls()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.layout_path = case.layout(stores.image())
        cls.expected = stores.of_root(judge.mounted_dump(case.snapshot(cls.layout_path)[0]))
        cls.root = {driver: case.path(driver) for driver in ("overlay", "vfs")}
        cls.image_id = {driver: stores.containers(cls.layout_path, root, driver) for driver, root in cls.root.items()}
        other = case.layout(stores.Image([stores.Layer().file("hello", b"hello\n")]))
        stores.containers(other, cls.root["overlay"], name="quay.io/some/thing:v2")

    def runTest(self):
        """unittest wants one for an instance that is made by hand."""

    def of(self, name, driver="overlay", spelt="[%s]"):
        return "containers-storage:" + spelt % self.root[driver] + name

    def same(self, reference, layers=None, **kw):
        path, info = self.snapshot(reference, **kw)
        judge.same_lines(stores.of_root(judge.mounted_dump(path)), self.expected, str(reference))
        if layers:
            self.assertEqual(len(info["layers"]), layers)
        os.unlink(path)
        return info

    def test_overlay(self):
        image = self.image_id["overlay"]
        with open(os.path.join(self.layout_path, "index.json")) as f:
            digest = json.load(f)["manifests"][0]["digest"]
        for name in (stores.NAME, "kept/img:v1", image, "sha256:" + image, image[:4], "localhost/kept/img@" + digest):
            with self.subTest(name):
                info = self.same(self.of(name), 3)
                self.assertEqual(info["manifest"]["digest"] if isinstance(info.get("manifest"), dict) else digest, digest)

    def test_vfs(self):
        self.same(self.of(stores.NAME, "vfs"), 1)

    def test_root_as_the_tools_write_it(self):
        for spelt in ("[overlay@%s]", "[overlay@%s+/run/nowhere]", "[overlay@%s+/run/nowhere:overlay.mountopt=nodev]", "[%s+/run/nowhere]"):
            with self.subTest(spelt):
                self.same(self.of(stores.NAME, spelt=spelt), 3)
        self.refused(self.of(stores.NAME, spelt="[vfs@%s]"), code=3, words=["vfs"])
        self.refused(self.of(stores.NAME, spelt="[btrfs@%s]"), code=2, words=["btrfs", "skopeo copy"])

    def test_nothing_of_that_name(self):
        self.refused(self.of("nope"), code=3, words=["nope", stores.NAME, "quay.io/some/thing:v2"])
        self.refused(self.of(stores.NAME), platform="linux/arm64", code=5, words=["linux/amd64", "--platform"])

    def test_what_buildah_mounts(self):
        for driver, root in self.root.items():
            with self.subTest(driver):
                container = stores.buildah(root, driver, "from", "--pull-never", stores.NAME).strip()
                where = stores.buildah(root, driver, "mount", container).strip()
                try:
                    shown = stores.of_root(judge.treedump(where))
                finally:
                    stores.buildah(root, driver, "rm", container)
                path, _ = self.snapshot(self.of(stores.NAME, driver))
                judge.same_lines(stores.of_root(judge.mounted_dump(path)), shown, "what buildah mounts")

    def conf(self, text):
        path = self.new(".conf")
        with open(path, "w") as f:
            f.write(text)
        return {"CONTAINERS_STORAGE_CONF": path}

    def test_by_storage_conf(self):
        env = self.conf('[storage]\ndriver = "overlay"\ngraphroot = "%s"\n' % self.root["overlay"])
        self.same("containers-storage:" + stores.NAME, 3, env=env)
        env = self.conf("[storage\n")
        self.refused("containers-storage:" + stores.NAME, code=6, words=[env["CONTAINERS_STORAGE_CONF"]], env=env)

    def test_additional_image_stores(self):
        """One that is read-only, and before it a store of its own that does not exist yet, or has other images."""
        for own in (self.path("none-yet"), self.root["vfs"] + "-other"):
            with self.subTest(own):
                if own.endswith("-other"):
                    stores.containers(self.layout(stores.Image([stores.Layer().file("x", b"x")])), own, name="localhost/x:1")
                env = self.conf('[storage]\ndriver = "overlay"\ngraphroot = "%s"\n[storage.options]\nadditionalimagestores = ["%s"]\n'
                                % (own, self.root["overlay"]))
                self.same("containers-storage:" + stores.NAME, 3, env=env)

    def test_layers_of_both_stores(self):
        """An image whose upper layer is in one store and whose others are in an additional one."""
        own = self.path("own")
        judge.run("cp", "-a", self.root["overlay"], own)
        files = {name: os.path.join(own, "overlay-layers", name) for name in ("layers.json", "volatile-layers.json")}
        with open(files["layers.json"]) as f:
            layers = json.load(f)
        with open(os.path.join(own, "overlay-images/images.json")) as f:
            top = next(i["layer"] for i in json.load(f) if stores.NAME in i["names"])
        with open(files["layers.json"], "w") as f:
            json.dump([], f)
        with open(files["volatile-layers.json"], "w") as f:
            json.dump([layer for layer in layers if layer["id"] == top], f)
        env = self.conf('[storage]\ngraphroot = "%s"\n[storage.options]\nadditionalimagestores = ["%s"]\n' % (own, self.root["overlay"]))
        self.same("containers-storage:" + stores.NAME, 3, env=env)
        # alone it lacks them
        self.refused("containers-storage:[%s]%s" % (own, stores.NAME), code=6, words=["layer", "is missing"])

    def test_override_stat(self):
        """Owners and modes that the store could not give the files (rootless, force_mask)."""
        for attribute in ("user.containers.override_stat", "user.fuseoverlayfs.override_stat"):
            with self.subTest(attribute):
                root = self.new(".forced")
                judge.run("cp", "-a", self.root["overlay"], root)
                for folder, dirs, names in os.walk(os.path.join(root, "overlay")):
                    if "diff" in os.path.relpath(folder, root).split("/"):
                        for path in [folder] + [os.path.join(folder, name) for name in names]:
                            self.force(path, attribute)
                self.same("containers-storage:[%s]%s" % (root, stores.NAME), 3)

    @staticmethod
    def force(path, attribute):
        """The owner and the mode become an attribute; capabilities do not outlive a new owner, so they are set again."""
        st = os.lstat(path)
        if not (stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)) or attribute in os.listxattr(path):
            return
        kept = {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("security.")}
        os.chown(path, 7, 7)
        os.chmod(path, 0o755)
        for name, value in kept.items():
            os.setxattr(path, name, value)
        os.setxattr(path, attribute, b"%d:%d:0%o" % (st.st_uid, st.st_gid, st.st_mode & 0o7777))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


class OfAUser(Case):
    GATE = False        # root's mount is not the user's

    @classmethod
    def setUpClass(cls):
        cls.user = stores.User()
        cls.addClassCleanup(cls.user.remove)
        case = cls()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.layout_path = case.layout(stores.image(devices=False))
        cls.expected = stores.of_root(judge.mounted_dump(case.snapshot(cls.layout_path)[0]))
        cls.user.copy_in(cls.layout_path, "layout")
        for driver in ("vfs", "overlay"):
            cls.user.must("cd; skopeo copy -q oci:layout containers-storage:[%s@%s+$HOME/run]%s-%s" % (driver, cls.user.store, stores.NAME, driver))

    def runTest(self):
        """unittest wants one for an instance that is made by hand."""

    def told(self, command, code, *words):
        done = self.user.run(command)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done

    def same(self, image):
        judge.same_lines(stores.of_root(judge.mounted_dump(image)), self.expected, image)
        judge.fsck_silent(image)

    def image(self, driver="vfs"):
        return "containers-storage:%s-%s" % (stores.NAME, driver)

    def test_files_on_disk_are_shifted_and_closed(self):
        found = judge.run("find", self.user.store, "-uid", "+65536", "-perm", "0400").splitlines()
        self.assertGreaterEqual(len(found), 2)

    def test_snapshot(self):
        out = os.path.join(self.user.home, "x.ext4")
        for driver in ("vfs", "overlay"):
            with self.subTest(driver):
                self.user.must("cd; ./o2r snapshot -q -f --platform linux/amd64 %s -o x.ext4" % self.image(driver))
                self.assertEqual(os.stat(out).st_uid, os.stat(self.user.home).st_uid)
                self.same(out)

    def test_inside_buildah_unshare(self):
        self.user.must("cd; buildah unshare ./o2r snapshot -q -f --platform linux/amd64 %s -o y.ext4" % self.image())
        self.same(os.path.join(self.user.home, "y.ext4"))

    def test_other_commands(self):
        self.assertIn("hosts", self.user.must("cd; ./o2r ls %s etc" % self.image()))
        self.assertEqual(self.user.must("cd; ./o2r cat %s /private/x" % self.image("overlay")), "x")
        self.user.must("cd; ./o2r cp -q %s /etc copied" % self.image())
        owner = os.stat(self.user.home).st_uid
        for folder, dirs, names in os.walk(os.path.join(self.user.home, "copied")):
            for name in [".", *names]:
                self.assertEqual(os.lstat(os.path.join(folder, name)).st_uid, owner)
        self.assertEqual(self.user.run("cd; ./o2r diff %s %s" % (self.image(), self.image("overlay"))).returncode, 0)

    def test_it_is_said(self):
        done = self.told("cd; ./o2r ls -vv %s" % self.image(), 0, "entered the user namespace")
        self.assertNotIn("warning", done.stderr)

    def test_directory_of_the_driver(self):
        tops = [os.path.join(self.user.store, "overlay", d) for d in os.listdir(os.path.join(self.user.store, "overlay")) if d != "l"]
        top = max(tops, key=lambda d: os.path.exists(d + "/lower") and len(open(d + "/lower").read()))
        self.user.must("cd; ./o2r snapshot -q -f --platform linux/amd64 overlay:%s -o z.ext4" % top)
        self.same(os.path.join(self.user.home, "z.ext4"))

    def test_mount_cannot(self):
        self.told("cd; mkdir -p m; ./o2r mount %s m" % self.image(), 4, "podman unshare", "buildah unshare")

    def test_without_helpers_it_is_refused(self):
        """As on a machine without the package uidmap: no entry in /etc/subuid."""
        for kind in ("subuids", "subgids"):
            with open("/etc/" + kind[:-1]) as f:
                first, count = next(line for line in f if line.startswith(self.user.name + ":")).split(":")[1:]
            ids = "%s-%d" % (first, int(first) + int(count) - 1)
            # with the lock on these files: other tests make users meanwhile
            self.addCleanup(judge.run, "usermod", "--add-" + kind, ids, self.user.name)
            judge.run("usermod", "--del-" + kind, ids, self.user.name)
        self.told("cd; ./o2r ls -vv %s" % self.image(), 4, "not entered", "have no ids", "buildah unshare")

    def test_root_reads_it_too(self):
        """From outside of the namespace, by /etc/subuid and /etc/subgid."""
        for driver in ("vfs", "overlay"):
            path, _ = self.snapshot("containers-storage:[%s]%s-%s" % (self.user.store, stores.NAME, driver))
            self.same(path)

    def test_a_store_of_somebody_else(self):
        """Of root, readable to all: the marks are root's, and inside a namespace its owners are nobody."""
        root = os.path.join(self.user.home, "roots")
        stores.containers(self.layout_path, root)
        for folder, dirs, names in os.walk(root):
            for name in dirs + names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    os.chmod(path, os.stat(path).st_mode | 0o555)
        os.chmod(root, 0o755)
        self.told("./o2r ls 'containers-storage:[%s]%s'" % (root, stores.NAME), 4, "root")
        self.told("cd; buildah unshare ./o2r ls 'containers-storage:[%s]%s'" % (root, stores.NAME), 4, "nobody of this user namespace")
