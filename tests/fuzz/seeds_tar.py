#!/usr/bin/env python3
"""Seeds for fuzz_tar: small tars that use every feature of every dialect. usage: seeds_tar.py OUTDIR"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from layerbuild import Layer    # noqa: the path is set above
import tarwrite                 # noqa

LONG = b"d" * 90 + b"/" + b"e" * 90 + b"/" + b"f" * 90
ACL = "user::rwx,user:5:r--,user:joe:rw-:7,group::r-x,group:6:rwx,mask::rwx,other::r--"
UNDEFINED = 0xFFFFFFFF


def raw_acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


NAMED = raw_acl((1, 7, UNDEFINED), (2, 6, 5), (4, 5, UNDEFINED), (8, 1, 9), (16, 7, UNDEFINED), (32, 0, UNDEFINED))


def types(fmt):
    layer = Layer(fmt=fmt).file("a/b", b"hello").dir("./a/../c").symlink("s", "../x").link("h", "a/b")
    if fmt != "v7":
        layer.char("n", 1, 3).block("b", 8, 0)
    return layer.fifo("p").entry("o/", b"\0").entry("q", b"7", data=b"seven").file("end")


def link_bodies(fmt):
    return Layer(fmt=fmt).file("a").link("z", "a", data=b"BODY" * 200).link("y", "a", size=5000).file("end")


def good():
    """Archives that are read to their end."""
    for fmt in ("v7", "ustar", "pax", "gnu", "star"):
        yield "types-" + fmt, types(fmt)
        yield "link-body-" + fmt, link_bodies(fmt)
    for fmt in ("pax", "gnu", "star"):
        yield "long-" + fmt, Layer(fmt=fmt).file(LONG).symlink("s", LONG).link(LONG + b"/h", LONG)
        yield "numbers-" + fmt, Layer(fmt=fmt).file("u", uid=4294967294, gid=3000000, mtime=-5).file("t", mtime=2 ** 34)
    yield "base256", Layer(fmt="gnu", numbers="base256").file("a", b"x").char("c", 4095, 1048575)
    yield "signed", Layer(fmt="gnu", checksum="signed").file(b"\xff\xfe\x80", b"x")
    yield "times", Layer().file("a", mtime="-1.5").file("b", mtime="12.123456789").file("c", pax=[("mtime", "5.")])
    yield "names", Layer().file(b"/a//./b/../c").dir("").file("x/" + "n" * 255).dir("..", slash=False)
    for kind in ("gnu", "0.0", "0.1", "1.0"):
        fmt = "gnu" if kind == "gnu" else "pax"
        layer = Layer(fmt=fmt).sparse("few", [(5, b"abc"), (600, b"de")], size=1000, sparse_format=kind)
        layer.sparse("many", [(i * 10, b"x") for i in range(40)], size=500, sparse_format=kind)
        yield "sparse-" + kind, layer.sparse("hole", [], size=70000, sparse_format=kind).file("end")
    for style in ("schily", "libarchive", "both"):
        xattrs = {"user.a": b"1", "user.empty": b"", "security.capability": b"\1\0\0\2" + bytes(16), "trusted.x": b"t",
                  "user.overlay.x": b"o", "com.apple.x": b"a", "user.%=": b"\0\n\xff"}
        yield "xattrs-" + style, Layer().file("f", xattrs=xattrs, xattr_style=style).symlink("s", "f", xattrs={"user.a": b"1"})
    yield "acl-text", Layer().file("f", acl=ACL).dir("d", acl=ACL.replace(",", "\n"), default_acl="u::rwx,g::r-x,o:---") \
        .file("m", acl="u::rwx,u:5:rwx,g::r-x,o:r--", pax=[("SCHILY.acl.ace", "x")]).symlink("s", "f", acl=ACL)
    raw = {"system.posix_acl_access": NAMED, "system.posix_acl_default": NAMED}
    for style in ("schily", "libarchive"):
        yield "acl-raw-" + style, Layer().dir("d", xattrs=raw, xattr_style=style).file("f", xattrs=raw, xattr_style=style)
    yield "global", Layer().global_header([("uid", "5"), ("comment", "x"), ("SCHILY.xattr.user.g", "g")]).file("a") \
        .global_header([("uid", ""), ("mtime", "7.5")]).file("b", pax=[("gid", "6"), ("path", "c")])
    yield "devices", Layer().char("c", 0, 0, pax=[("SCHILY.devmajor", "259"), ("SCHILY.devminor", "70000")])
    yield "realsize", Layer().file("r", b"abc", pax=[("SCHILY.realsize", "3")])
    yield "solaris", Layer().raw(tarwrite.pseudo(b"X", tarwrite.pax_record("path", "sun"), b"x")).file("a")
    yield "old-go", Layer(fmt="gnu").file("a", fields={"prefix": b"some/where"})
    yield "zeros", Layer().file("z", b"a" + bytes(70000) + b"b" * 5000 + bytes(66000)).file("end")
    yield "zero-block", Layer().file("a").raw(bytes(512)).file("b")
    yield "no-end", Layer(end=0).file("a", b"x", padding=False)
    yield "trailer", Layer(trailer=b"trailer" * 30).file("a")
    yield "empty", Layer()


def bad():
    """Archives that are refused."""
    for typeflag in (b"V", b"M", b"D", b"Z"):
        yield "type-" + typeflag.decode(), Layer(fmt="gnu").entry("a", typeflag)
    yield "bad-number", Layer(fmt="ustar").file("a", fields={"mtime": b"12x"})
    yield "bad-pax", Layer().file("a", pax_raw=b"99 path=x\n")
    yield "bad-key", Layer().file("a", pax_raw=b"6 =aa\n")
    yield "bad-nul", Layer().file("a", pax_raw=tarwrite.pax_record(b"path", b"a\0b"))
    yield "bad-device", Layer().char("c", 4096, 0)


def main(out):
    os.makedirs(out, exist_ok=True)
    for name, layer in [*good(), *bad()]:
        with open(os.path.join(out, name), "wb") as f:
            f.write(layer.tar())


if __name__ == "__main__":
    main(sys.argv[1])
