#!/usr/bin/env python3
"""Seeds for fuzz_pack: a mode, then a whole pack, the sections of a layer, or edits of a stream's. usage: seeds_pack.py OUTDIR

docs/cache.md has the formats.
"""
import hashlib
import os
import struct
import sys

KEY = struct.pack("<II64s", 1, 0, b"key")
FILE, DIRECTORY, SYMLINK, HARDLINK, CHR, BLK, FIFO = range(7)


def header(sections, total=None, kind=1, version=1):
    table, off = b"", 1032
    for tag, content, raw in sections:
        digest = bytes(32) if raw else hashlib.sha256(content).digest()
        table += struct.pack("<4sIQQ32s", tag, 0, off, len(content), digest)
        off += len(content)
    h = struct.pack("<8sIIIIQ", b"o2r pack", 1, kind, version, len(sections), off if total is None else total)
    h += KEY + table.ljust(16 * 56, b"\0")
    return h + hashlib.sha256(h).digest()


def pack(*sections, **others):
    return header(sections, **others) + b"".join(s[1] for s in sections)


def files():
    two = (b"AAAA", b"first", False), (b"BBBB", b"second", False)
    yield "two", b"\0" + pack(*two)
    yield "raw", b"\0" + pack(two[0], (b"RAWR", b"raw bytes", True), two[1])
    yield "none", b"\0" + pack()
    yield "mended", b"\1" + pack(*two)
    yield "mended-length", b"\2" + pack(*two)
    yield "twice", b"\0" + pack(two[0], two[0])
    yield "kind", b"\0" + pack(*two, kind=2)
    yield "version", b"\0" + pack(*two, version=2)
    yield "length", b"\0" + pack(*two, total=5)
    yield "behind", b"\2" + pack(*two) + b"x"
    yield "short", b"\0" + pack(*two)[:-1]
    yield "headless", b"\0" + pack(*two)[:900]
    yield "digest", b"\0" + pack(*two)[:-1] + b"x"
    wrong = bytearray(pack(*two))
    wrong[24 + 16] ^= 1
    yield "key", b"\1" + bytes(wrong)
    for name, at in (("slots", 104 + 15 * 56), ("section", 108), ("count", 20), ("zero", 36), ("magic", 0), ("format", 8)):
        wrong = bytearray(pack(*two))
        wrong[at] ^= 255
        yield name, b"\1" + bytes(wrong)


def entry(path, kind=FILE, link=None, size=0, off=0, mtime=0, nsec=0, uid=0, gid=0, dev=(0, 0), xattrs=0, runs=0, mode=0o644):
    record = struct.pack("<QQqIIIIIIIIIHBB", size, off, mtime, nsec, uid, gid, *dev, len(path), len(link or b""), xattrs, runs, mode, kind, 0)
    return record, path + b"\0" + (link + b"\0" if link is not None else b"")


def xattrs(*pairs):
    out = struct.pack("<I", len(pairs))
    for name, value in pairs:
        out += struct.pack("<II", len(name), len(value)) + name + b"\0" + value + b"\0"
    return out


def run(file_off, length, src):
    return struct.pack("<QQQ", file_off, length, src)


def layer(entries, sets=b"", maps=b"", decoded=1 << 20):
    records = b"".join(e[0] for e in entries)
    return struct.pack("<IHHH", decoded, len(records), len(sets), len(maps)) + records + sets + maps + b"".join(e[1] for e in entries)


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


NO_ID = 0xFFFFFFFF
ACCESS = b"system.posix_acl_access"
DEFAULT = b"system.posix_acl_default"
FULL = acl((1, 6, NO_ID), (2, 4, 7), (4, 4, NO_ID), (16, 4, NO_ID), (32, 0, NO_ID))
PLAIN = acl((1, 6, NO_ID), (4, 4, NO_ID), (32, 4, NO_ID))


def layers():
    yield "empty", layer([])
    yield "kinds", layer([
        entry(b"", DIRECTORY, mode=0o755), entry(b"usr", DIRECTORY), entry(b"usr/bin/x", size=100, off=512, uid=1000, gid=5, mode=0o4755),
        entry(b"usr/bin/y", SYMLINK, b"../x"), entry(b"usr/hard", HARDLINK, b"usr/bin/x"), entry(b"dev/null", CHR, dev=(1, 3)),
        entry(b"dev/sda", BLK, dev=(0xFFF, 0xFFFFF)), entry(b"fifo", FIFO, mtime=-5, nsec=999999999), entry(b".wh.gone")])
    yield "maps", layer([entry(b"sparse", size=100000, runs=3), entry(b"hole", size=5, runs=1), entry(b"after", size=9, off=99)],
                        maps=run(0, 10, 512) + run(5000, 20, 1024))
    sets = xattrs((b"user.a", b"1"), (b"user.b", b"")) + xattrs((b"security.capability", b"\1\0\0\2"))
    yield "xattrs", layer([entry(b"a", xattrs=1), entry(b"b", xattrs=1), entry(b"c"), entry(b"d", xattrs=2)], sets)
    sets = xattrs((ACCESS, FULL)) + xattrs((DEFAULT, PLAIN)) + xattrs((ACCESS, PLAIN))
    yield "acls", layer([entry(b"a", xattrs=1, mode=0o640), entry(b"d", DIRECTORY, xattrs=2), entry(b"l", HARDLINK, b"a", xattrs=3)], sets)
    for name, e in (("dots", entry(b"a/../b")), ("slash", entry(b"a/")), ("nul", entry(b"a\0b")), ("long", entry(b"n" * 256)),
                    ("root", entry(b"")), ("kind", entry(b"x", 7)), ("mode", entry(b"x", mode=0o10000)), ("nsec", entry(b"x", nsec=10**9)),
                    ("owner", entry(b"x", uid=NO_ID)), ("device", entry(b"x", CHR, dev=(0x1000, 0))), ("no-link", entry(b"x", SYMLINK, b"")),
                    ("link", entry(b"x", HARDLINK, b"a//b")), ("size", entry(b"x", DIRECTORY, size=1)), ("data", entry(b"x", size=1 << 21)),
                    ("set", entry(b"x", xattrs=1)), ("set-order", entry(b"x", xattrs=2)), ("runs", entry(b"x", size=3, runs=2))):
        yield "bad-" + name, layer([e])
    for name, s in (("dropped", xattrs((b"trusted.x", b""))), ("order", xattrs((b"user.b", b""), (b"user.a", b""))), ("none", xattrs()),
                    ("acl", xattrs((ACCESS, b"\2\0\0\0\1"))), ("mode", xattrs((ACCESS, acl(*[(1, 7, NO_ID), (2, 4, 7), (4, 4, NO_ID), (16, 4, NO_ID), (32, 0, NO_ID)])))),
                    ("default", xattrs((DEFAULT, PLAIN))), ("cut", xattrs((b"user.a", b"x"))[:-1]), ("cut-count", b"\1\0"),
                    ("cut-lengths", struct.pack("<I", 1) + b"\1" * 10), ("huge", struct.pack("<III", 1, 2**32 - 1, 5) + bytes(9))):
        yield "bad-set-" + name, layer([entry(b"x", xattrs=1)], s)
    yield "bad-left", layer([entry(b"x")], maps=run(0, 1, 2))
    yield "bad-run", layer([entry(b"x", size=9, runs=3)], maps=run(5, 2, 2) + run(0, 1, 9))
    yield "bad-record", layer([entry(b"x")])[:-1]


def edit(section, at, value, width=4, put=True, state=0, number=False):
    flags = section | {1: 0, 2: 1, 4: 2, 8: 3}[width] << 2 | (64 if put else 0) | (128 if number else 0)
    return struct.pack("<BBHI", flags, state, at, value & 0xFFFFFFFF)


def streams():
    for sample in range(5):
        yield "%d-whole" % sample, bytes([sample, 0])
        yield "%d-hop" % sample, bytes([sample, 3])
        for at in (0, 4, 8, 16, 24, 32, 36, 100, 104, 168):
            yield "%d-head-%d" % (sample, at), bytes([sample, 0]) + edit(0, at, 1, put=False)
        yield "%d-sum" % sample, bytes([sample, 0]) + edit(1, 4, 77)
        for at in (0, 8, 16, 24, 28, 32):
            yield "%d-point-%d" % (sample, at), bytes([sample, 2]) + edit(2, at, 1, put=False)
        yield "%d-state" % sample, bytes([sample, 4]) + edit(3, 9, 1, width=1)
        for at in range(0, 92, 4):
            yield "%d-number-%d" % (sample, at), bytes([sample, 4]) + edit(0, at, 1, state=1, number=True)
            yield "%d-number-%d-large" % (sample, at), bytes([sample, 4]) + edit(0, at, 0x7FFFFFFF, number=True)


def main(out):
    os.makedirs(out, exist_ok=True)
    for mode, seeds in enumerate((files, layers, streams)):
        for name, content in seeds():
            with open(os.path.join(out, "%s-%s" % (seeds.__name__, name)), "wb") as f:
                f.write(bytes([mode]) + content)


if __name__ == "__main__":
    main(sys.argv[1])
