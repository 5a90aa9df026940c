"""What a file can be: names of all bytes, links, devices, ids, times, depth. Judged by everything, and by hand."""
import os
import stat
import unittest

import judge
import samples
import viewing
from mkimage import Image, Layer


class Names(judge.Case):
    def test_names_of_all_bytes(self):
        layer, byte = Layer(), [bytes([b]) for b in range(1, 256) if b not in b"/."]
        every = bytes(b for b in range(1, 256) if b != 0x2F)
        expected = set()
        for name in byte + [b"." + b for b in byte] + [b + b"." for b in byte] + [every, every[::-1], b"..." * 85, b"\xff" * 255]:
            layer.file(b"names/" + name, name)
            expected.add(name)
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            folder = os.fsencode(root) + b"/names"
            self.assertEqual(set(os.listdir(folder)), expected)
            for name in expected:       # found by name (the hash), not only listed
                with open(folder + b"/" + name, "rb") as f:
                    self.assertEqual(f.read(), name)

    def test_names_of_every_length(self):
        layer, names = Layer(), []
        for length in range(1, 256):
            for fill in (b"a", b"\xe4"):
                names.append((fill * length)[:length - 1] + b"z")
                layer.file(b"d/" + names[-1], b"", mode=0o600).dir(b"sub/" + names[-1])
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for name in names:
                for folder in (b"/d/", b"/sub/"):
                    os.lstat(os.fsencode(root) + folder + name)

    def test_name_of_256_bytes_is_refused(self):
        layout = self.layout(Image([Layer().file(b"d/" + b"n" * 256, b"")]))
        self.refused(layout, code=6, words=["255"])

    def test_deep_paths(self):
        """1 500 levels with metadata of their own, through the kernel's paths."""
        layer = Layer()
        for depth in (1, 2, 1000, 1499):
            layer.dir("d/" * depth, mode=0o700, uid=depth)
        layer.file("d/" * 1500 + "f", b"bottom")
        self.make_and_judge(Image([layer]))

    def test_path_of_the_limit(self):
        """30 000 implied directories, more than a path name of the kernel can hold."""
        depth = 30_000
        layout = self.layout(Image([Layer().file("d/" * depth + "f", b"bottom", mtime=77)], codec="plain"))
        image, info = self.snapshot(layout, "--inodes", "5", gate=False)
        judge.fsck_silent(image)
        judge.agree(image, info)
        self.assertEqual(info["inodes"] - info["free_inodes"], 11 + depth + 1)
        with judge.loop_mount(image) as root:
            self.walk_down(root, depth)
        with viewing.view(layout) as v:
            self.walk_down(v.root, depth)

    def walk_down(self, root, depth):
        fd = os.open(root, os.O_RDONLY)
        for _ in range(depth):
            below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        self.assertEqual(os.listdir(fd), ["f"])
        self.assertEqual(os.stat("f", dir_fd=fd).st_mtime, 77)
        with open(os.open("f", os.O_RDONLY, dir_fd=fd), "rb") as f:
            self.assertEqual(f.read(), b"bottom")
        os.close(fd)

    def test_lost_found_of_the_image(self):
        layer = Layer().dir("lost+found", mode=0o711, uid=5, mtime=99).file("lost+found/x", b"kept")
        image, _, dump = self.make_and_judge(Image([layer]))
        self.assertEqual([line.split("\t")[0] for line in dump], ["/", "/lost+found", "/lost+found/x"])
        with judge.loop_mount(image) as root:
            st = os.stat(root + "/lost+found")
            self.assertEqual((st.st_ino, st.st_size, st.st_blocks), (11, 4 * 4096, 32))

    def test_lost_found_that_is_made(self):
        image, _, _ = self.make_and_judge(samples.small())
        with judge.loop_mount(image) as root:
            st = os.stat(root + "/lost+found")
            self.assertEqual((st.st_ino, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_size, os.stat(root).st_nlink),
                             (11, 0o700, 0, 0, 4 * 4096, 3))


class Symlinks(judge.Case):
    def test_targets_around_the_edges(self):
        layer = Layer()
        sizes = [1, 2, 58, 59, 60, 61, 255, 1023, 4094, 4095]
        for n in sizes:
            layer.symlink("l%d" % n, (b"x\xe9/" * 2000)[:n])
        image, info, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for n in sizes:
                path = os.fsencode(root) + b"/l%d" % n
                self.assertEqual(os.readlink(path), (b"x\xe9/" * 2000)[:n])
                st = os.lstat(path)
                self.assertEqual((st.st_size, st.st_blocks), (n, 0 if n < 60 else 8))

    def test_target_over_4095_bytes_is_refused(self):
        for n in (4096, 5000):
            layout = self.layout(Image([Layer().symlink("dir/toolong", b"t" * n)]))
            self.refused(layout, code=6, words=["dir/toolong", "4095"])

    def test_hard_links_to_symlinks_and_specials(self):
        layer = Layer().symlink("s", "t" * 100).link("s2", "s").fifo("p").link("p2", "p").char("c", 5, 1).link("c2", "c")
        image, _, dump = self.make_and_judge(Image([layer]))
        self.assertEqual([line.split("\t")[7] for line in dump if line[0:3] != "/\td"], ["/c*2", "/c*2", "/p*2", "/p*2", "/s*2", "/s*2"])


class Inodes(judge.Case):
    def test_device_numbers(self):
        numbers = [(0, 1), (1, 0), (1, 3), (255, 255), (255, 256), (256, 0), (256, 255), (259, 70000), (4095, 0), (0, 1048575),
                   (4095, 1048575), (8, 255), (8, 256)]
        layer = Layer()
        for major, minor in numbers:
            layer.char("c%d-%d" % (major, minor), major, minor, mode=0o620).block("b%d-%d" % (major, minor), major, minor)
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for major, minor in numbers:
                for kind, test in (("c", stat.S_ISCHR), ("b", stat.S_ISBLK)):
                    st = os.lstat("%s/%s%d-%d" % (root, kind, major, minor))
                    self.assertTrue(test(st.st_mode))
                    self.assertEqual((os.major(st.st_rdev), os.minor(st.st_rdev)), (major, minor))

    def test_device_numbers_that_ext4_cannot_hold_are_refused(self):
        for major, minor in ((4096, 0), (0, 1048576), (4294967295, 4294967295)):
            layout = self.layout(Image([Layer().char("dev/big", major, minor, fmt="gnu", numbers="base256")]))
            done = judge.o2r("snapshot", layout, "-o", self.new(".ext4"))
            self.assertIn(done.returncode, (1, 6), done.stderr)
            self.assertIn("dev/big", done.stderr)

    def test_owners(self):
        ids = [0, 1, 65534, 65535, 65536, 2097151, 2097152, 4294967294]
        layer = Layer()
        for fmt in ("pax", "gnu"):
            for uid in ids:
                layer.file("%s/%d" % (fmt, uid), b"", fmt=fmt, uid=uid, gid=ids[-1 - ids.index(uid)])
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for fmt in ("pax", "gnu"):
                for uid in ids:
                    st = os.stat("%s/%s/%d" % (root, fmt, uid))
                    self.assertEqual((st.st_uid, st.st_gid), (uid, ids[-1 - ids.index(uid)]))

    def test_modes(self):
        layer = Layer()
        for mode in (0, 0o1, 0o777, 0o1000, 0o2000, 0o4000, 0o7777, 0o6755, 0o1777):
            layer.file("f%o" % mode, b"x", mode=mode).dir("d%o" % mode, mode=mode).fifo("p%o" % mode, mode=mode)
        self.make_and_judge(Image([layer]))

    def test_times(self):
        """e2fsck misreads 2310-04 to 2378-04, so those years are left out."""
        times = {"1901": (-2147483648, 0), "1901n": (-2147483648, 999999999), "1910": (-1893456000, 1), "1960": (-315619200, 123456789),
                 "1969": (-1, 999999999), "1970": (0, 0), "1970n": (0, 1), "2026": (1767225600, 500000000), "2038": (2147483647, 999999999),
                 "2038b": (2147483648, 0), "2040": (2208988800, 987654321), "2106": (4294967295, 1), "2106b": (4294967296, 0),
                 "2174": (6442450943, 0), "2174b": (6442450944, 999999999), "2242": (8589934591, 7), "2242b": (8589934592, 0),
                 "2309": (10700000000, 42), "2400": (13569465600, 999999999), "2446": (15032385535, 0)}
        layer = Layer().dir("./", mtime=times["2040"])
        for name, when in times.items():
            layer.file("f" + name, b"data", mtime=when).dir("d" + name, mtime=when).symlink("l" + name, "t", mtime=when)
            layer.fifo("p" + name, mtime=when)
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for name, (sec, nsec) in times.items():
                for kind in "fdlp":
                    st = os.lstat("%s/%s%s" % (root, kind, name))
                    want = sec * 10**9 + nsec
                    self.assertEqual((name, st.st_mtime_ns, st.st_atime_ns, st.st_ctime_ns), (name, want, want, want))

    def test_times_outside_are_clamped_with_one_warning(self):
        layer = Layer()
        for i, when in enumerate((-2147483649, -62135596800, 15032385536, 99999999999)):
            layer.file("f%d" % i, b"", mtime=(when, 5))
        self.make_and_judge(Image([layer]))
        self.assertRegex(self.said, r"\Ao2r: warning: layer 1 of 1 [^\n]*: 4 times outside [^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
