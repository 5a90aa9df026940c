"""Layers that lie in directories: what o2r makes of a stack of them is what the kernel's overlay mount shows of it."""
import contextlib
import errno
import hashlib
import os
import random
import re
import secrets
import shutil
import signal
import stat
import subprocess
import unittest

import judge
import randoverlay
import treedump
import viewing
from mounting import NOBODY, MountCase, filesystem

SEEDS = int(os.environ.get("O2R_SEEDS", "2" if judge.SANITIZED else "6"))
REDIRECTS = "redirect_dir=on,metacopy=on,index=off"


def layers(*paths):
    """The options that lay these on top of nothing."""
    return [word for path in paths for word in ("--layer", path)]


def tree(root):
    """All but what the top is of itself, which is its keeper's and not the image's, and the kernel's own marks. FIFOs and the
    like have no attributes of users in an image."""
    return [line for line in treedump.dump(root) if not line.startswith("/\t")]


class Stack(MountCase):
    """Layers in folders of the case, on a filesystem that has trusted.* attributes."""

    def setUp(self):
        super().setUp()
        self.count = 0

    def layer(self):
        self.count += 1
        path = self.path("layer%d" % self.count)
        os.mkdir(path)
        return path

    @contextlib.contextmanager
    def overlay(self, lower, upper=None, options=REDIRECTS):
        """The kernel's overlay of these (the bottom first), with a writable layer or without."""
        point = self.path("merged")
        os.makedirs(point, exist_ok=True)
        words = ["lowerdir=" + ":".join(reversed(lower))] if upper else ["lowerdir=" + ":".join(reversed([self.empty(), *lower]))]
        if upper:
            work = upper + ".work"
            os.mkdir(work)
            words += ["upperdir=" + upper, "workdir=" + work]
        judge.run("mount", "-t", "overlay", "overlay", "-o", ",".join([*words, options]), point)
        try:
            yield point
        finally:
            judge.run("umount", point)

    def empty(self):
        """One more layer at the bottom: a mount without a writable one wants two."""
        path = self.path("nothing")
        os.makedirs(path, exist_ok=True)
        return path

    def image_tree(self, *args):
        """What the loop-mounted snapshot shows, which the view shows as well."""
        image = self.path("out.img")
        self.command("snapshot", "scratch", *args, "-o", image, "--force")
        judge.fsck_silent(image)
        with judge.loop_mount(image) as root:
            shown = tree(root)
        v = self.mounted_view("scratch", *args, platform=None)
        self.assertEqual(tree(v.root), shown)
        v.unmount()
        return shown

    def same(self, expected, *args, seed=None):
        shown = self.image_tree(*args)
        if shown != expected:
            lines = [*("-" + line for line in expected if line not in shown), *("+" + line for line in shown if line not in expected)]
            self.fail("seed %s\n%s" % (seed, "\n".join(lines[:40])))


class Random(Stack):
    """Random changes in containers on top of each other. O2R_SEED=N O2R_SEEDS=1 makes one case again."""

    def grow(self, rng, options, rounds):
        stack = [self.layer()]
        randoverlay.fill(stack[0], rng)
        for _ in range(rounds):
            upper = self.layer()
            with self.overlay(stack, upper, options) as root:
                randoverlay.Changer(root, rng).change(rng.randrange(5, 60))
            stack.append(upper)
        return stack

    def many(self, options, name):
        first = int(os.environ.get("O2R_SEED", secrets.randbits(32)))
        print("%s: seeds %d to %d" % (name, first, first + SEEDS - 1))
        for seed in range(first, first + SEEDS):
            rng = random.Random(seed)
            stack = self.grow(rng, options, rng.randrange(1, 5))
            with self.overlay(stack, options=options) as root:
                expected = tree(root)
            self.same(expected, *layers(*stack), seed=seed)
            for path in stack:
                shutil.rmtree(path)

    def test_redirects_and_metacopies(self):
        self.many(REDIRECTS, "redirects")

    def test_plain(self):
        self.many("redirect_dir=off,metacopy=off,index=off", "plain")

    def test_marks_of_users(self):
        self.many("userxattr", "userxattr")


class Marks(Stack):
    """What the kernel, fuse-overlayfs and containers-storage leave in layers, made by hand."""

    def make(self, files):
        """A layer: {path: bytes, None for a directory}."""
        path = self.layer()
        for name, data in files.items():
            full = os.path.join(path, name)
            os.makedirs(full if data is None else os.path.dirname(full), exist_ok=True)
            if data is not None:
                with open(full, "wb") as f:
                    f.write(data)
        return path

    def whiteout(self, *path):
        os.mknod(os.path.join(*path), stat.S_IFCHR, os.makedev(0, 0))

    def names(self, *stack):
        return {line.split("\t")[0][1:] for line in self.image_tree(*layers(*stack))}

    def kernel(self, *stack):
        with self.overlay(list(stack)) as root:
            return tree(root)

    def test_whiteouts_that_are_one_inode(self):
        low = self.make({"a": b"a", "b": b"b", "n" * 255: b"n", "kept": b"k"})
        high = self.make({})
        self.whiteout(high, "a")
        os.link(high + "/a", high + "/b")
        os.link(high + "/a", high + "/" + "n" * 255)
        os.link(high + "/a", high + "/nothing below")
        self.assertEqual(self.names(low, high), {"kept"})
        self.same(self.kernel(low, high), *layers(low, high))

    def test_whiteouts_that_are_files(self):
        low = self.make({"d/a": b"a", "d/b": b"b", "d/empty": b"", "e/a": b"a"})
        high = self.make({"d/a": b"", "d/b": b"not empty", "e/a": b""})
        for name in ("d/a", "d/b", "e/a"):
            os.setxattr(os.path.join(high, name), "trusted.overlay.whiteout", b"y")
        os.setxattr(high + "/d", "trusted.overlay.opaque", b"x")
        self.assertEqual(self.names(low, high), {"d", "d/b", "d/empty", "e", "e/a"})
        with self.overlay([low, high]) as root:
            if os.path.exists(root + "/d/a"):
                self.assertLess(os.uname().release, "6.8")      # the kernel does not know them yet
            else:
                self.assertEqual(set(os.listdir(root + "/d")), {"b", "empty"})

    def test_names_of_fuse_overlayfs(self):
        low = self.make({"d/a": b"a", "o/a": b"a", "o/sub/b": b"b", "gone/x": b"x", "was/x": b"x", "f": b"f"})
        high = self.make({"d/.wh.a": b"", "o/.wh..wh..opq": b"", "o/new": b"n", ".wh.gone": b"", ".wh.was": b"", "was/y": b"y",
                          ".wh.f": b"", "linked": b""})
        # an AUFS habit: whiteouts are names of one inode
        os.unlink(high + "/d/.wh.a")
        os.link(high + "/linked", high + "/d/.wh.a")
        expected = {"d", "o", "o/new", "was", "was/y", "linked"}
        self.assertEqual(self.names(low, high), expected)
        # and the same where the whole stack has to be looked at
        os.mkdir(high + "/moved")
        os.setxattr(high + "/moved", "trusted.overlay.redirect", b"/o/sub")
        self.assertEqual(self.names(low, high), expected | {"moved", "moved/b"})

    def test_marks_of_an_image_in_a_store_of_root(self):
        # user.overlay.* in a layer of root's store came with the image; the container shows what is below
        store = self.path("store")
        low, high = self.make({"d/a": b"a"}), self.make({"d/b": b"b"})
        os.setxattr(high + "/d", "user.overlay.opaque", b"y")
        self.assertEqual(self.names(low, high), {"d", "d/b"})
        for name, source in (("low", low), ("high", high)):
            shutil.copytree(source, os.path.join(store, name, "diff"))
        os.mkdir(store + "/l")
        os.setxattr(store + "/high/diff/d", "user.overlay.opaque", b"y")
        os.symlink("../low/diff", store + "/l/LOW")
        for name, lower in (("low", None), ("high", "l/LOW")):
            with open(os.path.join(store, name, "link"), "w") as f:
                f.write(name.upper())
            if lower:
                with open(os.path.join(store, name, "lower"), "w") as f:
                    f.write(lower)
        done = self.command("ls", "-R", "overlay:" + store + "/high")
        self.assertEqual(done.stdout.split(), [b"/d", b"/d/a", b"/d/b"])

    def test_what_is_below_is_not_known(self):
        low = self.make({"d/a": b"a", "f": b"content"})
        for name, mark in (("d", "redirect"), ("f", "metacopy")):
            high = self.make({"d/x": b"", "f": b"content"})
            os.setxattr(os.path.join(high, name), "trusted.overlay." + mark, b"d")
            self.refused(high, "/" + name, "overlay." + mark, "below")
            self.names(low, high)

    def refused(self, layer, *words, code=1, **kw):
        """One line that has the words, and no image."""
        image = self.path("refused.img")
        self.wrong("snapshot", "scratch", *layers(layer), "-o", image, code=code, words=words, **kw)
        self.assertFalse(os.path.exists(image))

    def test_a_redirect_that_is_over(self):
        # a file whose content was copied up keeps its redirect, and needs nothing below
        high = self.make({"f": b"content", "d/x": b"x"})
        os.setxattr(high + "/f", "trusted.overlay.redirect", b"/gone")
        os.setxattr(high + "/d", "trusted.overlay.redirect", b"/gone")
        os.setxattr(high + "/d", "trusted.overlay.opaque", b"y")
        self.assertEqual(self.names(high), {"f", "d", "d/x"})

    def test_redirects_that_are_none(self):
        for value in (b"", b"/", b"a/b", b"..", b"/a/../b", b"//a", b"/a/", b"a\0b", b"n" * 256):
            high = self.make({"d/x": b""})
            os.setxattr(high + "/d", "trusted.overlay.redirect", value)
            self.refused(high, "overlay.redirect", code=6)

    def test_content_of_another_size(self):
        low, high = self.make({"f": b"content"}), self.make({"f": b"more content"})
        os.setxattr(high + "/f", "trusted.overlay.metacopy", b"")
        self.wrong("snapshot", "scratch", *layers(low, high), "-o", self.path("x.img"), code=6, words=["/f", "size"])
        os.unlink(low + "/f")
        self.wrong("snapshot", "scratch", *layers(low, high), "-o", self.path("x.img"), code=6, words=["/f", "metacopy"])

    def test_an_opaque_top(self):
        low, high = self.make({"a": b"a", "d/x": b"x"}), self.make({"b": b"b", "m/y": b"y"})
        os.setxattr(high, "trusted.overlay.opaque", b"y")
        self.assertEqual(self.names(low, high), {"b", "m", "m/y"})
        top = self.make({"c": b"c", "t": None})
        os.setxattr(top + "/t", "trusted.overlay.redirect", b"/m")
        self.assertEqual(self.names(low, high, top), {"b", "c", "m", "m/y", "t", "t/y"})


class Trees(Stack):
    """Directories that are large, deep or odd."""

    def test_deep(self):
        top = self.layer()
        fd = os.open(top, os.O_RDONLY)
        for i in range(2000):
            name = "level%d" % i
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        with open(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=fd), "wb") as f:
            f.write(b"the end")
        os.close(fd)
        path = "/".join(["level%d" % i for i in range(2000)] + ["end"])
        self.command("snapshot", "scratch", *layers(top), "-o", self.path("deep.img"))
        judge.fsck_silent(self.path("deep.img"))
        with judge.loop_mount(self.path("deep.img")) as root:
            fd = os.open(root, os.O_RDONLY)
            for part in path.split("/"):
                below = os.open(part, os.O_RDONLY, dir_fd=fd)
                os.close(fd)
                fd = below
            self.assertEqual(os.read(fd, 100), b"the end")
            os.close(fd)
        subprocess.run(["rm", "-rf", top], check=True)

    def test_many_names(self):
        count = 50_000 if judge.SANITIZED else 200_000
        top = self.layer()
        judge.run("mount", "-t", "tmpfs", "none", top)
        try:
            for i in range(count):
                os.mknod(top + "/name%d" % i)
            self.command("snapshot", "scratch", *layers(top), "-o", self.path("many.img"))
        finally:
            judge.run("umount", top)
        judge.fsck_silent(self.path("many.img"))
        with judge.loop_mount(self.path("many.img")) as root:
            self.assertEqual(set(os.listdir(root)), {"lost+found", *("name%d" % i for i in range(count))})

    def test_other_filesystems(self):
        top = self.layer()
        for name in ("tmp", "bound"):
            os.mkdir(os.path.join(top, name))
        os.mkdir(self.path("else"))
        with open(self.path("else") + "/hidden", "wb"):
            pass
        judge.run("mount", "-t", "tmpfs", "none", top + "/tmp")
        judge.run("mount", "--bind", self.path("else"), top + "/bound")
        try:
            with open(top + "/tmp/hidden", "wb"):
                pass
            done = self.command("snapshot", "scratch", *layers(top), "-o", self.path("x.img"))
        finally:
            judge.run("umount", top + "/tmp")
            judge.run("umount", top + "/bound")
        self.assertEqual(len(re.findall("another filesystem is mounted there", done.stderr)), 2, done.stderr)
        with judge.loop_mount(self.path("x.img")) as root:
            self.assertEqual(sorted(os.listdir(root)), ["bound", "lost+found", "tmp"])
            self.assertEqual(os.listdir(root + "/tmp") + os.listdir(root + "/bound"), [])

    def test_an_old_kernel(self):
        """Without openat2 paths are opened part by part."""
        top = self.layer()
        randoverlay.fill(top, random.Random(3), 120)
        expected = self.command("snapshot", "scratch", *layers(top), "-o", "-").stdout
        shown = self.command("snapshot", "scratch", *layers(top), "-o", "-", env={"ASAN_OPTIONS": "detect_leaks=0"},
                             wrap=["strace", "-f", "-o", self.path("calls"), "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS"])
        self.assertEqual(shown.stdout, expected)
        with open(self.path("calls")) as f:
            self.assertIn("INJECTED", f.read())

    def test_without_proc(self):
        top = self.layer()
        with open(top + "/file", "wb"):
            pass
        done = judge.o2r("snapshot", "scratch", *layers(top), "-o", self.path("x.img"), env={"ASAN_OPTIONS": "detect_leaks=0"},
                         wrap=["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"])
        # sanitizers miss it too
        said = [line for line in done.stderr.splitlines() if not line.startswith("==")]
        self.assertEqual((done.returncode, len(said), os.path.exists(self.path("x.img"))), (1, 1, False), done.stderr)
        self.assertRegex(said[0], "^o2r: .*attributes.*/proc is not mounted")

    def test_holes(self):
        top = self.layer()
        with open(top + "/sparse", "wb") as f:
            f.truncate(1 << 40)
            f.seek((1 << 39) + 5000)
            f.write(b"in the middle")
        with open(top + "/all hole", "wb") as f:
            f.truncate(1 << 30)
        self.command("snapshot", "scratch", *layers(top), "-o", self.path("x.img"), "--size", "min")
        self.assertLess(os.stat(self.path("x.img")).st_size, 16 << 20)
        with judge.loop_mount(self.path("x.img")) as root, open(root + "/sparse", "rb") as f:
            self.assertEqual(os.fstat(f.fileno()).st_size, 1 << 40)
            self.assertEqual(os.lseek(f.fileno(), 0, os.SEEK_DATA), (1 << 39) + 4096)
            self.assertEqual(os.pread(f.fileno(), 20, (1 << 39) + 5000), b"in the middle" + bytes(7))
            self.assertEqual(os.stat(root + "/all hole").st_blocks, 0)


SLOWFS = os.path.join(os.environ["O2R_BUILD"], "tests/tools/slowfs")


class Changes(Stack):
    """Files that do not stay as they were seen: no image, and a word about it."""

    GATE = True

    def slow(self, backing):
        point = self.path("slow")
        os.makedirs(point, exist_ok=True)
        server = subprocess.Popen([SLOWFS, backing, point])
        self.addCleanup(server.wait)
        self.addCleanup(subprocess.run, ["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
        viewing.wait_for(lambda: viewing.mounted(point))
        return point

    def gate(self, point, word):
        with open(point + "/gate", "wb", buffering=0) as f:
            f.write(word)

    def waiting(self, point):
        with open(point + "/gate", "rb") as f:
            return int(f.read().split()[1])

    def snapshot_while(self, change, code, words, name="file", after=b"open"):
        backing = self.path("backing")
        shutil.rmtree(backing, ignore_errors=True)
        os.mkdir(backing)
        out = self.path("out")
        os.makedirs(out, exist_ok=True)
        for other in ("file", "other"):
            with open(os.path.join(backing, other), "wb") as f:
                f.write(os.urandom(3_000_000))
            os.utime(f.name, (10**9, 10**9))
        point = self.slow(backing)
        self.gate(point, b"hold")
        process = subprocess.Popen([judge.O2R, "snapshot", "scratch", *layers(point), "-o", out + "/x.img"], stderr=subprocess.PIPE)
        viewing.wait_for(lambda: self.waiting(point) > 0)
        change(os.path.join(backing, name), process)
        self.gate(point, after)
        text = process.communicate()[1].decode()
        self.assertEqual(process.returncode, code, text)
        for word in words:
            self.assertIn(word, text)
        self.assertEqual(os.listdir(out), [])
        judge.run("umount", point)

    def test_while_it_is_read(self):
        def grow(path, _):
            with open(path, "ab") as f:
                f.write(b"more")

        def cut(path, _):
            os.truncate(path, 10)

        def rewrite(path, _):
            with open(path, "r+b") as f:
                f.write(b"other bytes")

        def chmod(path, _):
            os.chmod(path, 0o600)

        def replace(path, _):
            shutil.copy2(path, path + ".new")
            os.rename(path + ".new", path)

        def unlink(path, _):
            os.unlink(path)

        def link(path, _):
            os.unlink(path)
            os.symlink("other", path)

        for change in (grow, cut, rewrite, chmod, replace, unlink, link):
            with self.subTest(change=change.__name__):
                # of a file that has become a link FUSE tells the kernel's own error
                self.snapshot_while(change, 1, ["/file"] if change is link else ["/file changed after it was looked at"])

    def test_failed_reads(self):
        """The file is named, here by its disk that fails while it is read."""
        self.snapshot_while(lambda path, process: None, 1, ["Input/output error", "/slow/"], after=b"fail")

    def test_cancelled(self):
        def stop(path, process):
            process.send_signal(signal.SIGINT)
        self.snapshot_while(stop, 130, ["interrupted"])

    def test_in_a_view(self):
        top = self.layer()
        for name in ("stays", "changes"):
            with open(os.path.join(top, name), "wb") as f:
                f.write(name.encode() * 1000)
        v = self.mounted_view("scratch", *layers(top), platform=None)
        with open(top + "/changes", "ab") as f:
            f.write(b"!")
        with open(v.root + "/stays", "rb") as f:
            self.assertEqual(f.read(), b"stays" * 1000)
        with open(v.root + "/changes", "rb") as f, self.assertRaises(OSError) as raised:
            f.read()
        self.assertEqual(raised.exception.errno, errno.EIO)
        v.unmount()


class Cloning(Stack):
    """Where a filesystem shares blocks between files, the image takes those of the layer's files."""

    FILES = 300

    def used(self, point):
        judge.run("sync", "-f", point)
        st = os.statvfs(point)
        return (st.f_blocks - st.f_bfree) * st.f_frsize

    def fill(self, top):
        """Files of every kind of end, a large one, a sparse one; returns how many have bytes, and their bytes."""
        rng = random.Random(1)
        os.mkdir(top)
        sizes = [0, 1, 4095, 4096, 4097, 8192, 20_000, 65_536, 100_001]
        for i in range(self.FILES):
            with open(os.path.join(top, "f%d" % i), "wb") as f:
                f.write(rng.randbytes(sizes[i % len(sizes)]))
        with open(top + "/large", "wb") as f:
            f.write(rng.randbytes(40_000_003))
        with open(top + "/sparse", "wb") as f:
            f.truncate(200_000_000)
            for at in (5000, 50_000_000, 199_000_000):
                f.seek(at)
                f.write(rng.randbytes(70_001))

    def snapshot(self, kind):
        """The image beside the layer: (its bytes are those of one that was written to a pipe, new space, shared extents)."""
        with filesystem(self.work, kind) as point:
            self.fill(point + "/layer")
            before = self.used(point)
            self.command("snapshot", "scratch", *layers(point + "/layer"), "-o", point + "/x.img")
            after = self.used(point)
            shared = judge.run("filefrag", "-v", point + "/x.img").count("shared")
            judge.fsck_silent(point + "/x.img")
            piped = self.command("snapshot", "scratch", *layers(point + "/layer"), "-o", "-").stdout
            self.assertEqual(hashlib.sha256(piped).hexdigest(), judge.sha256(point + "/x.img"))
            with judge.loop_mount(point + "/x.img") as root:
                self.assertEqual(tree(root), tree(point + "/layer"))
            return after - before, shared

    def check_shared(self, kind):
        used, shared = self.snapshot(kind)
        self.assertGreater(shared, self.FILES // 3)
        # a block for the end of each, and what stands around: superblocks, bitmaps, tables, the filesystem's own
        self.assertLess(used, (self.FILES + 10) * 4096 + (8 << 20))

    def test_xfs(self):
        self.check_shared("xfs")

    def test_btrfs(self):
        self.check_shared("btrfs")

    def test_no_sharing(self):
        self.assertEqual(self.snapshot("ext4")[1], 0)

    def test_from_elsewhere(self):
        """Of two layers one is on another filesystem: blocks are shared with the other alone."""
        with filesystem(self.work, "xfs") as point:
            here, there = point + "/layer", self.layer()
            self.fill(here)
            with open(there + "/of the other", "wb") as f:
                f.write(random.Random(2).randbytes(3_000_001))
            self.command("snapshot", "scratch", *layers(here, there), "-o", point + "/x.img")
            self.assertGreater(judge.run("filefrag", "-v", point + "/x.img").count("shared"), self.FILES // 3)
            with judge.loop_mount(point + "/x.img") as root:
                self.assertEqual(tree(root), sorted(tree(here) + tree(there)))


class Ordinary(Stack):
    """A user who is not root is told what he cannot see."""

    def as_user(self, *args, code, words):
        os.chmod(self.work, 0o777)
        home = self.path("home")
        os.makedirs(home, exist_ok=True)
        os.chown(home, NOBODY, NOBODY)
        env = {"HOME": home, "XDG_CACHE_HOME": home, "XDG_RUNTIME_DIR": home}
        done = judge.o2r(*args, env=env, wrap=["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"], cwd=home)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done

    def test_unreadable(self):
        top = self.layer()
        for name, mode in (("file", 0o600), ("folder", 0o700)):
            full = os.path.join(top, name)
            if name == "file":
                with open(full, "wb") as f:
                    f.write(b"secret")
            else:
                os.mkdir(full)
            os.chmod(full, mode)
            self.as_user("snapshot", "scratch", *layers(top), "-o", self.path("home/x.img"), code=4,
                         words=["/" + name, "not permitted", "unshare"])
            self.assertFalse(os.path.exists(self.path("home/x.img")))
            (os.unlink if name == "file" else os.rmdir)(full)
        # nothing of it has to be read
        with open(top + "/empty", "wb"):
            pass
        os.chmod(top + "/empty", 0o600)
        self.as_user("snapshot", "scratch", *layers(top), "-o", self.path("home/x.img"), code=0, words=[])


if __name__ == "__main__":
    unittest.main()
