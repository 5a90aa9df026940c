"""Large directories, very many links, and files larger than anything a test wants to write out."""
import os
import unittest

import judge
import manytar
import samples
import viewing
from mkimage import Image, Layer

HEAVY = 2
UNDER_SANITIZERS = False    # unit tests of the same code have many names, too
DIR_LINKS_MAX = 64998       # subdirectories that a link count can say: two more make 65 000


def pieces(path):
    """(offset, end) of the data of a file, as the kernel sees them."""
    found, at = [], 0
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        while at < size:
            try:
                start = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:     # no data behind
                break
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found.append((start, at))
    finally:
        os.close(fd)
    return found


def blocks_of(chunks):
    """The runs of whole blocks that hold the chunks."""
    found = []
    for at, data in sorted(chunks):
        first, end = at // 4096 * 4096, -(-(at + len(data)) // 4096) * 4096
        if found and found[-1][1] >= first:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found


class Directories(judge.Case):
    def test_directory_of_120_000_names(self):
        names = [b"big/" + (b"%x" % (i * 2654435761 % 2**32)).rjust(4 + i % 40, b"n") + b"-%d" % i for i in range(120_000)]
        layout = self.layout(Image([manytar.finish(manytar.many(names))], codec="gzip:level=1"))
        image, info = self.snapshot(layout, "--size", "min")
        dump = self.judge(image, info, layout)
        self.assertEqual(len(dump), 120_002)
        with judge.loop_mount(image) as root:
            for name in names[::997]:       # by the hash, with a cold cache
                self.assertEqual(os.lstat(root + "/" + name.decode()).st_size, 0)
            self.assertFalse(os.path.exists(root + "/big/absent"))
            self.assertEqual(len(set(os.listdir(root + "/big"))), 120_000)
        self.assertTrue(self.is_htree(image, "/big"))

    def is_htree(self, image, path):
        """EXT4_INDEX_FL of an inode."""
        for line in judge.run("debugfs", "-R", "stat %s" % path, image).split("\n"):
            if "Flags:" in line:
                return bool(int(line.split("Flags:")[1].split()[0], 16) & 0x1000)
        return False

    def test_linear_directories_on_request(self):
        names = [b"big/%06d" % i for i in range(5000)]
        layout = self.layout(Image([manytar.finish(manytar.many(names))], codec="plain"))
        image, info = self.snapshot(layout, "--linear-dirs")
        self.judge(image, info, layout, features=judge.FEATURES - {"dir_index"})
        self.assertFalse(self.is_htree(image, "/big"))

    def test_70_000_subdirectories(self):
        names = [b"many/%d/" % i for i in range(70_000)]
        layout = self.layout(Image([manytar.finish(manytar.many(names, b"5", mode=0o700))], codec="gzip:level=1"))
        image, info = self.snapshot(layout, "--size", "min")
        self.judge(image, info, layout)
        with judge.loop_mount(image) as root:
            self.assertEqual(os.stat(root + "/many").st_nlink, 1)
            self.assertEqual(os.stat(root + "/many/69999").st_nlink, 2)

    def test_subdirectories_around_the_limit(self):
        for count in (DIR_LINKS_MAX - 1, DIR_LINKS_MAX, DIR_LINKS_MAX + 1):
            with self.subTest(count):
                layout = self.layout(Image([manytar.finish(manytar.many([b"many/%d/" % i for i in range(count)], b"5"))], codec="plain"))
                # dumping as many directories thrice takes minutes, and test_70_000_subdirectories dumps them
                image, info = self.snapshot(layout, "--size", "min", gate=False)
                judge.fsck_silent(image)
                with judge.loop_mount(image) as root:
                    self.assertEqual(os.stat(root + "/many").st_nlink, count + 2 if count <= DIR_LINKS_MAX else 1)
                with viewing.view(layout) as view:
                    self.assertEqual(os.stat(view.root + "/many").st_nlink, count + 2)


class Links(judge.Case):
    """The image has copies where ext4 can count no more links; the view shows the one inode that there is."""

    def check_view(self, layout, groups):
        """groups: [(some paths of one inode, how many names it has)]"""
        with viewing.view(layout) as view:
            for paths, names in groups:
                found = {(st.st_ino, st.st_nlink) for st in (os.lstat(os.path.join(view.root, path)) for path in paths)}
                self.assertEqual({links for _, links in found}, {names})
                self.assertEqual(len(found), 1)

    def linked(self, count, first=b"a", **kw):
        """A file of some blocks with so many names besides its first, one of them with xattrs."""
        layer = Layer().file(first, samples.noise(10_000), xattrs={"user.x": samples.noise(200)}, mode=0o640, uid=3)
        layer.dir("links").symlink("behind", "x" * 70)
        member = manytar.many([b"links/%d" % i for i in range(count)], b"1", link=first, mode=0o640, uid=3)
        return Image([layer.raw(member)], **kw)

    def test_70_000_links_to_one_file(self):
        layout = self.layout(self.linked(70_000))
        image, info = self.snapshot(layout, "--size", "min", gate=False)
        self.check_view(layout, [(["a", *("links/%d" % i for i in range(70_000))], 70_001)])
        self.assertIn("65000", self.said)
        self.assertIn("70001", self.said)
        judge.fsck_silent(image)
        judge.agree(image, info)
        lines = judge.mounted_dump(image)
        judge.same_lines(judge.column(lines, 7), judge.column(judge.reference(layout), 7), "the mounted image")
        groups = {}
        for line in lines:
            if not line.endswith("\t-"):
                groups.setdefault(line.split("\t")[7], []).append(line)
        self.assertEqual(sorted(int(group.split("*")[1]) for group in groups), [5001, 65000])
        for group, members in groups.items():
            self.assertEqual(len(members), int(group.split("*")[1]))
        with judge.loop_mount(image) as root:
            counts = {}
            for name in os.listdir(root + "/links"):
                st = os.stat(root + "/links/" + name)
                counts[st.st_ino] = st.st_nlink
            self.assertEqual(sorted(counts.values()), [5001, 65000])
        piped = self.new(".piped")
        with open(piped, "wb") as out:
            done = judge.o2r("snapshot", layout, "-o", "-", "--size", "min", "-j", "2", stdout=out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(judge.sha256(piped), judge.sha256(image))

    def test_links_around_the_limit(self):
        for names in (judge.LINK_MAX, judge.LINK_MAX + 1, 2 * judge.LINK_MAX, 2 * judge.LINK_MAX + 1):
            with self.subTest(names):
                layout = self.layout(self.linked(names - 1, codec="plain"))
                image, _ = self.snapshot(layout, "--size", "min", gate=False)
                self.check_view(layout, [(["a", *("links/%d" % i for i in range(0, names - 1, 97))], names)])
                judge.fsck_silent(image)
                self.assertEqual("65000" in self.said, names > judge.LINK_MAX, self.said)
                with judge.loop_mount(image) as root:
                    counts, content = {}, set()
                    for path in [root + "/a"] + [root + "/links/%d" % i for i in range(names - 1)]:
                        st = os.stat(path)
                        if st.st_ino not in counts:
                            content.add((judge.sha256(path), os.getxattr(path, "user.x"), st.st_uid, st.st_mode))
                        counts[st.st_ino] = st.st_nlink
                copies = -(-names // judge.LINK_MAX)
                self.assertEqual(sum(counts.values()), names)
                self.assertEqual(sorted(counts.values())[-copies + 1 or 1:], [judge.LINK_MAX] * (copies - 1))
                self.assertEqual((len(counts), len(content)), (copies, 1))

    def test_70_000_links_to_a_symlink_a_device_and_an_empty_file(self):
        layer = Layer().symlink("slow", "t" * 100).symlink("fast", "t").char("dev", 1, 3).file("empty", b"")
        names = ("slow", "fast", "dev", "empty")
        for kind in names:
            layer.dir("d" + kind).raw(manytar.many([b"d%b/%d" % (kind.encode(), i) for i in range(70_000)], b"1", link=kind.encode()))
        layout = self.layout(Image([layer], codec="gzip:level=1"))
        image, info = self.snapshot(layout, "--size", "min", gate=False)
        self.check_view(layout, [([kind, *("d%s/%d" % (kind, i) for i in range(0, 70_000, 97))], 70_001) for kind in names])
        judge.fsck_silent(image)
        self.assertEqual(info["inodes"] - info["free_inodes"], 11 + 4 + 4 + 4)
        with judge.loop_mount(image) as root:
            for kind in names:
                inodes = {e.inode() for e in os.scandir("%s/d%s" % (root, kind))}
                self.assertEqual(len(inodes), 2)
            self.assertEqual({os.readlink("%s/dslow/%d" % (root, i)) for i in range(0, 70_000, 500)}, {"t" * 100})


class Files(judge.Case):
    def check(self, layout, path, chunks, size, *args):
        """Sizes, holes and bytes through the kernel, without reading the holes."""
        # a dump would read the holes
        image, info = self.snapshot(layout, *args, gate=False)
        judge.fsck_silent(image)
        judge.agree(image, info)
        with judge.loop_mount(image) as root:
            self.check_file(os.path.join(root, path), chunks, size)
        with viewing.view(layout) as view:
            self.check_file(os.path.join(view.root, path), chunks, size)
        return image, info

    def check_file(self, name, chunks, size):
        self.assertEqual(os.stat(name).st_size, size)
        self.assertEqual(pieces(name), [(a, min(b, size)) for a, b in blocks_of(chunks)])
        with open(name, "rb") as f:
            for at, data in chunks:
                f.seek(at)
                self.assertEqual(f.read(len(data)), data, "at %d" % at)
            for first, end in blocks_of(chunks):        # around the data: zeros
                f.seek(first)
                block = bytearray(f.read(end - first))
                for at, data in chunks:
                    if first <= at < end:
                        block[at - first:at - first + len(data)] = bytes(len(data))
                self.assertEqual(block.count(0), len(block), "around %d" % first)

    def test_sparse_file_of_100_gib(self):
        size = 100 * judge.GIB
        chunks = [(0, b"first"), (4095, b"ab"), (50 * judge.GIB + 100, samples.noise(9000)), (77 * judge.GIB, samples.noise(70_000)),
                  (size - 4097, b"x"), (size - 1, b"!")]
        for kind in ("1.0", "0.1", "0.0"):
            with self.subTest(kind):
                layer = Layer().file("before", b"before").sparse("disk", chunks, size=size, sparse_format=kind).file("after", b"after")
                _, info = self.check(self.layout(Image([layer])), "disk", chunks, size, "--size", "min")
                self.assertLess(info["image_bytes"], 2 * judge.MIB)
                self.assertEqual(info["data_blocks"], 2 + 1 + 1 + 3 + 18 + 2)

    def test_sparse_file_without_data(self):
        for size in (1, 4096, 8 * judge.GIB, 100 * judge.GIB):
            layer = Layer().sparse("empty", [], size=size, sparse_format="1.0")
            _, info = self.check(self.layout(Image([layer])), "empty", [], size)
            self.assertEqual(info["data_blocks"], 0)

    def test_file_of_5_gib_with_3_000_pieces(self):
        """An extent tree of two levels above its leaves; pieces of all lengths, some that share a block."""
        size, step = 5 * judge.GIB + 123, 5 * judge.GIB // 3000
        chunks = [(i * step + i * 7 % 4096, samples.noise(1 + i * 37 % 5000, i)) for i in range(3000)]
        layer = Layer().sparse("five", chunks, size=size, sparse_format="1.0")
        image, info = self.check(self.layout(Image([layer], codec="zstd:level=1")), "five", chunks, size)
        self.assertGreaterEqual(info["extent_blocks"], 3000 // 340 + 1)
        self.assertIn("2/ 2", judge.run("debugfs", "-R", "dump_extents /five", image))

    def test_old_gnu_sparse_of_5_gib(self):
        size = 5 * judge.GIB
        chunks = [(i * 80 * judge.MIB, samples.noise(5000, i)) for i in range(60)] + [(size - 10, b"0123456789")]
        layer = Layer().sparse("old", chunks, size=size, sparse_format="gnu", fmt="gnu")
        self.check(self.layout(Image([layer])), "old", chunks, size)

    def test_file_over_several_groups(self):
        """Real data past group boundaries: extents cut by the backups in groups 1, 3 and so on."""
        piece = samples.noise(64 * 1024, b"piece")
        data = piece * (450 * judge.MIB // len(piece)) + b"tail"
        layout = self.layout(Image([Layer().file("big", data)], codec="plain"))
        image, info = self.snapshot(layout, "--size", "min")
        judge.fsck_silent(image)
        judge.agree(image, info)
        self.assertEqual(info["data_blocks"], 450 * 256 + 1)
        with judge.loop_mount(image) as root:
            with open(root + "/big", "rb") as f:
                for _ in range(450 * judge.MIB // len(piece)):
                    self.assertEqual(f.read(len(piece)), piece)
                self.assertEqual(f.read(), b"tail")

    def test_runs_of_zeros_become_holes(self):
        for zeros in (4096, 65535, 65536, 65536 + 4096, 200_000, 1 << 20):
            layer = Layer().file("z", b"a" * 100 + bytes(zeros) + b"b" * 100).file("all", bytes(zeros))
            with self.subTest(zeros):
                image, info, _ = self.make_and_judge(Image([layer]))
                with judge.loop_mount(image) as root:
                    holes = sum(b - a for a, b in pieces(root + "/z")) < os.stat(root + "/z").st_size - 4096
                    self.assertEqual(holes, zeros >= 65536 + 4096, pieces(root + "/z"))
                    if zeros >= 65536:
                        self.assertEqual(pieces(root + "/all"), [])


if __name__ == "__main__":
    unittest.main()
