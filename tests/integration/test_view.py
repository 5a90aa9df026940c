"""What the kernel and its users see of a view beyond the dump that judge.Case compares for every image of the suite."""
import contextlib
import ctypes
import errno
import os
import random
import re
import signal
import stat
import subprocess
import threading
import unittest

import judge
import readall
import samples
import syscalls
import viewing
from mkimage import Image, Layer

ALONE = True        # the kernel's caches are dropped
NAMES = 200_000
NOBODY = 65534
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 0x10, 0x20
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096


@contextlib.contextmanager
def opened(path, flags=os.O_RDONLY):
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def as_user(uid, what):
    """errno of what() done by that user, 0 when it worked."""
    child = os.fork()
    if not child:
        code = 255
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            what()
            code = 0
        except OSError as e:
            code = e.errno
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def mount_line(root):
    """(mount options, filesystem type, source, its options) as mountinfo has them."""
    with open("/proc/self/mountinfo") as f:
        for line in f:
            fields = line.split()
            if fields[4] == root:
                at = fields.index("-")
                return set(fields[5].split(",")), fields[at + 1], fields[at + 2], set(fields[at + 3].split(","))
    raise AssertionError("%s is not mounted" % root)


class ViewCase(judge.Case):
    def view(self, image, *args, **kw):
        """The view of an image, mounted until the test ends, where every user can get at it."""
        where = self.new(".mnt")
        os.mkdir(where)
        return self.enterContext(viewing.view(self.layout(image), *args, where=where, **kw))

    def fails(self, number, what, *args, **kw):
        with self.assertRaises(OSError) as found:
            what(*args, **kw)
        self.assertEqual(errno.errorcode[found.exception.errno], errno.errorcode[number])


class Directories(ViewCase):
    """200 000 names in one directory, read 1 KiB at a time."""

    @classmethod
    def image(cls):
        layer = Layer().dir("big", mtime=5)
        order = list(range(NAMES))
        random.Random(1).shuffle(order)
        for i in order:
            layer.file("big/%06d" % i)
        return Image([layer.dir("small").symlink("small/link", "x").fifo("small/pipe").char("small/null", 1, 3)])

    def check(self, path, parent_ino):
        with opened(path) as fd:
            found = syscalls.all_dents(fd, 1024)
            self.assertEqual([e.name for e in found], [b".", b".."] + [b"%06d" % i for i in range(NAMES)])
            self.assertEqual([found[0].ino, found[1].ino], [os.stat(path).st_ino, parent_ino])
            self.assertEqual({e.type for e in found}, {4, 8})
            self.assertEqual(len({e.ino for e in found}), NAMES + 2)
            self.assertEqual(sorted({e.next for e in found}), [e.next for e in found])
            rng = random.Random(2)
            for at in [0, 1, NAMES, NAMES + 1, *(rng.randrange(NAMES) for _ in range(300))]:
                os.lseek(fd, found[at].next, os.SEEK_SET)
                following = syscalls.getdents(fd, 1024)
                self.assertEqual(following, found[at + 1:at + 1 + len(following)])
                self.assertEqual(bool(following), at < NAMES + 1)
            os.lseek(fd, 0, os.SEEK_SET)
            self.assertEqual(syscalls.getdents(fd, 1024)[0], found[0])
        for i in rng.sample(range(NAMES), 50):
            self.assertEqual(os.stat("%s/%06d" % (path, i)).st_ino, found[i + 2].ino)
        self.fails(errno.ENOENT, os.stat, path + "/200000")

    def test_getdents(self):
        layout = self.layout(self.image())
        for args in ((), ("-o", "rdp=auto"), ("-o", "rdp=off")):
            with self.subTest(args), viewing.view(layout, *args) as v:
                root = os.stat(v.root).st_ino
                self.check(v.root + "/big", root)
                self.check(v.root + "/big", root)       # from the kernel's cache
                readall.drop_caches()
                self.check(v.root + "/big", root)
                with opened(v.root + "/small") as fd:
                    kinds = {e.name: e.type for e in syscalls.all_dents(fd, 4096)}
                self.assertEqual(kinds, {b".": 4, b"..": 4, b"link": 10, b"pipe": 1, b"null": 2})


class Handles(ViewCase):
    """What an NFS server does: files found again by number when the kernel has forgotten them."""

    def test_after_the_caches_are_dropped(self):
        v = self.view(samples.image("gzip"))
        paths = ["", "/etc", "/etc/hosts", "/bin/sh", "/gone2/deep/er/file", "/gone2/deep/er", "/dev/pipe", "/dev/null"]
        handles = {p: syscalls.Handle.of(v.root + p) for p in paths}
        found = {p: os.lstat(v.root + p) for p in paths}
        with opened(v.root) as root:
            for path, handle in handles.items():
                readall.drop_caches()
                fd = handle.open(root, syscalls.O_PATH)
                try:
                    self.assertEqual(os.fstat(fd), found[path], path)
                    if stat.S_ISDIR(found[path].st_mode):       # connected up to the root again, by ".."
                        self.assertEqual(os.readlink("/proc/self/fd/%d" % fd), v.root + path)
                finally:
                    os.close(fd)
            readall.drop_caches()
            with os.fdopen(handles["/gone2/deep/er/file"].open(root), "rb") as f:
                self.assertEqual(f.read(), samples.noise(66_000, b"deep"))

    def test_forged(self):
        """A handle of a number that there is not is stale, as one of another generation."""
        v = self.view(samples.small())
        good = syscalls.Handle.of(v.root + "/hello")
        with opened(v.root) as root:
            os.close(good.open(root))
            for at, value in ((0, 0xff), (3, 0x7f), (7, 0x80), (8, 1)):
                data = bytearray(good.data)
                data[at] = value
                readall.drop_caches()
                self.fails(errno.ESTALE, syscalls.Handle(good.kind, bytes(data)).open, root)


class Holes(ViewCase):
    def test_as_the_image_has_them(self):
        layer = Layer().sparse("a", [(5000, b"a" * 5000), (1 << 22, b"b" * 4096), ((1 << 24) - 1, b"!")])
        layer.sparse("b", [], size=64 << 20).sparse("c", [(0, b"x")], size=10_000).sparse("d", [(8191, b"xy")], size=8193)
        layer.file("e").file("f", b"x" * 4097).sparse("g", [(1 << 20, b"z")], size=(1 << 20) + 1)
        layer.sparse("many", [(i * 1024, b"%04d" % i) for i in range(5000)], size=6 << 20)
        layout = self.layout(Image([layer]))
        image, _ = self.snapshot(layout)
        with viewing.view(layout) as v, judge.loop_mount(image) as loop:
            for name in "abcdefg":
                size = os.path.getsize(loop + "/" + name)
                with opened(v.root + "/" + name) as ours, opened(loop + "/" + name) as theirs:
                    for off in sorted({0, 1, 4095, 4096, 5000, 8191, 8192, 9999, 12287, 12288, 1 << 20, (1 << 22) + 1, size - 1, size, size + 1}):
                        for whence in (os.SEEK_DATA, os.SEEK_HOLE):
                            results = []
                            for fd in (ours, theirs):
                                try:
                                    results.append(os.lseek(fd, off, whence))
                                except OSError as e:
                                    results.append(errno.errorcode[e.errno])
                            self.assertEqual(*results, (name, off, whence))
            with open(v.root + "/many", "rb") as f:
                expected = bytearray(6 << 20)
                for i in range(5000):
                    expected[i * 1024:i * 1024 + 4] = b"%04d" % i
                self.assertEqual(f.read(), expected)
                for at, n in ((0, 0), (1023, 3), (4 << 20, 3 << 20), ((6 << 20) - 1, 10), (6 << 20, 1), (1 << 50, 1)):
                    self.assertEqual(os.pread(f.fileno(), n, at), expected[at:at + n])


class Crowd(ViewCase):
    READERS = 100

    def test_more_readers_than_buffers(self):
        """Each waits for its own small read; nobody gets another's bytes."""
        data = samples.noise(24 << 20)
        v = self.view(Image([Layer().file("x", data)]), "--cache-size", "4M")
        problems = []

        def read(seed):
            rng = random.Random(seed)
            with opened(v.root + "/x") as fd:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
                for _ in range(30):
                    at, n = rng.randrange(len(data)), rng.choice((1, 4096, 5000, 70_000))
                    if os.pread(fd, n, at) != data[at:at + n]:
                        problems.append((seed, at, n))
        threads = [threading.Thread(target=read, args=(i,)) for i in range(self.READERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])


class Attributes(ViewCase):
    ACL = samples.acl((USER_OBJ, 6, None), (USER, 4, 1000), (GROUP_OBJ, 0, None), (MASK, 4, None), (OTHER, 0, None))
    NAMES = ("user.x", "user.none", "security.capability", "security.none", "trusted.none", "system.posix_acl_access",
             "system.posix_acl_default")

    def answers(self, layer, *args):
        """What each name gets on file `bare`."""
        v = self.view(Image([layer.file("bare").dir("dir")]), *args)
        found = {}
        for name in self.NAMES:
            try:
                found[name] = os.getxattr(v.root + "/bare", name)
            except OSError as e:
                found[name] = errno.errorcode[e.errno]
        return [found[name] for name in self.NAMES], v.root

    def test_none_at_all(self):
        """The kernel is told once, and what it makes of that for ACLs is: none."""
        found, root = self.answers(Layer())
        self.assertEqual(found, ["ENOTSUP"] * 5 + ["ENODATA"] * 2)
        self.fails(errno.ENOTSUP, os.listxattr, root + "/bare")

    def test_one_of_user(self):
        found, root = self.answers(Layer().file("with", xattrs={"user.x": b"1", "user.empty": b""}))
        self.assertEqual(found, ["ENODATA", "ENODATA", "ENOTSUP", "ENOTSUP", "ENODATA", "ENOTSUP", "ENOTSUP"])
        self.assertEqual(sorted(os.listxattr(root + "/with")), ["user.empty", "user.x"])
        self.assertEqual(os.listxattr(root + "/bare"), [])
        self.assertEqual([os.getxattr(root + "/with", "user." + n) for n in ("x", "empty")], [b"1", b""])

    def test_capability(self):
        found, _ = self.answers(Layer().file("with", xattrs={"security.capability": samples.capability()}))
        self.assertEqual(found, ["ENODATA", "ENODATA", "ENODATA", "ENOTSUP", "ENODATA", "ENOTSUP", "ENOTSUP"])

    def test_acl(self):
        """One of either kind makes both known."""
        found, root = self.answers(Layer().file("with", mode=0o640, xattrs={"system.posix_acl_access": self.ACL}))
        self.assertEqual(found, ["ENODATA", "ENODATA", "ENOTSUP", "ENOTSUP", "ENODATA", "ENODATA", "ENODATA"])
        self.assertEqual(os.listxattr(root + "/with"), ["system.posix_acl_access"])

    def test_those_of_a_file_that_is_gone(self):
        low = Layer().file("with", xattrs={"user.x": b"1", "security.capability": samples.capability()})
        v = self.view(Image([low, Layer().whiteout("with").file("bare")]))
        self.fails(errno.ENOTSUP, os.getxattr, v.root + "/bare", "user.x")

    def test_off(self):
        found, root = self.answers(Layer().file("with", mode=0o640, xattrs={"user.x": b"1", "system.posix_acl_access": self.ACL}), "-o",
                                   "xattr=off")
        self.assertEqual(found, ["ENOTSUP"] * 5 + ["ENODATA"] * 2)
        self.fails(errno.ENOTSUP, os.listxattr, root + "/with")
        self.fails(errno.ENOTSUP, os.getxattr, root + "/with", "user.x")

    def test_sizes(self):
        large = samples.noise(3000)
        v = self.view(Image([Layer().file("with", xattrs={"user.large": large, "user.b": b"2"})]))
        path = os.fsencode(v.root + "/with")
        room = ctypes.create_string_buffer(5000)
        for size, answer in ((0, 3000), (2999, -1), (3000, 3000), (5000, 3000)):
            self.assertEqual(syscalls.LIBC.getxattr(path, b"user.large", room, size), answer)
        self.assertEqual(room.raw[:3000], large)
        for size, answer in ((0, 18), (17, -1), (18, 18)):
            self.assertEqual(syscalls.LIBC.listxattr(path, room, size), answer)
        self.assertEqual(ctypes.get_errno(), errno.ERANGE)


class Permissions(ViewCase):
    def image(self):
        layer = Layer().file("secret", b"s", mode=0o600).file("open", b"o", mode=0o644).dir("private", mode=0o700).file("private/x", b"x")
        layer.file("mine", b"m", mode=0o600, uid=1000).file("group", b"g", mode=0o640, gid=1001)
        layer.file("acl", b"a", mode=0o640, xattrs={"system.posix_acl_access": Attributes.ACL})
        layer.file("run", b"#!/bin/true\n", mode=0o744)
        return layer

    ALLOWED = {"secret": (), "open": (1000, 1001, NOBODY), "private/x": (), "mine": (1000,), "group": (1001,), "acl": (1000,)}

    def check(self, root):
        for name, users in self.ALLOWED.items():
            for uid in (0, 1000, 1001, NOBODY):
                expected = 0 if uid == 0 or uid in users else errno.EACCES
                self.assertEqual(as_user(uid, lambda n=name: os.close(os.open(root + "/" + n, os.O_RDONLY))), expected, (name, uid))
                self.assertEqual(as_user(uid, lambda n=name: self.must_access(root + "/" + n)), expected, (name, uid))
        self.assertEqual(as_user(1000, lambda: os.execv(root + "/run", ["run"])), errno.EACCES)
        self.assertEqual(as_user(1000, lambda: os.listdir(root + "/private")), errno.EACCES)

    @staticmethod
    def must_access(path):
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, path)

    def test_the_kernel_checks(self):
        v = self.view(Image([self.image()]), "-o", "allow_other")
        self.check(v.root)
        readall.drop_caches()
        self.check(v.root)
        self.assertTrue({"default_permissions", "allow_other"} <= mount_line(v.root)[3])

    def test_root_for_himself(self):
        v = self.view(Image([self.image()]))
        self.assertEqual(as_user(0, lambda: os.listdir(v.root)), 0)
        self.assertEqual(as_user(1000, lambda: os.listdir(v.root)), errno.EACCES)
        self.assertIn("default_permissions", mount_line(v.root)[3])

    def test_allow_root(self):
        v = self.view(Image([self.image()]), "-o", "allow_root")
        self.assertEqual(as_user(0, lambda: os.listdir(v.root)), 0)
        self.assertEqual(as_user(1000, lambda: os.listdir(v.root)), errno.EACCES)


class Options(ViewCase):
    def test_flags(self):
        layout = self.layout(samples.small())
        for given, there, absent in (
                (None, {"ro", "nosuid", "nodev"}, {"noexec"}), ("suid,dev", {"ro"}, {"nosuid", "nodev"}),
                ("suid,nosuid", {"nosuid", "nodev"}, set()), ("noexec,noatime", {"noexec", "noatime", "nosuid"}, set()),
                ("ro,defaults,nofail,x-systemd.automount,comment=a", {"ro", "nosuid"}, {"noexec"}), ("noexec,exec,,", {"ro"}, {"noexec"})):
            with self.subTest(given), viewing.view(layout, *(("-o", given) if given else ())) as v:
                flags, kind, source, _ = mount_line(v.root)
                self.assertEqual((there - flags, absent & flags), (set(), set()))
                self.assertEqual(kind, "fuse.o2r")
                self.assertRegex(source, r"^.*@sha256:[0-9a-f]{64}$")

    def test_max_read(self):
        v = self.view(Image([Layer().file("x", samples.noise(3_000_000))]), "-o", "max_read=8192")
        self.assertIn("max_read=8192", mount_line(v.root)[3])
        with open(v.root + "/x", "rb") as f:
            self.assertEqual(f.read(), samples.noise(3_000_000))

    def test_devices_and_set_uid(self):
        layout = self.layout(Image([Layer().char("null", 1, 3, mode=0o666)]))
        with viewing.view(layout) as v:
            self.fails(errno.EACCES, open, v.root + "/null", "wb")
        with viewing.view(layout, "-o", "dev") as v, open(v.root + "/null", "wb") as f:
            f.write(b"x")

    def test_refused(self):
        layout, where = self.layout(samples.small()), self.new(".mnt")
        os.mkdir(where)
        for given, words in (
                ("rw", "read-only"), ("fsname=x", "fsname"), ("subtype=x", "subtype"), ("uid=3", "uid"), ("nonsense", "unknown mount option nonsense"),
                ("a\x1b[1mb", "a\\x1b[1mb"), ("rdp=maybe", "always, auto or off"), ("rdp", "needs a value"), ("allow_other=1", "takes no value"),
                ("xattr=no", "on or off"), ("max_read=1", "at least 4096"), ("max_read=-1", "max_read"), ("entry_timeout=1", "entry_timeout"),
                ("ro,remount", "remount"), ("blkdev", "blkdev"), ("fd=3", "fd"), ("=x", "unknown")):
            with self.subTest(given):
                done = judge.o2r("mount", layout, where, "--platform", "linux/amd64", "-o", given)
                self.assertEqual(done.returncode, 2, done.stderr)
                lines = judge.problems(done.stderr)
                self.assertEqual(len(lines), 1, lines)
                self.assertIn(words, lines[0])
                self.assertFalse(viewing.mounted(where))

    def test_names_in_the_mount_table(self):
        """A reference of commas, backslashes, blanks and newlines stands there as messages have it, and is no option."""
        layout = self.path("a,b\\c d\ne,suid")
        samples.small().write(layout)
        with viewing.view(layout) as v:
            flags, _, source, _ = mount_line(v.root)
            self.assertIn("a,b\\134x5cc\\040d\\134x0ae,suid@sha256:", source)
            self.assertIn("nosuid", flags)


class Behaviour(ViewCase):
    def test_statfs(self):
        v = self.view(samples.image("gzip"))
        found = os.statvfs(v.root)
        blocks = inodes = 0
        seen = set()
        for where, folders, names in os.walk(v.root):
            for st in [os.lstat(os.path.join(where, n)) for n in [*folders, *names]] + ([os.lstat(where)] if where == v.root else []):
                if st.st_ino not in seen:
                    seen.add(st.st_ino)
                    blocks, inodes = blocks + st.st_blocks // 8, inodes + 1
        self.assertEqual((found.f_blocks, found.f_files, found.f_bsize, found.f_frsize, found.f_namemax), (blocks, inodes, 4096, 4096, 255))
        self.assertEqual((found.f_bfree, found.f_bavail, found.f_ffree, found.f_favail), (0, 0, 0, 0))
        self.assertEqual(max(seen), inodes)

    def changes(self, root):
        """Everything that would change something."""
        file, folder = root + "/etc/hosts", root + "/etc"
        return (
            lambda: os.mkdir(root + "/new"), lambda: os.rmdir(root + "/var/empty"), lambda: os.unlink(file), lambda: os.symlink("a", root + "/new"),
            lambda: os.link(file, root + "/new"), lambda: os.rename(file, root + "/new"), lambda: os.mknod(root + "/new"), lambda: os.mkfifo(root + "/new"),
            lambda: os.truncate(file, 0), lambda: os.chmod(file, 0), lambda: os.chmod(folder, 0), lambda: os.chown(file, 1, 1),
            lambda: os.utime(file), lambda: os.setxattr(file, "user.a", b"b"), lambda: os.removexattr(root + "/var/attrs", "user.small"),
            lambda: os.open(file, os.O_WRONLY), lambda: os.open(file, os.O_RDWR), lambda: os.open(root + "/new", os.O_CREAT | os.O_RDWR, 0o600),
            lambda: os.open(file, os.O_RDONLY | os.O_TRUNC), lambda: os.open(root, os.O_TMPFILE | os.O_RDWR, 0o600))

    def test_nothing_changes(self):
        v = self.view(samples.image("gzip"))
        before = viewing.lines(v.root)
        for what in self.changes(v.root):
            self.fails(errno.EROFS, what)
        judge.same_lines(viewing.lines(v.root), before, "afterwards")

    def test_nothing_changes_when_root_insists(self):
        """Remounted for writing, the kernel asks the server, and it is the server that refuses."""
        v = self.view(samples.image("gzip"))
        before = viewing.lines(v.root)
        judge.run("mount", "-i", "-o", "remount,rw", v.root)
        for number, what in enumerate(self.changes(v.root)):
            try:
                fd = what()
            except OSError as e:
                self.assertIn(e.errno, (errno.EROFS, errno.EOPNOTSUPP), number)
            else:       # opening is not asked any more
                self.fails(errno.EROFS, os.write, fd, b"x")
                with contextlib.suppress(OSError):
                    os.close(fd)
        judge.run("mount", "-i", "-o", "remount,ro", v.root)
        judge.same_lines(viewing.lines(v.root), before, "afterwards")

    def test_caches_dropped_again_and_again(self):
        v = self.view(samples.image("gzip"))
        before = viewing.lines(v.root)
        for _ in range(3):
            readall.drop_caches()
            judge.same_lines(viewing.lines(v.root), before, "afterwards")

    def test_open_files_outlive_a_lazy_unmount(self):
        v = self.view(samples.image("gzip"))
        with open(v.root + "/late/file", "rb") as f:
            judge.run("umount", "-l", v.root)
            self.assertFalse(viewing.mounted(v.root))
            self.assertEqual(f.read(), samples.noise(200_000, b"late"))
        viewing.wait_for(lambda: not v.living())

    def test_busy_when_told_to_stop(self):
        """SIGTERM unmounts, lazily when somebody is in it; who is in it gets an error, and nobody hangs."""
        for foreground in (False, True):
            v = self.view(samples.image("gzip"), foreground=foreground)
            with opened(v.root + "/late") as held, opened(v.root + "/etc") as folder:
                file = os.open("file", os.O_RDONLY, dir_fd=held)
                os.kill(v.pid, signal.SIGTERM)
                viewing.wait_for(lambda: not v.living())
                self.assertFalse(viewing.mounted(v.root))
                self.fails(errno.ENOTCONN, os.pread, file, 4096, 100_000)
                with contextlib.suppress(OSError):      # it is closed whatever the flush says
                    os.close(file)
                self.fails(errno.ENOTCONN, os.stat, "hosts", dir_fd=folder)

    def test_unmounted_by_others(self):
        for argv in (["umount"], ["fusermount3", "-u"]):
            v = self.view(samples.small())
            judge.run(*argv, v.root)
            viewing.wait_for(lambda: not v.living())

    def test_auto_unmount(self):
        v = self.view(samples.small(), "-o", "auto_unmount")
        self.assertEqual(os.listdir(v.root), ["hello"])
        for pid in v.living():
            with open("/proc/%d/comm" % pid) as f:
                if f.read().startswith("o2r"):
                    os.kill(pid, signal.SIGKILL)
        viewing.wait_for(lambda: not viewing.mounted(v.root))
        viewing.wait_for(lambda: not v.living())
        v.clear()
        for where, _, names in os.walk(v.env["XDG_RUNTIME_DIR"]):       # nobody was left to remove it
            for name in names:
                os.unlink(os.path.join(where, name))

    def test_not_empty(self):
        where = self.new(".mnt")
        os.mkdir(where)
        open(where + "/below", "w").close()
        with viewing.view(self.layout(samples.small()), where=where) as v:
            self.assertEqual(os.listdir(v.root), ["hello"])
        self.assertEqual(os.listdir(where), ["below"])

    def test_memory(self):
        """The server of many entries holds them in 130 bytes each, names beside; what it needs for none does not count."""
        def anonymous(image):
            with viewing.view(self.layout(image)) as v:
                judge.run("find", v.root, "-printf", "%s")
                with open("/proc/%d/status" % v.pid) as f:
                    return int(re.search(r"RssAnon:\s*(\d+)", f.read())[1]) * 1024
        if judge.SANITIZED:
            return
        layer = Layer()
        for i in range(2000):
            layer.dir("d%04d" % i)
            for j in range(100):
                layer.file("d%04d/name-%06d" % (i, j))
        used = anonymous(Image([layer])) - anonymous(samples.small())
        self.assertLess(used, 2000 * 101 * (130 + 12))

    def test_user_needs_no_privileges_but_may_not_have_all(self):
        """Words of fusermount3 become errors of ours."""
        where, layout = self.new(".mnt"), self.layout(samples.small())
        os.mkdir(where)
        os.chown(where, NOBODY, NOBODY)
        mode = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
        self.addCleanup(os.chmod, "/dev/fuse", mode)

        def mount(*args):
            return judge.o2r("mount", layout, where, "--platform", "linux/amd64", "--no-cache", *args, user=NOBODY, group=NOBODY,
                             extra_groups=[], env={"XDG_RUNTIME_DIR": None})
        os.chmod("/dev/fuse", 0o600)
        done = mount()
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("/dev/fuse", done.stderr)
        os.chmod("/dev/fuse", 0o666)
        for option in ("suid", "dev"):
            done = mount("-o", option)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("only root", done.stderr)
        with open("/etc/fuse.conf") as f:
            if not re.search(r"^\s*user_allow_other", f.read(), re.M):
                done = mount("-o", "allow_other")
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertIn("user_allow_other", done.stderr)
        done = judge.o2r("mount", layout, where, "--platform", "linux/amd64", "--no-cache", user=NOBODY, group=NOBODY, extra_groups=[],
                         env={"XDG_RUNTIME_DIR": None, "PATH": "/nowhere"})
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("install the package fuse3", done.stderr)
        self.assertFalse(viewing.mounted(where))


if __name__ == "__main__":
    unittest.main()
