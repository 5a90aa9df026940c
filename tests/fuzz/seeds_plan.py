#!/usr/bin/env python3
"""usage: seeds_plan.py OUTDIR: options and operations as fuzz_plan.c reads them."""
import pathlib
import struct
import sys

MIN, DEFAULT, FIXED, FREE, PERCENT = 1, 0, 2, 3, 4


def size(n):
    shift = 0
    while n >> shift > 0xffff:
        shift += 1
    return bytes([shift]) + struct.pack("<H", n >> shift)


def options(mode, amount=0, flags=0, free_inodes=0, clamp=0, heavy=0, links=0):
    value = struct.pack("<H", amount) if mode == PERCENT else size(amount)
    return bytes([flags, mode]) + value + size(free_inodes) + size(clamp) + struct.pack("<HH", heavy, links // 4)


def tail(op, mtime=1000, xattrs=b""):
    return (xattrs if op & 128 else b"") + struct.pack("<H", mtime)


def file(n, directory=0, op=0, **more):
    return bytes([op, directory]) + size(n) + tail(op, **more)


def folder(directory=0, op=2, **more):
    return bytes([op, directory]) + tail(op, **more)


def link(n, op=3):
    return bytes([op]) + struct.pack("<H", n) + b"\0" + tail(op)


def device(op, major, minor):
    return bytes([op, 0]) + struct.pack("<HH", minor, major) + tail(op)


def node(op):
    return bytes([op, 0]) + tail(op)


def sparse(runs, rest):
    out = bytes([6, len(runs)])
    for skip, whole, length in runs:
        out += struct.pack("<HBH", skip, whole, length)
    return out + size(rest) + b"\0"


def many(count, pad, directory=0):
    return bytes([7]) + struct.pack("<HB", count, pad) + bytes([directory])


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    tree = (file(1000) + folder() + file(5000, 1) + link(10) + link(1000) + device(4, 8, 1) + device(20, 1, 3) + node(5) + node(25 - 10)
            + bytes([9, 0, 0]))
    attributes = b"".join(file(100, op=128, xattrs=bytes([7]) + struct.pack("<H", 3000)) for _ in range(20))
    huge = b"".join(file(100 << 20) for _ in range(9)) + file(1 << 40)
    holes = sparse([(5000, 0, 100), (1, 1, 4000), (3, 1, 1)] * 20, 1 << 33)
    seeds = {
        "empty": b"",
        "min": options(MIN) + tree,
        "default": options(DEFAULT) + tree + attributes,
        "fixed": options(FIXED, 1 << 30) + tree + holes,
        "too-small": options(FIXED, 1 << 16) + tree,
        "boundary": options(FIXED, (128 << 20) + 4096) + tree,
        "free": options(FREE, 10 << 30, flags=5, free_inodes=1000, clamp=2000) + tree,
        "percent": options(PERCENT, 200, flags=2) + tree + many(1900, 100) + folder() + many(1000, 20, 1),
        "huge": options(MIN) + huge,
        "too-huge": options(MIN) + huge + file(1 << 45),
        "names": options(MIN) + many(1999, 240) + many(1999, 3),
        "linear": options(MIN, flags=2) + many(1999, 240),
        "sparse": options(MIN) + holes * 10,
        "attributes": options(MIN) + attributes * 3,
        "heavy-file": options(MIN, heavy=3, links=200000) + file(30000) * 20,
        "heavy-link": options(MIN, heavy=5, links=70000) + link(1000) * 20,
        "many-inodes": options(MIN, flags=1, free_inodes=5_000_000) + tree,
        "block-size": options(MIN, flags=248) + tree,
    }
    for op in range(256):
        if op % 10 == 8:
            seeds["op-%d" % op] = options(MIN) + bytes([op]) + size(123456789) + tree
    for name, data in seeds.items():
        (out / name).write_bytes(data)


main()
