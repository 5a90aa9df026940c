"""What is written can be lived in: the kernel mounts it read-write, resize2fs grows it, and it stays clean."""
import os
import subprocess
import unittest

import judge
import manytar
import samples
from judge import MIB
from mkimage import Image, Layer

HEAVY = 2
UNDER_SANITIZERS = False    # what is put to the test is the kernel


def reserve(blocks):
    """What the kernel keeps back of any ext4 for its own metadata: 2 %, at most 4096 clusters."""
    return min(blocks // 50, 4096)


def busy(root, folder, names):
    """Add, rename and remove in a large directory; returns the names that must be there in the end."""
    alive = set(names)
    os.chdir(root + "/" + folder)
    try:
        for i in range(6000):
            name = "a new name %d" % i
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            alive.add(name)
        for i, name in enumerate(names):
            if i % 7 == 0:
                os.rename(name, "renamed-%d" % i)
                alive.discard(name)
                alive.add("renamed-%d" % i)
            elif i % 3 == 0:
                os.unlink(name)
                alive.discard(name)
        for i in range(0, 6000, 2):
            os.unlink("a new name %d" % i)
            alive.discard("a new name %d" % i)
        os.mkdir("sub")
        os.rename("sub", "moved")
        alive.add("moved")
    finally:
        os.chdir("/")
    return alive


class Mounted(judge.Case):
    def test_files_in_large_directories(self):
        """A directory of one level of index and one of two."""
        names = {"two": ["%0200d" % i for i in range(12_000)], "one": ["%d" % i for i in range(20_000)]}
        layer = Layer().raw(manytar.many([b"one/" + name.encode() for name in names["one"]]))
        for name in names["two"]:
            layer.file("two/" + name, b"", fmt="gnu")
        layout = self.layout(Image([layer], codec="gzip:level=1"))
        image, info = self.snapshot(layout, "--inodes", "20000")
        judge.fsck_silent(image)
        expected = {}
        with judge.loop_mount(image, write=True) as root:
            for folder, found in names.items():
                expected[folder] = busy(root, folder, found)
        judge.fsck_silent(image)
        with judge.loop_mount(image) as root:
            for folder in names:
                self.assertEqual(set(os.listdir(root + "/" + folder)), expected[folder])
                for name in sorted(expected[folder])[::501]:
                    os.lstat("%s/%s/%s" % (root, folder, name))
        self.assertNotIn("FS Error count", judge.superblock(image))

    def test_a_directory_of_70_000_subdirectories(self):
        """Its link count is 1 for good; the kernel may still add and remove some."""
        layout = self.layout(Image([manytar.finish(manytar.many([b"many/%d/" % i for i in range(70_000)], b"5"))], codec="plain"))
        image, _ = self.snapshot(layout)
        with judge.loop_mount(image, write=True) as root:
            for i in range(2000):
                os.mkdir("%s/many/new %d" % (root, i))
            for i in range(0, 9000, 2):
                os.rmdir("%s/many/%d" % (root, i))
            for i in range(1, 1000, 2):
                os.rename("%s/many/%d" % (root, i), "%s/many/away %d" % (root, i))
            self.assertEqual(os.stat(root + "/many").st_nlink, 1)
        judge.fsck_silent(image)
        with judge.loop_mount(image) as root:
            self.assertEqual(len(os.listdir(root + "/many")), 70_000 + 2000 - 4500)

    def test_names_of_all_bytes_are_found_and_split(self):
        """The hash of names with bytes over 127 must be the kernel's, or it would add a name twice."""
        layer, names = Layer(), [bytes([0x80 + i % 128, 0xFF - i % 97, i % 26 + 65]) * (1 + i % 60) + b"%d" % i for i in range(9000)]
        for name in names:
            layer.file(b"d/" + name, b"", fmt="gnu")
        image, _ = self.snapshot(self.layout(Image([layer], codec="plain")))
        with judge.loop_mount(image, write=True) as root:
            folder = os.fsencode(root) + b"/d/"
            for name in names[::3]:
                with self.assertRaises(FileExistsError):
                    os.mkdir(folder + name)
                os.unlink(folder + name)
            for name in names[::3]:
                os.mkdir(folder + name[::-1])
        judge.fsck_silent(image)

    def test_files_are_changed_and_the_image_is_filled(self):
        layout = self.layout(samples.image("gzip"))
        image, info = self.snapshot(layout, "--free", "20M")
        with judge.loop_mount(image, write=True) as root:
            with open(root + "/var/sparse", "r+b") as f:        # holes are filled, the file is cut and grown
                f.write(samples.noise(3 * MIB))
                f.truncate(5 * MIB)
            os.truncate(root + "/bin/ping", 70_000)
            os.truncate(root + "/bin/ping", 2 * MIB)
            os.setxattr(root + "/var/attrs", "user.more", b"x" * 500)
            os.link(root + "/etc/hosts", root + "/etc/hosts 3")
            os.unlink(root + "/etc/hosts")
            judge.run("setfacl", "-m", "u:1000:rw", root + "/etc/replaced")
            os.mknod(root + "/dev/new", 0o20644, os.makedev(1, 5))
            written = 0
            with self.assertRaises(OSError) as failed, open(root + "/fill", "wb", buffering=0) as f:
                while True:
                    written += f.write(b"fill" * 16384)
            self.assertEqual(failed.exception.errno, 28)
            self.assertGreater(written, 10 * MIB)
        judge.fsck_silent(image)
        self.assertLess(int(judge.superblock(image)["Free blocks"]), reserve(info["blocks"]) + 16)

    def test_all_free_inodes_can_be_used(self):
        image, info = self.snapshot(self.layout(samples.small()), "--size", "min", "--inodes", "500")
        with judge.loop_mount(image, write=True) as root:
            count = 0
            with self.assertRaises(OSError):
                while True:
                    os.mknod("%s/%d" % (root, count))
                    count += 1
        self.assertLessEqual(count, info["free_inodes"])
        judge.fsck_silent(image)

    def test_statfs(self):
        image, info = self.snapshot(self.layout(samples.image("plain")))
        with judge.loop_mount(image) as root:
            st = os.statvfs(root)
        self.assertEqual((st.f_bfree, st.f_files, st.f_ffree, st.f_bsize), (info["free_blocks"], info["inodes"], info["free_inodes"], 4096))
        self.assertEqual(st.f_bavail, st.f_bfree - reserve(info["blocks"]))
        used = info["blocks"] - info["free_blocks"] - info["metadata_bytes"] // 4096
        self.assertEqual(st.f_blocks - st.f_bfree, used)


class Grown(judge.Case):
    def grow(self, image, factor=10):
        size = os.path.getsize(image) * factor
        os.truncate(image, size)
        judge.run("resize2fs", image)       # without a forced check first: the image needs none
        judge.fsck_silent(image)
        sb = judge.superblock(image)
        self.assertGreater(int(sb["Block count"]) * 4096, size - 4096 * 300)
        return sb

    def test_resize2fs_grows_it_tenfold(self):
        layout = self.layout(samples.image("gzip"))
        lines = judge.reference(layout)
        for args in ((), ("--size", "min"), ("--size", "min", "--inodes", "0"), ("--size", "300M"), ("--free", "700M")):
            with self.subTest(args=args):
                image, info = self.snapshot(layout, *args)
                sb = self.grow(image)
                judge.same_lines(judge.mounted_dump(image), lines, "after resize2fs")
                groups = -(-int(sb["Block count"]) // 32768)
                self.assertGreaterEqual(groups, os.path.getsize(image) // (128 * MIB))
                self.assertGreaterEqual(int(sb["Free inodes"]), info["free_inodes"] + (groups - info["groups"]) * 16)
                if args == ("--size", "min", "--inodes", "0"):
                    continue        # nor was it asked for any
                free = int(sb["Free inodes"])
                self.assertGreaterEqual(free, 1024)
                with judge.loop_mount(image, write=True) as root:
                    os.mkdir(root + "/new")
                    for i in range(min(free, info["free_inodes"] + 10) - 2):        # more than the image had before
                        os.mknod("%s/new/%d" % (root, i))
                    with open(root + "/new/data", "wb") as f:
                        f.write(samples.noise(MIB) * min(100, os.statvfs(root).f_bfree // 256 - 1))
                judge.fsck_silent(image)

    def test_min_image_grows_hundredfold_and_has_inodes_for_it(self):
        """The growth reserve lets the descriptors grow in place; an inode for each 16 KiB of the default image."""
        image, info = self.snapshot(self.layout(samples.small()))
        sb = self.grow(image, 100)
        self.assertGreaterEqual(int(sb["Inode count"]), int(sb["Block count"]) // 4 * 9 // 10 // 8)

    def test_a_grown_image_of_a_large_directory_and_large_files(self):
        """resize2fs may have to move blocks behind the descriptors."""
        piece = samples.noise(65536)
        layer = Layer().file("large", piece * 500).sparse("holes", [(i * MIB, piece[:5000]) for i in range(400)], size=401 * MIB)
        layer.raw(manytar.many([b"d/%d" % i for i in range(20_000)]))
        layout = self.layout(Image([layer], codec="plain"))
        image, _ = self.snapshot(layout, "--size", "min")
        self.grow(image, 30)
        judge.same_lines(judge.mounted_dump(image), judge.reference(layout), "after resize2fs")

    def test_it_shrinks_too(self):
        layout = self.layout(samples.image("plain"))
        image, _ = self.snapshot(layout, "--size", "1G")
        judge.run("resize2fs", image, "40M")
        judge.fsck_silent(image)
        judge.same_lines(judge.mounted_dump(image), judge.reference(layout), "after resize2fs")

    def test_e2fsck_finds_nothing_to_repair_or_optimise(self):
        """With -D directories are rebuilt, with -p everything is checked again; the tree stays."""
        layout = self.layout(samples.image("zstd"))
        image, _ = self.snapshot(layout)
        before = judge.sha256(image)
        for options in (["-p"], ["-fn"], ["-fn", "-E", "bmap2extent"]):
            done = subprocess.run(["e2fsck", *options, image], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(judge.sha256(image), before)
        done = subprocess.run(["e2fsck", "-fy", "-D", image], capture_output=True, text=True)
        self.assertIn(done.returncode, (0, 1), done.stdout)
        judge.fsck_silent(image)
        judge.same_lines(judge.mounted_dump(image), judge.reference(layout), "after e2fsck -D")


if __name__ == "__main__":
    unittest.main()
