#!/usr/bin/env python3
"""usage: seeds_merge.py OUTDIR: layers as fuzz_merge.c reads them, at least one for each rule of docs/layers.md."""
import pathlib
import sys

X250 = "x" * 250
PARTS = ["a", "b", "c", "d", "e", "f", "ab", "abcdefgh", "abcdefghi", "abcdefghj", "..", ".", ".wh.a", ".wh.b", ".wh.c", ".wh.ab",
         ".wh..wh..opq", ".wh..wh.plnk", ".wh..wh.x", ".wh.", ".wh..", ".wh...", ".wh..a", ".wh", "\xff", "l", "m", ".wh.l", X250,
         X250 + "yyyyy", ".wh." + X250, ""]
FILE, DIR, SYMLINK, HARDLINK, CHR, BLK, FIFO, SOCK = range(8)
NEXT_LAYER = b"\xff"
PLENTY = b"\xfe"    # the limit on names: none that matters


def path(text, long=False):
    head = 0xf0 if long else 0
    if text.startswith("/"):
        head |= 8
        text = text[1:]
    names = text.split("/") if text else []
    return bytes([head | len(names)]) + bytes(PARTS.index(n) for n in names)


def meta(xattrs=0, value=1, time=None, mode=0o44):
    which = (0x80 | xattrs if xattrs else 0) | (0x40 if time is not None else 0)
    return bytes([which]) + (bytes([value]) if xattrs else b"") + (bytes([time, mode]) if time is not None else b"")


def entry(kind, where, rest=b"", more=b"", flags=0):
    return bytes([kind | flags | (0x40 if more else 0)]) + path(where) + rest + more


def file(where, size=5, more=b"", runs=None):
    return entry(FILE, where, bytes([size if runs is None else runs]), more, 0 if runs is None else 0x20)


def folder(where, more=b""):
    return entry(DIR, where, b"", more)


def symlink(where, target, long=False):
    return entry(SYMLINK, where, path(target, long))


def link(where, target, more=b""):
    return entry(HARDLINK, where, path(target), more)


def device(kind, where, major, minor):
    return entry(kind, where, bytes([major, minor]))


def many(n, kind):
    return bytes([0xf0 | kind, n // 2])


def image(*layers, limit=PLENTY):
    return limit + NEXT_LAYER.join(b"".join(layer) for layer in layers)


SEEDS = {
    "parents": image([symlink("l", "a/b"), file("l/c"), symlink("m", "/l/../../d"), file("m/e")]),
    "dangling": image([symlink("l", "../a/./b"), file("l/f"), file("a"), file("a/b")]),
    "loop": image([symlink("a", "b"), symlink("b", "a"), file("a/f")]),
    "hidden-link": image([symlink("a", "b"), symlink("c/l", "b"), file("c/d")], [file("a/f"), file("c/l/f"), file("c/d/e")]),
    "implied": image([folder("a", meta(4, time=9)), file("a/b")], [file("a/c"), file("b/c/d", more=meta(time=3))]),
    "last-wins": image([file("a"), file("a", 7), folder("b"), file("b/c"), folder("b", meta(8, time=2)), file("b", 3)]),
    "dir-over-link": image([symlink("a", "b"), folder("a"), file("a/c"), link("d", "a/c"), file("a/c", 1)]),
    "links": image([file("a", more=meta(3, time=7)), link("b", "a"), link("c", "b", meta(12, time=8)), link("d", "a", meta(2 | 16, time=1))]),
    "forward": image([link("a", "b"), link("b", "c"), link("d", "a"), file("c", more=meta(15)), link("e", "c", meta(1, 9, 5))]),
    "link-loop": image([file("a"), file("b")], [link("a", "b"), link("b", "a"), link("c", "a"), link("d", "d")]),
    "link-to-self": image([file("a")], [link("a", "a"), link("b", "a")]),
    "no-target": image([link("a", "b/c")]),
    "link-to-dir": image([folder("a"), link("b", "a")]),
    "link-to-dir-below": image([folder("a")], [link("b", "a")]),
    "link-below": image([file("a", more=meta(1)), symlink("b", "a"), folder("d"), file("d/e")],
                        [link("c", "a", meta(4)), link("l", "b"), file("l/f"), link("e", "d/e"), symlink("m", "d"), link("f", "m/e")]),
    "link-through": image([symlink("l", "/a/../b/./c"), file("b/c/d"), link("m", "l/d"), link("e", "b/c/d")]),
    "link-parent-replaces": image([file("a"), link("a/b", "a"), folder("d"), file("d/e"), link("d", "d/e")]),
    "whiteouts": image([file("a"), folder("b"), file("b/c"), file("c/b")],
                       [file(".wh.a"), folder("b"), file("b/.wh..wh..opq"), file("b/d"), file("c/.wh.b"), device(CHR, "c/e", 0, 0)]),
    "weak": image([file("a"), file("b/c")], [file("a/.wh.b"), file("b/d/.wh.a"), file("e/.wh.c"), file("f"), file("f/.wh.a")]),
    "weak-hides": image([symlink("a", "b"), file("c")], [file("a/.wh.b"), file("c/d/.wh.a")]),
    "weak-link": image([file("b/a"), file("b/c")], [symlink("l", "b"), file("l/.wh.a"), file("m/a"), link("d", "b/c"), file("d/.wh.a")]),
    "aufs": image([file(".wh..wh.plnk/a", 9), link("b", ".wh..wh.plnk/a"), file("c/.wh..wh.x"), file(".wh..wh.x/.wh.a"), folder("d/.wh..wh.plnk")]),
    "opaque-root": image([file("a"), file("b/c")], [folder(""), file(".wh..wh..opq"), file("d")]),
    "root": image([folder("", meta(1, time=250)), file("a")], [folder("", meta(time=2))]),
    "root-file": image([file("")]),
    "whiteout-parent": image([file(".wh.a/b")]),
    "whiteout-of-nothing": image([file("a/.wh.")]),
    "whiteout-dots": image([file("a/.wh.."), file("a/.wh...")]),
    "kinds": image([device(CHR, "a", 1, 2), device(BLK, "b", 0, 0), entry(FIFO, "c"), entry(SOCK, "d"), device(CHR, "e", 0, 0)]),
    "sparse": image([file("a", runs=7), file("b", runs=0), file("c", runs=1)], [file("d", runs=2), file("a", runs=3)]),
    "times": image([file("a", more=meta(time=1)), file("b/c", more=meta(time=255)), file("d", more=meta(time=0))]),
    "long": image([file("a/" + X250 + "yyyyy"), file(".wh." + X250), symlink("l", "a/b", long=True)]),
    "many-hops": image([many(260, 3), many(20, 1)], [file("a")]),
    "many-links": image([many(200, 5), file("a")], [file("b")]),
    "unsorted": image([many(290, 0), file("abcdefghj"), file("abcdefghi"), file("abcdefgh"), file("ab"), file("a")], [many(280, 0)]),
    "limit": image([file("a"), file("b"), file("c")], [file("d")], limit=b"\x03"),
    "limit-fits": image([file("a"), file("b"), file("c")], [file("d", runs=3)], limit=b"\x04"),
    "directory-onto": image([file("a/b/c", more=meta(2)), file("d")], [file("a/b"), folder("d"), file("d/e/f")], [folder("a/b"), file("d")]),
    "xattr-sets": image([file("a", more=meta(n, n)) for n in range(1, 16)], [link("b", "a", meta(5, 2))]),
    "acl-link": image([file("a", more=meta(2, 2, 3)), link("b", "a", meta(time=4, mode=0o70)), symlink("l", "a"), link("m", "l", meta(7))]),
    "empty": image([]),
}


def main(out):
    for name, data in SEEDS.items():
        (pathlib.Path(out) / name).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])
