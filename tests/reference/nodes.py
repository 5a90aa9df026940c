"""What a tree is made of: inodes (anything but a directory), directories, and links that wait for their target.

A hard link is a second name of the same Inode object, so link counts need no bookkeeping.
"""
from attributes import of_member

TIME_MIN, TIME_MAX = -2**31, 2**34 - 2**31 - 1      # 1901-12-13 20:45:52 to 2446-05-10 22:38:55
SYMLINK_LIMIT = 4095
NAME_LIMIT = 255


def clamp(mtime, warn):
    """A time that ext4 can hold."""
    if TIME_MIN <= mtime[0] <= TIME_MAX:
        return mtime
    warn("filesystem: mtime %d clamped" % mtime[0])
    return (TIME_MIN if mtime[0] < TIME_MIN else TIME_MAX), 0


class Inode:
    """A file, symlink, device or FIFO. layer: the number of the layer that made it."""

    def __init__(self, member, layer, warn):
        self.kind, self.layer = member.kind, layer
        self.size, self.spans, self.dev = member.size, member.spans, member.dev
        self.target = member.link if member.kind == "l" else b""
        self.xattrs = {}
        self.apply(member, warn)

    def apply(self, member, warn):
        """Take mode, owner and mtime of a header; its xattrs are added or override by name (rule 5)."""
        self.mode, self.uid, self.gid, self.mtime = member.mode, member.uid, member.gid, clamp(member.mtime, warn)
        self.xattrs.update(of_member(member, self.kind, warn))


class Dir:
    """A directory. origin: `entry` (a header asked for it), `implied` (rule 3) or `ghost` (only markers name it, rule 7).

    whiteouts and opaque say what the layer removes below; they mean nothing in the merged tree. There `layers` says of each name
    which layer had an entry for it last.
    """
    kind = "d"

    def __init__(self, origin, mtime):
        self.origin, self.mtime = origin, mtime
        self.mode, self.uid, self.gid, self.xattrs = 0o755, 0, 0, {}
        self.children, self.whiteouts, self.opaque, self.layers = {}, set(), False, {}

    def describe(self, member, warn):
        """Take all metadata of a directory's header; the old set of xattrs is gone (rule 9)."""
        self.origin = "entry"
        self.mode, self.uid, self.gid, self.mtime = member.mode, member.uid, member.gid, clamp(member.mtime, warn)
        self.xattrs = of_member(member, "d", warn)

    def copy_metadata(self, other):
        self.mode, self.uid, self.gid, self.mtime, self.xattrs = other.mode, other.uid, other.gid, other.mtime, dict(other.xattrs)


class Pending:
    """A hard link whose target this layer has not made yet."""
    kind = "h"

    def __init__(self, member, target):
        self.member, self.target = member, target
        self.inode, self.below, self.parts = None, False, None
