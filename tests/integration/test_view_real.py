"""The view of a real Debian: what it shows, what reads it, what runs in it, what stands on it."""
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

import judge
import readall
import treedump
import viewing
from judge import Case

# 2 GB of layers take minutes there and nothing that smaller images do not reach
UNDER_SANITIZERS = False
ALONE = True        # the kernel's caches are dropped again and again

IMAGES = os.environ.get("O2R_IMAGES", tempfile.gettempdir())
WHERE = os.path.join(IMAGES, "real")
LAYOUT = os.path.join(WHERE, "layout")
SMALL = os.path.join(IMAGES, "real-small")
SEED = os.environ.get("O2R_SEED", "1")
NOBODY = 65534


CACHE = tempfile.mkdtemp(prefix="o2r-real-cache-", dir=os.environ.get("O2R_SCRATCH"))     # one for all, but for who wants his own


def setUpModule():
    unittest.addModuleCleanup(shutil.rmtree, CACHE)
    judge.run(os.path.join(judge.TOOLS, "real-image.sh"), WHERE)
    judge.run(os.path.join(judge.TOOLS, "real-image.sh"), SMALL, "--small")


def sha256_of(*argv, **kw):
    total = hashlib.sha256()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, **kw) as child:
        while piece := child.stdout.read(1 << 20):
            total.update(piece)
    assert child.returncode == 0, argv
    return total.hexdigest()


class Real(Case):
    """One view for all, that is not changed by anything, and the snapshot that it is compared with."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="o2r-real-", dir=os.environ.get("O2R_SCRATCH"))
        cls.addClassCleanup(shutil.rmtree, folder)
        image = os.path.join(folder, "image.ext4")
        judge.run(judge.O2R, "snapshot", LAYOUT, "-o", image, "--size=min", "-q", "--cache", CACHE)
        cls.view = cls.enterClassContext(viewing.view(LAYOUT, "--cache", CACHE, platform=None))
        cls.loop = cls.enterClassContext(judge.loop_mount(image))
        cls.lines = treedump.dump(cls.loop, "--stat")

    def setUp(self):
        super().setUp()
        self.root = self.view.root

    def test_it_shows_what_the_snapshot_shows(self):
        self.assertGreater(len(self.lines), 60000)
        judge.same_lines(viewing.as_in_ext4(viewing.lines(self.root), self.lines), self.lines, "the view")
        readall.drop_caches()
        judge.same_lines(viewing.as_in_ext4(viewing.lines(self.root), self.lines), self.lines, "the view, the kernel's caches dropped")

    def test_every_byte_by_eight_readers(self):
        print("seed %s" % SEED, flush=True)
        files = readall.files(self.lines)
        self.assertGreater(len(files), 50000)
        self.assertEqual(readall.read_all(self.root, files, SEED, drop=True), [])

    def test_find(self):
        """Every number that find can print, but for those of directories that a filesystem chooses."""
        form = "%P\\t%y\\t%m\\t%U:%G\\t%T@\\t%A@\\t%l\\t%n\\n"
        found = [sorted(judge.run("find", root, "-path", root + "/lost+found", "-prune", "-o", "-mindepth", "1", "-printf", form).splitlines())
                 for root in (self.root, self.loop)]
        judge.same_lines(*found, "find")
        sizes = [sorted(judge.run("find", root, "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P %s\\n").splitlines())
                 for root in (self.root, self.loop)]
        judge.same_lines(*sizes, "find, sizes")
        self.assertEqual(judge.run("find", self.root, "-empty", "-type", "f").count("\n"), judge.run("find", self.loop, "-empty", "-type", "f").count("\n"))

    def test_tar(self):
        """The archives are the same, byte by byte: names, all metadata, hard links, content."""
        tar = ("tar", "--sort=name", "--numeric-owner", "--format=pax", "--pax-option=delete=atime,delete=ctime,exthdr.name=%f", "--acls",
               "--exclude=./lost+found", "-c", ".")
        found = [sha256_of(*tar, cwd=root, stderr=subprocess.DEVNULL) for root in (self.root, self.loop)]
        self.assertEqual(found[0], found[1])

    def test_rsync(self):
        for a, b in ((self.root, self.loop), (self.loop, self.root)):
            said = judge.run("rsync", "-aHAX", "--dry-run", "--itemize-changes", "--delete", "--exclude=/lost+found", a + "/", b + "/")
            self.assertEqual(said, "")

    def test_du(self):
        """The space is that of the data: no hole is counted, and no file more than it has."""
        ours, theirs = (int(judge.run("du", "-s", "--block-size=1", "--exclude=lost+found", root).split()[0]) for root in (self.root, self.loop))
        folders = sum(line.split("\t")[1] == "d" for line in self.lines) * 4096 * 16
        self.assertLess(abs(ours - theirs), theirs * 0.02 + folders)
        apparent = [int(judge.run("find", root, "-type", "f", "-printf", "%s\\n").count("\n")) for root in (self.root, self.loop)]
        self.assertEqual(*apparent)

    def test_statfs(self):
        found = os.statvfs(self.root)
        inodes = len({line.split("\t")[7] if line.split("\t")[7] != "-" else line for line in self.lines})
        self.assertEqual(found.f_files, inodes)
        self.assertEqual((found.f_ffree, found.f_bfree, found.f_bavail), (0, 0, 0))
        self.assertTrue(found.f_flag & os.ST_RDONLY)
        self.assertTrue(found.f_flag & os.ST_NOSUID)

    def test_cp_keeps_everything(self):
        out = self.path("copy")
        judge.run("cp", "-a", self.root, out)
        judge.same_lines(treedump.dump(out), judge.column([line.rsplit("\t", 1)[0] for line in self.lines]), "the copy")

    def test_chroot(self):
        for argv in (["/bin/true"], ["/usr/bin/env", "-i", "/bin/sh", "-c", "exit 0"]):
            judge.run("chroot", self.root, *argv)
        listed = judge.run("chroot", self.root, "dpkg", "-l")
        self.assertGreater(listed.count("\nii "), 100)
        self.assertEqual(listed, judge.run("chroot", self.loop, "dpkg", "-l"))

    def test_nothing_can_be_changed(self):
        for what in (lambda: open(self.root + "/etc/passwd", "ab"), lambda: os.mkdir(self.root + "/new"), lambda: os.unlink(self.root + "/etc/passwd"),
                     lambda: os.chmod(self.root + "/etc", 0), lambda: os.rename(self.root + "/etc", self.root + "/x"),
                     lambda: os.utime(self.root + "/etc"), lambda: os.setxattr(self.root + "/etc", "user.x", b"")):
            with self.assertRaises(OSError) as found:
                what()
            self.assertEqual(found.exception.errno, 30)     # EROFS


class Spans(Case):
    def test_the_last_file_of_a_large_layer(self):
        """At most two spans are decoded for it, of the hundreds that the layer has; the server counts them."""
        layer, name = self.last()
        with viewing.view(LAYOUT, "--cache", CACHE, "-v", platform=None, foreground=True) as v:
            with open(os.path.join(v.root, name), "rb", buffering=0) as f:
                self.assertEqual(len(f.read()), os.stat(os.path.join(v.root, name)).st_size)
            v.unmount()
            decoded, = map(int, re.findall(r"(?m)^o2r: served [^\n]*: (\d+) spans decoded", v.log))
            print("%s of layer %s: %d spans" % (name, layer, decoded), flush=True)
            self.assertIn(decoded, (1, 2))

    def last(self):
        """The last file of the largest layer that the image still shows."""
        with viewing.view(LAYOUT, "--cache", CACHE, platform=None) as v:
            layouts = os.path.join(LAYOUT, "blobs/sha256")
            blob = max((os.path.join(layouts, name) for name in os.listdir(layouts)), key=os.path.getsize)
            for name in reversed(judge.run("bsdtar", "-tf", blob).splitlines()):
                path = os.path.join(v.root, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path):
                    return os.path.basename(blob)[:12], name
        raise AssertionError("no file")


class Overlay(Case):
    """A writable overlay that stands on the view."""

    def setUp(self):
        super().setUp()
        for name in ("upper", "work", "merged"):
            os.mkdir(self.path(name))
        self.view = self.enterContext(viewing.view(LAYOUT, "--cache", CACHE, platform=None))
        self.merged = self.path("merged")
        options = "lowerdir=%s,upperdir=%s,workdir=%s" % (self.view.root, self.path("upper"), self.path("work"))
        judge.run("mount", "-t", "overlay", "overlay", "-o", options, self.merged)
        self.addCleanup(judge.run, "umount", self.merged)

    def small_package(self):
        """A package that replaces nothing, with a script."""
        tree = self.path("package")
        for folder in ("DEBIAN", "usr/share/o2r-test", "etc"):
            os.makedirs(os.path.join(tree, folder))
        for name, text, mode in (
                ("DEBIAN/control", "Package: o2r-test\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: test\n", 0o644),
                ("DEBIAN/postinst", "#!/bin/sh\nset -e\necho done >> /etc/o2r-test.conf\nchmod 600 /etc/hostname || true\n", 0o755),
                ("etc/o2r-test.conf", "begin\n", 0o644), ("usr/share/o2r-test/file", "x\n" * 100_000, 0o644)):
            with open(os.path.join(tree, name), "w") as f:
                f.write(text)
            os.chmod(os.path.join(tree, name), mode)
        judge.run("dpkg-deb", "--build", "--root-owner-group", tree, self.merged + "/package.deb")

    def test_a_package_is_installed(self):
        before = treedump.dump(self.view.root, "--no-hash")
        self.small_package()
        judge.run("chroot", self.merged, "dpkg", "-i", "/package.deb")
        self.assertIn("install ok installed", judge.run("chroot", self.merged, "dpkg", "-s", "o2r-test"))
        with open(self.merged + "/etc/o2r-test.conf") as f:
            self.assertEqual(f.read(), "begin\ndone\n")
        judge.run("chroot", self.merged, "dpkg", "-P", "o2r-test")
        self.assertFalse(os.path.exists(self.merged + "/usr/share/o2r-test"))
        judge.same_lines(treedump.dump(self.view.root, "--no-hash"), before, "the view below")

    def test_copy_up_keeps_everything(self):
        """A file is copied up when its mode, owner or content changes: what was not changed is as in the view."""
        chosen = self.interesting()
        for path, what in chosen:
            with self.subTest(path, what=what):
                lower, upper = self.view.root + path, self.merged + path
                had = [self.facts(lower), self.facts(upper)]
                self.assertEqual(*had)
                os.utime(upper, ns=(1, os.lstat(lower).st_mtime_ns), follow_symlinks=False)
                self.assertTrue(os.path.lexists(self.path("upper") + path), "not copied up")
                self.assertEqual(self.facts(upper), had[0])
        with open(self.merged + "/etc/passwd", "a") as f:
            f.write("x:x:1:1::/:/bin/false\n")
        with open(self.merged + "/etc/passwd") as f, open(self.view.root + "/etc/passwd") as g:
            self.assertEqual(f.read(), g.read() + "x:x:1:1::/:/bin/false\n")
        os.unlink(self.merged + "/etc/hostname") if os.path.lexists(self.merged + "/etc/hostname") else None
        shutil.rmtree(self.merged + "/usr/share/doc")
        self.assertFalse(os.path.lexists(self.merged + "/usr/share/doc"))
        os.mkdir(self.merged + "/usr/share/doc")
        self.assertEqual(os.listdir(self.merged + "/usr/share/doc"), [])
        self.assertNotEqual(os.listdir(self.view.root + "/usr/share/doc"), [])

    def interesting(self):
        """A file with each kind of thing that can be lost."""
        found = {}
        for line in treedump.dump(self.view.root, "--no-hash"):
            path, kind, mode, owner, _, body, attrs, _ = line.split("\t")
            if "\\x" in path or kind not in "fl":
                continue
            for what in (kind, "mode " + mode[0], "owner" if owner != "0:0" else "", *(pair.split("=")[0] for pair in attrs.split(","))):
                found.setdefault(what, path)
        self.assertGreaterEqual(set(found), {"f", "l", "owner", "security.capability", "system.posix_acl_access"})
        return [(path, what) for what, path in found.items() if what]

    def facts(self, path):
        st = os.lstat(path)
        body = b""
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                body = hashlib.sha256(f.read()).digest()
        names = sorted(name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith("trusted.overlay."))
        return (st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns, st.st_size, body, [(n, os.getxattr(path, n, follow_symlinks=False)) for n in names])

    def test_it_shows_what_the_view_shows(self):
        """But for the root's time, which is the upper folder's."""
        found, expected = (judge.column(treedump.dump(root, "--no-hash"), 4)[:1] + treedump.dump(root, "--no-hash")[1:]
                           for root in (self.merged, self.view.root))
        judge.same_lines(found, expected, "the overlay")


class OrdinaryUser(Case):
    """A whole image, mounted by a user without privileges: the bytes are his, whatever their mode says."""

    def setUp(self):
        super().setUp()
        self.outside = tempfile.mkdtemp(prefix="o2r-user-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.outside, ignore_errors=True)
        os.chmod(self.outside, 0o755)
        os.chmod("/dev/fuse", 0o666)        # as distributions have it; run.py puts it back

    def as_user(self, *argv):
        done = subprocess.run(argv, capture_output=True, text=True, errors="backslashreplace", stdin=subprocess.DEVNULL, cwd="/", env=self.env,
                              user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(done.returncode, 0, "%s\n%s" % (argv, done.stderr))
        return done.stdout

    def test_every_file(self):
        shutil.copy(judge.O2R, self.outside + "/o2r")
        shutil.copy(os.path.join(judge.TOOLS, "treedump.py"), self.outside)
        shutil.copytree(os.path.join(SMALL, "layout"), self.outside + "/layout")
        judge.run("chmod", "-R", "a+rX", self.outside)
        self.env = {**os.environ, "LC_ALL": "C"}
        for name in ("home", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "mnt"):
            self.env[name] = os.path.join(self.outside, name)
            os.mkdir(self.env[name], 0o700)
            os.chown(self.env[name], NOBODY, NOBODY)
        image, _ = self.snapshot(os.path.join(SMALL, "layout"), platform=self.platform())
        expected = judge.mounted_dump(image)
        secret = [line for line in expected if line.split("\t")[1] == "f" and not int(line.split("\t")[2], 8) & 0o044]
        self.assertGreater(len(secret), 0)
        o2r, mnt = self.outside + "/o2r", self.env["mnt"]
        self.as_user(o2r, "mount", self.outside + "/layout", mnt)
        try:
            found = self.as_user("python3", self.outside + "/treedump.py", mnt).splitlines()
            judge.same_lines(found, expected, "what the user sees")
            with self.assertRaises(PermissionError):        # nobody else, root neither, sees it
                os.listdir(mnt)
            self.assertIn(mnt, self.as_user(o2r, "mounts"))
        finally:
            self.as_user(o2r, "umount", mnt)
        self.assertFalse(viewing.mounted(mnt))
        viewing.wait_for(lambda: os.listdir(self.env["XDG_RUNTIME_DIR"]) in ([], ["o2r"]))

    def platform(self):
        return "linux/" + {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


if __name__ == "__main__":
    unittest.main()
