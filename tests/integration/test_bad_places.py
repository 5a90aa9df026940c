"""Places where the image cannot be written: full, closed, missing, of the wrong kind. Nothing is left behind in any of them."""
import os
import resource
import signal
import subprocess

import judge
import samples
from bad import BadCase, NobodyCase, packed
from layerbuild import Layer

MIB = 1 << 20


class Places(BadCase):
    def setUp(self):
        super().setUp()
        self.layer = packed(Layer().file("a", samples.noise(8 * MIB)).file("b", samples.noise(MIB)), "gzip:level=1")
        self.image = self.write([self.layer])

    def cannot(self, out, *args, code, words=(), left=(), **kw):
        """It fails with one line that names the place, and the folder holds what it held."""
        line = self.refused(self.image, *args, code=code, words=[*words], out=out, **kw)
        self.assertTrue(line.startswith("o2r: "), line)
        folder = os.path.dirname(out)
        if os.path.isdir(folder):
            self.assertEqual(sorted(os.listdir(folder)), sorted(left))
        return line

class Full(Places):
    def test_tmpfs(self):
        """At every size: full before the first byte, in the metadata, in the data, one page before the end."""
        whole = os.stat(self.snapshot(self.image, "--size", "min")[0]).st_blocks // 2
        for kib in (4, 16, 64, 256, 1024, 4096, 8192, whole - 256, whole - 64):
            with self.subTest(kib=kib), self.filesystem("-t", "tmpfs", "-o", "size=%dk" % kib, "tmpfs") as where:
                for options in (["--size", "min"], ["--size", "min", "-j1"], ["-j8"]):
                    out = os.path.join(where, "image")
                    self.cannot(out, *options, code=7, words=[out, "No space left on device"])

    def test_loop_mounted_ext4(self):
        disk = self.path("disk")
        with open(disk, "wb") as f:
            f.truncate(8 * MIB)
        judge.run("mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", disk)
        with self.filesystem("-o", "loop", disk) as where:
            out = os.path.join(where, "image")
            self.cannot(out, code=7, words=[out, "No space left on device"], left=["lost+found"])

    def test_no_inode_left(self):
        with self.filesystem("-t", "tmpfs", "-o", "nr_inodes=1", "tmpfs") as where:
            out = os.path.join(where, "image")
            self.cannot(out, code=7, words=[where, "No space left on device"])

    def test_an_old_image_stays(self):
        """--force replaces only by a whole one."""
        with self.filesystem("-t", "tmpfs", "-o", "size=1m", "tmpfs") as where:
            out = os.path.join(where, "image")
            self.put(out, b"precious")
            self.cannot(out, "--force", code=7, words=[out], left=["image"])
            with open(out, "rb") as f:
                self.assertEqual(f.read(), b"precious")

    def test_limit_of_file_size(self):
        """ulimit -f: the signal that comes with it must not end the program without a word."""
        folder = self.new(".out")
        os.mkdir(folder)
        out = os.path.join(folder, "image")

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
        self.cannot(out, code=7, words=[out, "File too large"], preexec_fn=limit)

    def test_block_device_too_small(self):
        disk = self.path("disk")
        with open(disk, "wb") as f:
            f.truncate(4 * MIB)
        with judge.loop_device(disk) as device:
            self.refused(self.image, "--force", code=7, words=[device, "4194304", "--size min"], out=device)
            self.refused(self.image, "--force", "--size", "min", code=7, words=[device], out=device)
        with open(disk, "rb") as f:
            self.assertEqual(f.read().count(0), 4 * MIB, "something was written")

    def test_standard_output(self):
        with open("/dev/full", "wb") as full:
            done = judge.o2r("snapshot", self.image, "-o", "-", "--platform", "linux/amd64", stdout=full)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertRegex(done.stderr, r"\Ao2r: [^\n]*No space left on device\n\Z")

    def test_size_that_does_not_hold_it(self):
        folder = self.new(".out")
        os.mkdir(folder)
        _, info = self.snapshot(self.image, "--size", "min")
        for size in ("1M", "64K", "4K", "1", str(info["image_bytes"] - 4096)):
            with self.subTest(size):
                self.cannot(os.path.join(folder, "image"), "--size", size, code=7, words=[self.image])


    def test_read_only_filesystem(self):
        with self.filesystem("-t", "tmpfs", "-o", "ro", "tmpfs") as where:
            out = os.path.join(where, "image")
            self.cannot(out, code=4, words=[out, "Read-only file system"])


class Closed(NobodyCase):
    def setUp(self):
        super().setUp()
        self.image = self.copied(self.write([packed(Layer().file("a", samples.noise(MIB)), "gzip:level=1")]))

    def refused_to_nobody(self, out, *args, words, left):
        self.nobody(self.image, "-o", out, *args, code=4, words=words)
        self.assertEqual(sorted(os.listdir(os.path.dirname(out))), left)

    def folder(self, name, mode):
        path = os.path.join(self.outside, name)
        os.mkdir(path)
        os.chmod(path, mode)
        return path

    def test_folder_without_write_permission(self):
        for mode in (0o755, 0o700, 0o555, 0):
            with self.subTest(mode=oct(mode)):
                where = self.folder("m%o" % mode, mode)
                self.refused_to_nobody(os.path.join(where, "image"), words=[where, "Permission denied"], left=[])

    def test_existing_file_of_another(self):
        """Where the folder may be written, the file is replaced as mv would; in a sticky one it is not."""
        where = self.folder("sticky", 0o1777)
        self.put(os.path.join(where, "image"), b"precious")
        self.refused_to_nobody(os.path.join(where, "image"), "--force", words=["image", "not permitted"], left=["image"])
        with open(os.path.join(where, "image"), "rb") as f:
            self.assertEqual(f.read(), b"precious")

    def test_device_of_root(self):
        disk = self.path("disk")
        with open(disk, "wb") as f:
            f.truncate(MIB)
        with judge.loop_device(disk) as device:
            os.chmod(device, 0o600)
            self.nobody(self.image, "--force", "-o", device, code=4, words=[device, "Permission denied"])


class Wrong(Places):
    def test_no_folder(self):
        for out in ("nowhere/image", "nowhere/at/all/image"):
            self.cannot(self.path(out), code=3, words=["nowhere"])
        self.assertFalse(os.path.exists(self.path("nowhere")))

    def test_a_file_in_the_place_of_the_folder(self):
        self.put(self.path("file"), b"")
        self.cannot(self.path("file/image"), code=3, words=[self.path("file"), "Not a directory"])

    def test_names(self):
        folder = self.new(".out")
        os.mkdir(folder)
        for name, code in (("", 2), ("n" * 256, 1), (".", 2), ("..", 2)):
            with self.subTest(name):
                self.cannot(folder + "/" + name, code=code)
        out = os.path.join(folder, "n" * 255)
        self.snapshot(self.image, out=out)
        self.assertEqual(os.listdir(folder), ["n" * 255])

    def test_symlinks(self):
        """A symbolic link is not written through without --force."""
        folder = self.new(".out")
        os.mkdir(folder)
        self.put(self.path("target"), b"precious")
        for target in (self.path("target"), "nowhere", "link"):
            with self.subTest(target):
                link = os.path.join(folder, "link")
                os.symlink(target, link)
                self.cannot(link, code=2, words=["link", "exists"], left=["link"])
                os.unlink(link)
        with open(self.path("target"), "rb") as f:
            self.assertEqual(f.read(), b"precious")

    def test_reader_that_goes_away(self):
        for after in (0, 1, 5000, 9 * MIB):
            with self.subTest(after=after):
                child = subprocess.Popen([judge.O2R, "snapshot", self.image, "-q", "-o", "-", "--platform=linux/amd64"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                child.stdout.read(after)
                child.stdout.close()
                said = child.stderr.read().decode()
                child.stderr.close()
                self.assertEqual(child.wait(timeout=60), 1, said)
                self.assertRegex(said, r"\Ao2r: [^\n]*Broken pipe\n\Z")

    def test_missing_input(self):
        folder = self.new(".out")
        os.mkdir(folder)
        for reference in (self.path("none"), "oci:" + self.path("none"), "oci:%s:none" % self.image, self.path("none") + ":latest"):
            with self.subTest(reference):
                line = self.refused(reference, code=3, words=["none"])
                self.assertTrue(line.startswith("o2r: "), line)
