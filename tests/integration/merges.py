"""One image that holds every merge case of docs/layers.md, each in a folder of its own.

A case is a function of three of the four layers; one between the upper two is empty. There are two groups: ENGINES are unpacked by all
engines, TAR are not by at least one, so that such layers come as tar only.
"""
import functools
import posixpath

from layerbuild import Layer
from mkimage import Image
from samples import MARKER, acl, capability, noise
from tarwrite import to_bytes

OWNER = {"uid": 12, "gid": 34}


class Place:
    """A layer seen from the folder of a case. Each folder on the way to an entry gets an entry too, as tools write it: with what it
    had below. bare: only the folder of the case itself."""

    def __init__(self, layer, case, known, bare):
        self.layer, self.case, self.known, self.bare, self.written = layer, case, known, bare, set()

    def way(self, path):
        parts = to_bytes(path).split(b"/")[:-1]
        for n in range(1 if self.bare else len(parts) + 1):
            parent = b"/".join(parts[:n])
            if parent not in self.written:
                self.dir(parent, **self.known.get(parent, {}))

    def name(self, path):
        return b"/".join(filter(None, (self.case, to_bytes(path))))

    def dir(self, path, **kw):
        path = to_bytes(path)
        if path:
            self.way(path)
        self.written.add(path)
        self.known[path] = kw
        self.layer.dir(self.name(path), **kw)
        return self

    def put(self, method, path, *args, **kw):
        self.way(path)
        self.known.pop(to_bytes(path), None)
        getattr(self.layer, method)(self.name(path), *args, **kw)
        return self

    file = functools.partialmethod(put, "file")
    symlink = functools.partialmethod(put, "symlink")
    char = functools.partialmethod(put, "char")
    block = functools.partialmethod(put, "block")
    fifo = functools.partialmethod(put, "fifo")
    sparse = functools.partialmethod(put, "sparse")

    def link(self, path, target, **kw):
        return self.put("link", path, self.name(target), **kw)

    def opaque(self, path, **kw):
        """The mark is no entry of the folder: that stands before it."""
        self.way(to_bytes(path) + b"/")
        self.layer.opaque(self.name(path), **kw)
        return self

    def whiteout(self, path, *args, **kw):
        self.way(path)
        self.layer.whiteout(self.name(path), *args, **kw)
        return self


ENGINES, TAR = {}, {}
EXTRA = set()           # of ENGINES those that an ordinary user's store cannot hold: devices, ids past its 65536, other attributes


def case(kind=ENGINES, bare=False, extra=False):
    def add(function):
        name = function.__name__.replace("_", "-")
        kind[name] = (function, bare)
        if extra:
            EXTRA.add(name)
        return function
    return add


# ---- changes of type (rules 3 and 4, and laying)

def folder(place, name, mark):
    place.dir(name, mode=0o711, mtime=len(mark)).file("%s/only in %s" % (name, mark), mark).file(name + "/both", mark)


def linked(place, name, mark):
    place.file(".%s-%s" % (name, mark), mark, mode=0o640).link(name, ".%s-%s" % (name, mark), mode=0o640)


KINDS = {
    "file": lambda place, name, mark: place.file(name, mark * 100, mode=0o604, **OWNER),
    "dir": folder,
    "symlink": lambda place, name, mark: place.symlink(name, "to " + mark, uid=3),
    "fifo": lambda place, name, mark: place.fifo(name, mode=0o600),
    "link": linked,
}
DEVICES = {
    "char": lambda place, name, mark: place.char(name, 1, len(mark), mode=0o666),
    "block": lambda place, name, mark: place.block(name, 8, len(mark), mode=0o660, gid=6),
}
ALL = {**KINDS, **DEVICES}


def every(place, kinds, others, mark, how=lambda below, above: below):
    """A name BELOW-over-ABOVE for each pair."""
    for below in others:
        for above in kinds:
            ALL[how(below, above)](place, "%s-over-%s" % (above, below), mark)


def above(_, kind):
    return kind


@case()
def each_type_over_each(low, middle, top):
    every(low, KINDS, KINDS, "low")
    every(top, KINDS, KINDS, "top", above)


@case()
def types_change_twice(low, middle, top):
    every(low, KINDS, KINDS, "low")
    every(middle, KINDS, KINDS, "middle", above)
    every(top, KINDS, KINDS, "top")


@case(extra=True)
def devices_over_each_type(low, middle, top):
    for place, mark, how in ((low, "low", None), (top, "top", above)):
        how = {"how": how} if how else {}
        every(place, DEVICES, ALL, mark, **how)
        every(place, KINDS, DEVICES, mark, **how)


# ---- whiteouts (rules 6 and 7)

@case()
def deleted(low, middle, top):
    for kind, make in KINDS.items():
        make(low, "in the middle " + kind, MARKER.decode())
        make(low, "at the top " + kind, MARKER.decode())
        middle.whiteout("in the middle " + kind)
        top.whiteout("at the top " + kind)
    low.file("stays")


@case()
def markers_of_other_types(low, middle, top):
    middle.file("target")
    for how in ("file", "dir", "symlink", "link"):
        low.file("by " + how).file("dir by " + how + "/file")
        target = {"link": middle.name("target")} if how == "link" else {}
        middle.whiteout("by " + how, how, **target).whiteout("dir by " + how, how, **target)


@case(extra=True)
def a_device_0_0(low, middle, top):
    """It is a whiteout, in a tar as in a store; a block device 0:0 is a device."""
    low.file("file").file("dir/file").symlink("symlink", "file").file("block")
    middle.char("file", 0, 0).char("dir", 0, 0).char("symlink", 0, 0).char("nothing below", 0, 0).block("block", 0, 0)


@case()
def deleted_and_made_again_above(low, middle, top):
    for below in KINDS:
        for kind in KINDS:
            KINDS[below](low, "%s then %s" % (below, kind), "low")
            middle.whiteout("%s then %s" % (below, kind))
            KINDS[kind](top, "%s then %s" % (below, kind), "top")


@case()
def deleted_and_made_again_at_once(low, middle, top):
    low.file("file", "low").file("dir/file", "low").symlink("symlink", "low").file("keeps its name", "low")
    middle.whiteout("file").file("file", "middle", mode=0o600).whiteout("dir").file("dir", "middle")
    middle.whiteout("symlink").symlink("symlink", "middle").whiteout("keeps its name").fifo("keeps its name")


@case()
def a_directory_deleted_and_made_again_at_once(low, middle, top):
    """Only what is new may be there."""
    low.file("dir/old", MARKER).file("dir/sub/old", MARKER).file("dir/both", "low").file("in/dir/old", MARKER)
    middle.whiteout("dir").dir("dir", mode=0o700).file("dir/both", "middle").file("dir/new", "middle")
    middle.whiteout("in/dir").dir("in/dir").file("in/dir/new", "middle")


@case(TAR)
def markers_behind_what_they_name(low, middle, top):
    low.file("file", "low").file("dir/old", "low")
    middle.file("file", "middle").whiteout("file").dir("dir").file("dir/new", "middle").whiteout("dir")


@case(TAR, bare=True)
def markers_in_what_is_deleted(low, middle, top):
    low.file("gone/old").file("again/old").file("again/other")
    middle.whiteout("gone").whiteout("gone/old").whiteout("again").whiteout("again/old").file("again/new")


@case()
def markers_for_nothing(low, middle, top):
    low.dir("dir", mode=0o750)
    middle.whiteout("nope").whiteout("dir/nope").opaque("dir")
    top.whiteout("nope").whiteout("only here").dir("new").opaque("new").whiteout("new/nope")


@case(TAR, bare=True)
def markers_where_nothing_is(low, middle, top):
    """They make no directories; what is in the way becomes an empty one."""
    low.file("file").symlink("symlink", "file").file("gone")
    middle.whiteout("no/such/thing").opaque("none").whiteout("file/x").whiteout("symlink/x").whiteout("gone").whiteout("gone/x")


@case()
def names_like_markers(low, middle, top):
    low.file("wh.a").file(".hidden").file("a.wh.b").file("..x").file("...").file(".w").file(".wh")
    middle.whiteout(".hidden").whiteout("..x").whiteout("...x")


# ---- opaque directories (rule 6)

@case()
def opaque(low, middle, top):
    for name in ("first", "last", "empty", "deep/er"):
        low.dir(name, mode=0o750, xattrs={"user.low": "1"}).file(name + "/old", MARKER).file(name + "/both", "low").file(name + "/sub/old", MARKER)
    middle.opaque("first").file("first/both", "middle").file("first/new")
    middle.file("last/both", "middle").dir("last/sub", mode=0o711).file("last/sub/new").opaque("last")
    middle.opaque("empty").opaque("deep/er").dir("deep/er/sub").file("deep/er/sub/new")


@case()
def opaque_and_whiteouts(low, middle, top):
    low.file("dir/a", "low").file("dir/b", "low").file("dir/sub/c", "low").file("dir/d", "low")
    middle.whiteout("dir/a").opaque("dir").whiteout("dir/sub").file("dir/b", "middle").whiteout("dir/nope")
    top.whiteout("dir/b").file("dir/a", "top")


@case()
def opaque_more_than_once(low, middle, top):
    low.file("twice/a").file("above/a").file("outside/in/a")
    middle.opaque("twice").file("twice/b").file("above/b").opaque("outside/in").file("outside/in/b")
    top.opaque("twice").file("twice/c").opaque("above").file("above/c").opaque("outside").dir("outside/in").file("outside/in/c")


@case()
def opaque_over_something_else(low, middle, top):
    low.file("file", "low").symlink("symlink", "file").fifo("fifo").file("target/old")
    for name in ("file", "symlink", "fifo"):
        middle.dir(name, mode=0o700).opaque(name).file(name + "/new")
    low.symlink("leads", "target")
    middle.dir("leads").opaque("leads")


@case()
def opaque_with_other_metadata(low, middle, top):
    low.dir("dir", mode=0o777, xattrs={"user.low": "low", "user.both": "low"}, **OWNER).file("dir/old")
    middle.dir("dir", mode=0o2750, mtime=5, xattrs={"user.both": "middle"}).opaque("dir")


# ---- directories and what they imply (rules 3 and 4)

@case()
def metadata_alone(low, middle, top):
    low.dir("dir", mode=0o777, mtime=1, **OWNER).file("dir/stays").dir("twice", mode=0o700).dir("twice/in", mtime=3)
    middle.dir("dir", mode=0o1777, mtime=(2, 3), uid=56).dir("twice", mode=0o711)
    top.dir("twice", mode=0o500, gid=5).dir("twice/in", mode=0o4711)
    low.file("file", "same", mode=0o644).symlink("symlink", "same")
    top.file("file", "same", mode=0o400, mtime=9, **OWNER).symlink("symlink", "same", mtime=9, **OWNER)


@case(bare=True)
def implied_over_a_directory(low, middle, top):
    """All of the lower one stays, but for what is new in it."""
    low.dir("dir", mode=0o2700, xattrs={"user.low": "1"}, mtime=77, **OWNER).file("dir/old").dir("dir/sub", mode=0o500).file("dir/sub/old")
    middle.file("dir/new").file("dir/sub/new")
    top.whiteout("dir/old")


@case(bare=True)
def implied_and_new(low, middle, top):
    low.file("a/b/c", mtime=4)
    top.file("a/b/d/e", mtime=(5, 678), **OWNER)


@case(TAR, bare=True)
def implied_over_something_else(low, middle, top):
    low.file("file").symlink("symlink", "file")
    middle.file("file/in", mtime=6).dir("symlink/in", mtime=7)


@case()
def root_of_a_case(low, middle, top):
    """The folder itself, from layer to layer."""
    low.dir("", mode=0o700, mtime=11, **OWNER)
    middle.file("in")
    top.dir("", mode=0o1755, mtime=(12, 13), xattrs={"user.top": "1"})


@case(TAR)
def the_same_name_twice(low, middle, top):
    low.file("file", "1", mode=0o600).file("file", "2").dir("dir", xattrs={"user.a": "1"}).file("dir/in").dir("dir", mode=0o711)
    top.file("was a dir/in").file("was a dir", "file").link("link", "file").file("file", "3").dir("was a file").file("was a file")


# ---- hard links (rule 5)

@case()
def links_in_a_layer(low, middle, top):
    low.file("a", "low", mode=0o640, **OWNER).link("b", "a", mode=0o640, **OWNER).link("dir/c", "b", mode=0o640, **OWNER)
    low.fifo("fifo").link("fifo 2", "fifo").symlink("symlink", "a").link("symlink 2", "symlink", mode=0o777).file("dir/alone")
    low.file("empty").link("empty 2", "empty")
    top.file("dir/d", "top").link("e", "dir/d").link("z/y/x", "e")


@case(extra=True)
def links_to_devices(low, middle, top):
    low.char("null", 1, 3, mode=0o666).link("null 2", "null", mode=0o666).block("sda", 8, 0).link("sda 2", "sda")
    top.whiteout("null")


@case()
def names_of_a_group_replaced(low, middle, top):
    for group in "abcde":
        low.file(group, group, mode=0o640).link(group + "2", group, mode=0o640).link("dir/" + group + "3", group, mode=0o640)
    middle.file("a", "other").whiteout("b").file("c2", "other").whiteout("dir/c3").dir("d").file("d/in")
    middle.whiteout("e").whiteout("e2")
    top.file("e", "new").link("e4", "e").symlink("d2", "d").whiteout("dir/d3").opaque("dir").file("dir/new")


@case()
def a_group_changed_as_a_whole(low, middle, top):
    """As engines write it: a change of one name copies the file up, and other names keep the old one unless they come along."""
    low.file("a", "low").link("b", "a").link("c", "a")
    middle.file("a", "middle", mode=0o600).link("b", "a", mode=0o600)


@case()
def headers_of_links(low, middle, top):
    """What the last one says is true of all names."""
    low.file("a", "low", mode=0o600, mtime=1).link("b", "a", mode=0o4755, uid=1, gid=2, mtime=(2, 3)).link("c", "b", mode=0o640, gid=4, mtime=5)
    low.symlink("s", "x", uid=1, mtime=1).link("t", "s", uid=2, mtime=2)


@case()
def attributes_and_links(low, middle, top):
    """GNU tar writes them with the file alone: no link may take them away."""
    low.file("user", xattrs={"user.a": "1", "user.b": "2"}).link("user 2", "user")
    low.file("user by name", xattrs={"user.a": "1", "user.b": "2"}).link("by name", "user by name", xattrs={"user.b": "3", "user.c": "4"})


@case()
def capabilities_and_links(low, middle, top):
    low.file("ping", noise(5000), mode=0o755, xattrs={"security.capability": capability()}).link("ping 2", "ping", mode=0o755)


@case(TAR)
def links_to_below(low, middle, top):
    low.file("a", "low", mode=0o600, mtime=1).file("b", "low").symlink("s", "a").file("dir/c", "low").file("gone", "low")
    middle.link("to a", "a", mode=0o777).link("to s", "s").link("to c", "dir/c").whiteout("gone").link("to gone", "gone")
    top.file("b", "top").link("to b", "b").file("dir", "top").link("to c 2", "dir/c").whiteout("to a").link("to s 2", "to s")


@case(TAR)
def links_before_their_target(low, middle, top):
    low.link("a", "b", mode=0o640, mtime=2).link("b", "c", mode=0o640).file("c", "low", xattrs={"user.a": "1"})
    top.link("d", "c", mode=0o600).file("c", "top")


@case(TAR)
def links_through_symlinks(low, middle, top):
    low.file("dir/a", "low").symlink("s", "dir").link("b", "s/a").link("s/c", "dir/a").link("itself", "dir/a").link("itself", "itself")


# ---- symlinks on the way (rule 2)

@case(bare=True)
def symlinks_of_the_same_layer(low, middle, top):
    low.dir("usr/lib").symlink("lib", "usr/lib").file("lib/a", "low").symlink("usr/up", "..").dir("usr/up/dir").file("usr/up/dir/b")
    low.file("usr/lib/old")
    top.dir("usr").dir("usr/lib").symlink("to lib", "usr/lib").file("to lib/c").whiteout("to lib/old")


@case()
def a_directory_over_a_symlink(low, middle, top):
    low.file("usr/lib/a").symlink("lib", "usr/lib").symlink("abs", "/a-directory-over-a-symlink/usr")
    middle.dir("lib", mode=0o750).file("lib/b").dir("abs").file("abs/c")
    top.file("lib/d")


@case(bare=True)
def symlinks_of_the_layer_below(low, middle, top):
    """Nothing goes through them: a directory hides them."""
    low.dir("usr").dir("usr/lib").file("usr/lib/a").symlink("lib", "usr/lib")
    middle.file("lib/b", mtime=8)


@case(TAR, bare=True)
def symlinks_that_dangle(low, middle, top):
    low.symlink("lib", "no/such").file("lib/a", mtime=9).symlink("up", "../../../../symlinks-that-dangle/x/../y").file("up/b")
    middle.whiteout("lib/a").symlink("lib 2", "lib").file("lib 2/c").file("no/such/old")


# ---- attributes, modes, times (rules 9 to 11)

@case()
def attributes_replaced_whole(low, middle, top):
    low.file("file", "low", xattrs={"user.a": "1", "user.b": "2"}).file("none left", xattrs={"user.a": "1"})
    middle.file("file", "low", xattrs={"user.b": "3", "user.c": noise(300)}).file("none left")


@case()
def attributes_of_directories_replaced_whole(low, middle, top):
    low.dir("dir", xattrs={"user.a": "1", "user.b": "2"}).file("dir/in").dir("none left", xattrs={"user.a": "1"})
    middle.dir("dir", xattrs={"user.b": "3", "user.c": b"\0\n=\xff"}).dir("none left")


@case()
def odd_attributes(low, middle, top):
    low.file("names", xattrs={b"user.\xc3\xa9 =x": b"odd", "user.long": noise(900), "user." + "n" * 200: "1"})
    top.dir("dir", xattrs={"user.dir": b"\0"})


@case(extra=True)
def attributes_of_the_system(low, middle, top):
    low.file("security", xattrs={"security.foo": "s"}).fifo("fifo", xattrs={"security.foo": "p"})


@case(extra=True)
def attributes_that_are_dropped(low, middle, top):
    low.file("file", xattrs={"trusted.x": "t", "user.kept": "1"}).dir("dir", xattrs={"trusted.y": "t"})


@case()
def access_lists(low, middle, top):
    full = acl((1, 7, None), (2, 4, 12), (4, 5, None), (0x10, 5, None), (0x20, 1, None))
    low.file("file", mode=0o751, xattrs={"system.posix_acl_access": full})
    low.dir("dir", mode=0o751, xattrs={"system.posix_acl_access": full, "system.posix_acl_default": full}).dir("plain", mode=0o700)
    top.dir("plain", mode=0o751, xattrs={"system.posix_acl_default": full})


@case()
def marks_of_overlayfs_in_a_tar(low, middle, top):
    """They would let an image hide what stands in it."""
    low.file("dir/old").file("user/old")
    middle.dir("dir", xattrs={"trusted.overlay.opaque": "y"}).file("dir/new")
    middle.dir("user", xattrs={"user.overlay.opaque": "y"}).file("user/new")


@case()
def modes(low, middle, top):
    for mode in (0, 0o7777, 0o4755, 0o2755, 0o1777, 0o111, 0o444):
        low.file("f%o" % mode, mode=mode, **OWNER).dir("d%o" % mode, mode=mode, **OWNER).fifo("p%o" % mode, mode=mode)
    low.file("suid and capable", noise(100), mode=0o4755, uid=7, xattrs={"security.capability": capability(False), "user.a": "1"})
    top.file("capable", noise(100), mode=0o711, xattrs={"security.capability": capability()})


@case(extra=True)
def owners(low, middle, top):
    for n in (65535, 65536, 100000, 2**31, 2**32 - 2):
        low.file("f%d" % n, uid=n, gid=n).dir("d%d" % n, uid=n, gid=n).symlink("l%d" % n, "x", uid=n, gid=n)


@case()
def times(low, middle, top):
    for name, mtime in (("zero", 0), ("nanosecond", (0, 1)), ("last nanosecond", (1_500_000_000, 999_999_999)), ("2038", 2**31), ("2200", 7_258_118_400)):
        low.file("file " + name, mtime=mtime).dir("dir " + name, mtime=mtime).symlink("symlink " + name, "x", mtime=mtime).fifo("fifo " + name, mtime=mtime)
        low.file("dir %s/in" % name)


@case()
def times_before_1970(low, middle, top):
    low.file("file", mtime=-1).file("1969.5", mtime=(-1, 500_000_000)).dir("dir", mtime=-2**31).symlink("symlink", "x", mtime=-86400)


@case()
def names(low, middle, top):
    for n, name in enumerate((b"\xff\xfe", b"new\nline", b"back\\slash", b"sp ace", b"\xc3\xa9", b"\x01\x7f", b"-", b"*?[", b"n" * 255, b"100%", b"tab\t", b"'\"$(x)")):
        low.file(name, b"low").dir(b"dir" + name[:200]).file(b"dir" + name[:200] + b"/" + name, b"low")
        if n % 3 == 1:
            middle.whiteout(name)
        if n % 3 == 2:
            middle.file(name, b"middle")
    low.file(b"m" * 251).symlink(b"symlink", b"\xff\n" + b"t" * 300)
    top.whiteout(b"m" * 251)


@case()
def deep_paths(low, middle, top):
    path = ""
    for n in range(60):
        path = posixpath.join(path, "level with a longer name %02d" % n)
        low.dir(path, mode=0o700 + n % 8)
    low.file(path + "/end", "low").file(path + "/gone")
    top.file(path + "/end", "top").whiteout(path + "/gone")


@case(bare=True)
def spellings(low, middle, top):
    low.file("./a").dir("b").file("b//c").dir("./d/.").file("x/../e")
    middle.whiteout("./a").dir("d").file("d//./f")


@case()
def sparse(low, middle, top):
    chunks = [(5000, b"a" * 5000), (1 << 20, noise(4096)), ((1 << 22) - 1, b"!")]
    for kind in ("0.0", "0.1", "1.0"):
        low.sparse(kind, chunks, sparse_format=kind, size=5 << 20)
    low.sparse("all hole", [], size=1 << 20).file("zeros", bytes(70000)).sparse("replaced", chunks)
    top.file("replaced", "top").sparse("new", chunks[1:])


@case()
def contents(low, middle, top):
    for size in (0, 1, 511, 512, 513, 4095, 4096, 4097, 65536, 300_001):
        low.file("%d" % size, noise(size))
    low.dir("many")
    for n in range(300):
        low.file("many/%03d" % n, b"%d" % n * (n % 7))
        if n % 10 == 3:
            middle.whiteout("many/%03d" % n)
        if n % 10 == 7:
            top.file("many/%03d" % n, b"top")


@case(TAR)
def attributes_that_no_engine_agrees_on(low, middle, top):
    low.file("selinux", xattrs={"security.selinux": "system_u:object_r:x:s0\0", "user.a": "1"})
    low.file("user", xattrs={"user.overlay.redirect": "/x"}).file("text", mode=0o640, acl="user::rw-,user:12:r--,group::r--,mask::r--,other::---")


@case(TAR)
def sparse_as_gnu_tar_writes(low, middle, top):
    low.sparse("file", [(n << 16, noise(4096 + n)) for n in range(1, 30)], fmt="gnu", size=5 << 20)


@case(TAR)
def of_aufs(low, middle, top):
    low.file(".wh..wh.plnk/1.2", "linked").link("a", ".wh..wh.plnk/1.2").file(".wh..wh.aufs").dir(".wh..wh.orph")


def image(*groups, without=(), codecs=("gzip", "plain", "gzip", "gzip:members=3")):
    """The Image of these groups of cases."""
    layers = [Layer(codec=codec) for codec in codecs]
    layers[0].dir("./", mtime=1_500_000_001)
    for group in groups:
        for name, (function, bare) in group.items():
            if name not in without:
                known = {}
                function(*(Place(layers[n], to_bytes(name), known, bare) for n in (0, 1, 3)))
    return Image(layers)
