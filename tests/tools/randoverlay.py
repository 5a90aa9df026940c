"""A random tree, and random changes of it, made by system calls in a directory: what a program does in a container.

With an overlay mount as the directory, the kernel writes the layers of it: whiteouts, opaque directories, redirects,
files that are metadata alone. Everything follows from the random.Random that is handed over.
"""
import contextlib
import errno
import os
import shutil
import stat
import struct

NAMES = [b"a", b"b", b"c", b"dir", b"lib", b"x.conf", b"\xc3\xa9t\xc3\xa9", b"with space", b"\xff\xfe", b"n" * 255]
XATTRS = ["user.one", "user.two", "security.x"]


def acl(mode, user):
    """A POSIX ACL with one more user."""
    def entry(tag, perm, who=0xFFFFFFFF):
        return struct.pack("<HHI", tag, perm, who)
    return struct.pack("<I", 2) + entry(1, mode >> 6 & 7) + entry(2, 5, user) + entry(4, 5) + entry(16, mode >> 3 & 7) + entry(32, mode & 7)


class Changer:
    """Changes below `root`, `count` at a time. redirects: directories of lower layers can be renamed."""

    def __init__(self, root, rng):
        self.root, self.rng = os.fsencode(root), rng

    # ---- choosing

    def everything(self):
        found = [(self.root, True)]
        for folder, dirs, files in os.walk(self.root):
            found += [(os.path.join(folder, name), True) for name in sorted(dirs) if not os.path.islink(os.path.join(folder, name))]
            found += [(os.path.join(folder, name), False) for name in sorted(files)]
        return sorted(found)

    def folder(self):
        return self.rng.choice([path for path, is_dir in self.everything() if is_dir])

    def some(self, want=lambda path, st: True):
        """A path that is there and suits, or None."""
        found = [path for path, _ in self.everything() if path != self.root and want(path, os.lstat(path))]
        return self.rng.choice(found) if found else None

    def new_name(self):
        name = self.rng.choice(NAMES) if self.rng.random() < 0.7 else b"f%d" % self.rng.randrange(100)
        return os.path.join(self.folder(), name)

    def regular(self):
        return self.some(lambda path, st: stat.S_ISREG(st.st_mode))

    def size(self):
        return self.rng.choice([0, 1, 100, 4095, 4096, 4097, 20000, 100_001])

    # ---- changes

    def make_file(self):
        with open(self.new_name(), "xb") as f:
            f.write(self.rng.randbytes(self.size()))

    def make_sparse(self):
        with open(self.new_name(), "xb") as f:
            f.truncate(self.rng.randrange(1, 2_000_000))
            f.seek(self.rng.randrange(0, 1_000_000))
            f.write(self.rng.randbytes(self.size()))

    def make_dir(self):
        os.mkdir(self.new_name(), self.rng.choice([0o755, 0o700, 0o1777]))

    def make_link(self):
        os.symlink(self.rng.choice([b"a", b"../b", b"/etc/x", b"t" * 200]), self.new_name())

    def make_node(self):
        kind, dev = self.rng.choice([(stat.S_IFIFO, 0), (stat.S_IFCHR, os.makedev(1, 3)), (stat.S_IFBLK, os.makedev(259, 70000)),
                                     (stat.S_IFSOCK, 0)])
        os.mknod(self.new_name(), kind | 0o640, dev)

    def hard_link(self):
        source = self.some(lambda path, st: not stat.S_ISDIR(st.st_mode))
        if source:
            os.link(source, self.new_name(), follow_symlinks=False)

    def append(self):
        path = self.regular()
        if path:
            with open(path, "r+b") as f:
                f.seek(0, os.SEEK_END)
                f.write(self.rng.randbytes(1 + self.size()))

    def truncate(self):
        path = self.regular()
        if path:
            os.truncate(path, self.size())

    def chmod(self):
        path = self.some(lambda path, st: not stat.S_ISLNK(st.st_mode))
        if path:
            os.chmod(path, self.rng.choice([0o644, 0o600, 0o755, 0o4755, 0o2775]))

    def chown(self):
        path = self.some()
        if path:
            os.chown(path, self.rng.choice([0, 1, 1000, 4_000_000_000]), self.rng.choice([0, 5, 65534]), follow_symlinks=False)

    def touch(self):
        path = self.some()
        if path:
            when = self.rng.randrange(0, 2_000_000_000) * 10**9 + self.rng.randrange(10**9)
            os.utime(path, ns=(when, when), follow_symlinks=False)

    def attribute(self):
        path = self.some(lambda path, st: stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode))
        if not path:
            return
        name = self.rng.choice(XATTRS)
        if name in os.listxattr(path) and self.rng.random() < 0.5:
            os.removexattr(path, name)
        else:
            os.setxattr(path, name, self.rng.randbytes(self.rng.randrange(40)))

    def access_list(self):
        path = self.regular()
        if path:
            os.setxattr(path, "system.posix_acl_access", acl(0o640, self.rng.choice([1, 70000])))

    def rename(self):
        path = self.some()
        if path:
            os.rename(path, self.new_name())

    def exchange_dirs(self):
        """Moved away and made anew: what was below must not come through."""
        path = self.some(lambda path, st: stat.S_ISDIR(st.st_mode))
        if path:
            os.rename(path, self.new_name())
            os.mkdir(path)

    def remove(self):
        path = self.some()
        if not path:
            return
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def replace(self):
        """Another type under the same name."""
        path = self.some()
        if path:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
                self.rng.choice([lambda: os.mkdir(path), lambda: os.symlink(b"x", path), lambda: open(path, "wb").close()])()
            else:
                os.unlink(path)
                os.mkdir(path)

    CHANGES = [(make_file, 6), (make_dir, 5), (make_sparse, 1), (make_link, 2), (make_node, 2), (hard_link, 3), (append, 2), (truncate, 1),
               (chmod, 4), (chown, 3), (touch, 3), (attribute, 3), (access_list, 1), (rename, 6), (exchange_dirs, 2), (remove, 3),
               (replace, 2)]

    def change(self, count):
        kinds, weights = zip(*self.CHANGES)
        for kind in self.rng.choices(kinds, weights, k=count):
            try:
                kind(self)
            except OSError as e:
                # a name that is there, a directory into itself, one that is not empty, a rename that this mount does not do
                if e.errno not in (errno.EEXIST, errno.EINVAL, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.EXDEV, errno.EMLINK,
                                   errno.ENAMETOOLONG, errno.ENOENT):
                    raise


def fill(root, rng, count=60):
    """The first tree."""
    changer = Changer(root, rng)
    for _ in range(12):
        with contextlib.suppress(OSError):
            changer.make_dir()
    changer.change(count)
