"""Layer: a list of tar members that is written with short calls, one after the other.

    Layer().dir("a", mode=0o755).file("a/b", b"data", xattrs={"user.x": b"1"}).link("a/c", "a/b").whiteout("x").opaque("a")

Every call takes the keyword arguments of tarwrite.Entry (fmt, mode, uid, gid, mtime, xattrs, acl, pax, fields, checksum,
...); what is given to Layer(...) is the default of all its members. Names are written as they are given: `./a`, `/a`,
`a/` and `../a` stay so.
"""
import tarwrite
from tarwrite import to_bytes

NO_MTIME = 1_600_000_000     # the time of an entry for which none was asked


class Layer:
    """Members in order, then `end` zero blocks and `trailer` bytes. codec (see blobcodec) None: the image's."""

    def __init__(self, codec=None, end=2, trailer=b"", **defaults):
        self.parts, self.defaults = [], {"mtime": NO_MTIME, **defaults}
        self.codec, self.end, self.trailer = codec, end, trailer

    def entry(self, name, typeflag, **kw):
        """Any member; typeflag is one byte."""
        self.parts.append(tarwrite.Entry(name, typeflag, **{**self.defaults, **kw}))
        return self

    def file(self, name, data=b"", **kw):
        return self.entry(name, b"0", data=data, **kw)

    def dir(self, name, **kw):
        """A directory; a `/` is put after its name, as tar programs do, unless slash=False."""
        raw = to_bytes(name)
        if kw.pop("slash", True) and not raw.endswith(b"/"):
            raw += b"/"
        return self.entry(raw, b"5", **{"mode": 0o755, **kw})

    def symlink(self, name, target, **kw):
        return self.entry(name, b"2", link=target, **{"mode": 0o777, **kw})

    def link(self, name, target, **kw):
        """A hard link; the target is the name of another entry."""
        return self.entry(name, b"1", link=target, **kw)

    def char(self, name, major, minor, **kw):
        return self.entry(name, b"3", dev=(major, minor), **kw)

    def block(self, name, major, minor, **kw):
        return self.entry(name, b"4", dev=(major, minor), **kw)

    def fifo(self, name, **kw):
        return self.entry(name, b"6", **kw)

    def sparse(self, name, chunks, size=None, sparse_format=None, **kw):
        """A sparse file of (offset, bytes) chunks; sparse_format gnu, 0.0, 0.1 or 1.0 (fmt must be gnu or pax)."""
        return self.entry(name, b"0", sparse=chunks, size=size, sparse_format=sparse_format, **kw)

    def whiteout(self, name, how="file", **kw):
        """Hide a lower name. how: file, dir, symlink, link (to link="..."), or char (0:0 under the name itself)."""
        raw = to_bytes(name)
        head, _, tail = raw.rpartition(b"/")
        marker = (head + b"/" if head else b"") + b".wh." + tail
        if how == "char":
            return self.char(raw, 0, 0, **kw)
        if how == "dir":
            return self.dir(marker, **kw)
        if how == "link":
            return self.link(marker, kw.pop("link", raw), **kw)
        if how == "symlink":
            return self.symlink(marker, kw.pop("link", b"nowhere"), **kw)
        return self.file(marker, **kw)

    def opaque(self, name="", **kw):
        """Make a directory opaque ("" is the root)."""
        raw = to_bytes(name).rstrip(b"/")
        return self.file((raw + b"/" if raw else b"") + b".wh..wh..opq", **kw)

    def global_header(self, records, fmt="pax"):
        """A PAX global header of (key, value) pairs; it counts for all that follows."""
        return self.raw(tarwrite.global_header(records, fmt))

    def raw(self, data):
        """Bytes as they are, wherever they fall."""
        self.parts.append(to_bytes(data))
        return self

    def tar(self):
        """The bytes of the whole layer, not compressed."""
        body = b"".join(p if isinstance(p, bytes) else p.blocks() for p in self.parts)
        return body + b"\0" * (tarwrite.BLOCK * self.end) + self.trailer
