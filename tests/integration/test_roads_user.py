"""The merge cases and random images in the store of an ordinary user, of both drivers, read by him and by root."""
import os

import judge
import merges
import stores
import taken
from judge import Case
from mkimage import Image, Layer
from roads import Roads, as_an_image, otherwise, top_of_vfs

UNDER_SANITIZERS = False    # what it runs other files run under them too

STORED = {"overlay": ("merges", "random", "many"), "vfs": ("merges", "random")}
FOLDERS, FILES = 60, 60


def many():
    """A few thousand files of many users, some of them closed; in the upper layer some are replaced, deleted and linked."""
    low, top = Layer(), Layer()
    for folder in range(FOLDERS):
        for layer in (low, top):
            layer.dir("%d" % folder, mode=0o700 + folder % 8, uid=folder, gid=1000 + folder)
        for n in range(FILES):
            name = "%d/%d" % (folder, n)
            low.file(name, b"%d" % n * (n % 9), mode=0o400 + folder % 64, uid=n * 1000, gid=folder)
            if n % 10 == 3:
                top.whiteout(name)
            if n % 10 == 7:
                top.file(name, b"top", mode=0o600, uid=folder).link(name + ".link", name, mode=0o600, uid=folder)
    return Image([low, top])


class OfAUser(Roads, Case):
    IMAGES = {"merges": merges.image(merges.ENGINES, without=merges.EXTRA), "random": taken.image(range(201, 213), ordinary=True), "many": many()}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = stores.User("o2r-roads")
        cls.addClassCleanup(cls.user.remove)
        cls.user.copy_in(os.path.join(judge.TOOLS, "treedump.py"), "treedump.py")
        for image in cls.images:
            cls.user.copy_in(image.layout, image.name)
        for driver, names in STORED.items():
            cls.user.must("cd; for i in %s; do skopeo copy -q oci:$i:v1 \"containers-storage:[%s@$HOME/%s+$HOME/%s.run]localhost/$i:v1\" || exit; done"
                          % (" ".join(names), driver, driver, driver))

    def reference(self, image, driver):
        return "containers-storage:[%s]%s" % (os.path.join(self.user.home, driver), image.tag)

    def kernel(self, image, driver):
        """What it is inside the user's namespace."""
        name = "localhost/" + image.tag
        if driver == "vfs":
            done = self.user.must("cd; buildah unshare python3 treedump.py " + top_of_vfs(os.path.join(self.user.home, driver), name))
        else:
            buildah = "buildah --root $HOME/overlay --runroot $HOME/overlay.run --storage-driver overlay"
            done = self.user.must("cd; buildah unshare sh -ec 'c=$(%s from --pull-never %s); python3 treedump.py --skip-missing $(%s mount $c); %s rm $c >/dev/null'"
                                  % (buildah, name, buildah, buildah))
        return as_an_image(done.splitlines())

    def test_snapshots(self):
        for driver, names in STORED.items():
            for image in (image for image in self.images if image.name in names):
                kernel = self.kernel(image, driver)
                with self.subTest(image=image.name, driver=driver):
                    self.user.must("cd; ./o2r snapshot -q -f --platform linux/amd64 '%s' -o x.ext4" % self.reference(image, driver))
                    path = os.path.join(self.user.home, "x.ext4")
                    self.judged(image, "user " + driver, judge.mounted_dump(path), kernel)
                    digest = judge.sha256(path)
                    # root, from outside, reads the same
                    self.assertEqual(judge.sha256(self.through(image, self.reference(image, driver))), digest)

    def test_diff_with_a_view(self):
        """The view is the user's own; the store is read inside of his namespace."""
        os.chmod("/dev/fuse", 0o666)        # as distributions have it; run.py puts it back
        for image in self.images:
            with self.subTest(image=image.name):
                self.user.must("cd; mkdir -p m; ./o2r mount --platform linux/amd64 oci:%s:v1 m" % image.name)
                try:
                    inside = self.user.must("cd; buildah unshare ./o2r ls -R --platform linux/amd64 ./m")
                    there = self.user.run("cd; ./o2r diff --exit-code --platform linux/amd64 ./m '%s'" % self.reference(image, "overlay"))
                    back = self.user.run("cd; ./o2r diff --exit-code --platform linux/amd64 '%s' ./m" % self.reference(image, "overlay"))
                finally:
                    self.user.must("cd; ./o2r umount m")
                self.assertEqual(inside, self.user.must("cd; ./o2r ls -R --platform linux/amd64 oci:%s:v1" % image.name))
                names = otherwise("user overlay") if image.name == "merges" else set()
                for done in (there, back):
                    self.assertEqual(done.returncode, 8 if names else 0, done.stdout + done.stderr)
                    *lines, total = done.stdout.splitlines()
                    # the root's own line is about what a store does not have
                    self.assertEqual({line.split("/")[1] for line in lines if not line.startswith("C /:")}, names & set(merges.ENGINES))
                    self.assertRegex(total, "[0-9]+ added .* changed")
