#!/usr/bin/env python3
"""Golden values for the unit tests of the ext4 room, as a C header on stdout.

Makes small images with mke2fs, lets the kernel fill them through a loop mount (devices,
times, xattrs, ACLs, sparse files, a directory big enough for two index levels), brings
inode times and generations to fixed values with debugfs, and prints the raw bytes of
structures and blocks, and hashes that debugfs computes. Needs root, e2fsprogs, attr, acl.

    tests/tools/ext4_golden.py > tests/unit/ext4/golden.h

The kernel picks generations and places, so each run prints other bytes; the tests hold
for any of them.
"""
import os
import struct
import subprocess
import sys
import tempfile

UUID = "01234567-89ab-cdef-0123-456789abcdef"
SEED = "fedcba98-7654-3210-0011-2233445566ff"
FEATURES = "^has_journal,^metadata_csum_seed,^orphan_file"


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, **kw).stdout


class Image:
    def __init__(self, path):
        self.data = open(path, "rb").read()
        self.sb = self.data[1024:2048]
        self.bs = 1024 << self.u32(self.sb, 0x18)
        self.first = self.u32(self.sb, 0x14)
        self.per_group = self.u32(self.sb, 0x28)

    @staticmethod
    def u16(b, o):
        return struct.unpack_from("<H", b, o)[0]

    @staticmethod
    def u32(b, o):
        return struct.unpack_from("<I", b, o)[0]

    def block(self, n):
        return self.data[n * self.bs:(n + 1) * self.bs]

    def desc(self, group):
        at = (self.first + 1) * self.bs + 64 * group
        return self.data[at:at + 64]

    def inode(self, ino):
        table = self.u32(self.desc((ino - 1) // self.per_group), 8)
        at = table * self.bs + (ino - 1) % self.per_group * 256
        return self.data[at:at + 256]

    def extents(self, node):
        """(logical, length, physical) of all leaves below a node, and tree blocks."""
        entries, depth = self.u16(node, 2), self.u16(node, 6)
        leaves, blocks = [], []
        for i in range(entries):
            a, b, c, d = struct.unpack_from("<IHHI", node, 12 + 12 * i)
            if depth == 0:
                leaves.append((a, b, d))
                continue
            child = struct.unpack_from("<IIH", node, 12 + 12 * i)[1]
            blocks.append(child)
            more = self.extents(self.block(child))
            leaves += more[0]
            blocks += more[1]
        return leaves, blocks


def pieces(data):
    """(offset, bytes) of what is not zero, gaps of eight zeros and more left out."""
    out, i = [], 0
    while i < len(data):
        if data[i] == 0:
            i += 1
            continue
        end = data.find(bytes(8), i)
        end = len(data) if end < 0 else end
        for at in range(i, end, 32):
            out.append((at, data[at:min(at + 32, end)]))
        i = end
    return out


def emit(name, data, **numbers):
    print("static const struct golden_piece %s[] = {" % name)
    for at, b in pieces(data):
        print('\t{%d, "%s"},' % (at, b.hex()))
    print("\t{0, NULL},\n};")
    for key, value in numbers.items():
        print("#define %s_%s %dU" % (name.upper(), key.upper(), value))
    print()


def emit_inode(img, name, ino, **numbers):
    raw = img.inode(ino)
    emit("g_" + name, raw, ino=ino, gen=img.u32(raw, 100), acl=img.u32(raw, 104),
         **numbers)


def hashes(image):
    names = [b"a", b"hello", b"abcd", b"lost+found", b"caf\xc3\xa9", b"\xff\xfe\x80",
             b"x" * 31, b"y" * 32, b"z" * 33, b"\xc3\xa4" * 32, b"n" * 255,
             bytes(range(0x80, 0x100))]
    print("static const struct golden_hash g_hashes[] = {")
    for seed in (SEED, "00000000-0000-0000-0000-000000000000"):
        script = b"".join(b"dx_hash -h half_md4 -s %s %s\n" % (seed.encode(), n)
                          for n in names)
        out = run("debugfs", "-f", "/dev/stdin", image, input=script,
                  stderr=subprocess.DEVNULL)
        values = [line.split(b" (minor")[0].rsplit(b" ", 1)[1]
                  for line in out.split(b"\n") if line.startswith(b"Hash of ")]
        assert len(values) == len(names)
        for n, v in zip(names, values):
            print('\t{%d, "%s", %s},' % (seed == SEED, n.hex(), v.decode()))
    print("};\n")


def touch(path, when):
    """when: (seconds, nanoseconds)"""
    os.utime(path, ns=(when[0] * 10**9 + when[1],) * 2, follow_symlinks=False)


def fill(root):
    p = lambda n: os.path.join(root, n)
    open(p("plain"), "wb").write(b"p" * 5000)
    os.chown(p("plain"), 4294967294, 70000)
    os.chmod(p("plain"), 0o4755)
    open(p("empty"), "wb").close()
    os.mknod(p("dev_old"), 0o020600, os.makedev(5, 1))
    os.mknod(p("dev_new"), 0o060660, os.makedev(259, 70000))
    os.mkfifo(p("fifo"), 0o644)
    os.symlink("t" * 59, p("fast"))
    os.symlink("s" * 60, p("slow"))
    with open(p("sparse"), "wb") as f:
        for i in range(6):
            f.seek(i * 8 * 4096)
            f.write(b"d" * 4096)
            f.flush()
            os.fsync(f.fileno())
    os.mkdir(p("dir"))
    for n in (b"a", b"bcdef", b"caf\xc3\xa9", b"w" * 255):
        open(os.path.join(os.fsencode(root), b"dir", n), "wb").close()
    # in the order of names, so that the values stand in that order too
    open(p("xin"), "wb").close()
    os.setxattr(p("xin"), "user.empty", b"")
    os.setxattr(p("xin"), "user.val", b"12345")
    open(p("acl"), "wb").close()
    run("setfacl", "-m", "u:1000:rwx,u:4000000000:r,g:5:r-x", p("acl"))
    for n in ("xblk", "xblk2"):
        open(p(n), "wb").close()
        os.setxattr(p(n), "security.first", b"0" * 64)  # fills the inode
        os.setxattr(p(n), "user.a", b"")
        os.setxattr(p(n), "user.b", b"0123456789")
        os.setxattr(p(n).encode(), b"user.\xc3\xa9", b"v" * 300)
        os.setxattr(p(n), "user.long_name", b"abcd")
    os.mkdir(p("dacl"))
    run("setfacl", "-d", "-m", "u:7:rwx,o::-", p("dacl"))


# the kernel drops the nanoseconds of the first and last second of its range
TIMES = {"plain": (2147483648 + 5, 999999999), "empty": (-2147483647, 1),
         "dev_old": (-315619200, 500000000), "dev_new": (13569465600, 7),
         "fifo": (15032385534, 999999999), "fast": (1700000000, 0), "slow": (0, 0),
         "xin": (4294967296, 0), "acl": (-1, 0), "xblk": (1, 2), "dacl": (6442450943, 3)}


def normalise(image, inos):
    """All times as mtime, generation and version 0; debugfs computes the checksum."""
    script = ""
    for name in TIMES:
        raw, ino = Image(image).inode(inos[name]), "<%d>" % inos[name]
        sec, extra = Image.u32(raw, 16), Image.u32(raw, 136)
        for t in ("atime", "ctime", "crtime"):
            script += "sif %s %s @%d\n" % (ino, t, sec)
            script += "sif %s %s_extra %d\n" % (ino, t, extra)
        script += "sif %s generation 0\nsif %s version 0\n" % (ino, ino)
        script += "sif %s version_hi 0\n" % ino
    run("debugfs", "-w", "-f", "/dev/stdin", image, input=script.encode(),
        stderr=subprocess.DEVNULL)
    # a directory's block counts its generation
    subprocess.run(["e2fsck", "-fy", image], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def mounted(work, image, fn):
    mnt = os.path.join(work, "mnt")
    os.makedirs(mnt, exist_ok=True)
    run("mount", "-o", "loop", image, mnt)
    try:
        return fn(mnt)
    finally:
        run("umount", mnt)


def make(work, name, size, block):
    path = os.path.join(work, name)
    with open(path, "wb") as f:
        f.truncate(size)
    run("mke2fs", "-q", "-t", "ext4", "-b", str(block), "-I", "256", "-O", FEATURES,
        "-U", UUID, "-E", "hash_seed=%s,lazy_itable_init=0" % SEED, path)
    return path


def image_4k(work):
    path = make(work, "4k.img", 32 << 20, 4096)

    def work_in(root):
        fill(root)
        for n, t in TIMES.items():
            touch(os.path.join(root, n), t)
        return {n: os.lstat(os.path.join(root, n)).st_ino for n in os.listdir(root)}

    inos = mounted(work, path, work_in)
    normalise(path, inos)
    run("e2fsck", "-fn", path, stderr=subprocess.DEVNULL)
    img = Image(path)
    emit("g_super", img.sb)
    emit("g_desc", img.desc(0), group=0)
    # one group of 8192 blocks and as many inodes: the rest of the block is ones
    bitmap = lambda at: img.block(img.u32(img.desc(0), at))[:1024]
    emit("g_block_bitmap", bitmap(0), csum=img.u16(img.desc(0), 0x18) |
         img.u16(img.desc(0), 0x38) << 16)
    emit("g_inode_bitmap", bitmap(4), csum=img.u16(img.desc(0), 0x1a) |
         img.u16(img.desc(0), 0x3a) << 16)
    for n in TIMES:
        raw = img.inode(inos[n])
        phys = img.extents(raw[40:100])[0] if img.u32(raw, 32) & 0x80000 else []
        emit_inode(img, n, inos[n], phys=phys[0][2] if phys else 0)
    emit("g_xattr_block", img.block(img.u32(img.inode(inos["xblk"]), 104)))
    raw = img.inode(inos["sparse"])
    leaves, blocks = img.extents(raw[40:100])
    emit_inode(img, "sparse", inos["sparse"], node=blocks[0])
    emit("g_sparse_node", img.block(blocks[0]))
    print("static const struct extent_run g_sparse_runs[] = {")
    for logical, length, physical in leaves:
        print("\t{%d, %d, %d}," % (physical, logical, length))
    print("};\n")
    raw = img.inode(inos["dir"])
    emit_inode(img, "dir", inos["dir"])
    emit("g_dir_block", img.block(img.extents(raw[40:100])[0][0][2]))
    hashes(path)


def image_1k(work):
    path = make(work, "1k.img", 64 << 20, 1024)

    def work_in(root):
        d = os.path.join(root, "d")
        os.mkdir(d)
        open(os.path.join(d, "first"), "wb").close()
        for i in range(8000):
            os.link(os.path.join(d, "first"), os.path.join(d, "name-%08d" % i))
        return os.stat(d).st_ino

    ino = mounted(work, path, work_in)
    run("e2fsck", "-fn", path, stderr=subprocess.DEVNULL)
    img = Image(path)
    raw = img.inode(ino)
    place = {}
    for logical, length, physical in img.extents(raw[40:100])[0]:
        place.update((logical + i, physical + i) for i in range(length))
    root = img.block(place[0])
    assert root[30] == 1, "two levels of index"
    node = img.block(place[img.u32(root, 36)])
    emit_inode(img, "dx", ino)
    # what is behind `count` entries is old content that no checksum covers
    for name, block, at in (("root", root, 32), ("node", node, 8)):
        used = at + 8 * img.u16(block, at + 2)
        tail = at + 8 * img.u16(block, at)
        emit("g_dx_" + name, block[:used] + bytes(tail - used) + block[tail:])


def main():
    if os.geteuid() != 0:
        sys.exit("ext4_golden.py: must be run as root, for loop mounts and devices")
    print("/* Made by tests/tools/ext4_golden.py (%s, Linux %s): bytes that mke2fs and\n"
          " * the kernel wrote, hashes that debugfs computed. Block bytes that are not\n"
          " * listed are zero. */" %
          (subprocess.run(["mke2fs", "-V"], stderr=subprocess.PIPE).stderr.decode()
           .split(" (")[0], os.uname().release.split("-")[0]))
    print("#ifndef O2R_TESTS_EXT4_GOLDEN_H\n#define O2R_TESTS_EXT4_GOLDEN_H\n")
    print('#include "ext4/extent.h"\n')
    print("struct golden_piece {\n\tunsigned at;\n\tconst char *hex;\n};\n")
    print("struct golden_hash {\n\tint seeded; /* 0: the seed is all zeros */\n"
          "\tconst char *hex;\n\tuint32_t hash;\n};\n")
    with tempfile.TemporaryDirectory(prefix="ext4-golden-") as work:
        image_4k(work)
        image_1k(work)
    print("#endif")


if __name__ == "__main__":
    main()
