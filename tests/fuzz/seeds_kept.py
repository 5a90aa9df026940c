#!/usr/bin/env python3
"""Seeds for fuzz_kept: files of ranges, notes of names, listings of archives. usage: seeds_kept.py OUTDIR"""
import hashlib
import pathlib
import struct
import sys

SIZE, SLOTS = 60000, 128
NOTE = b"o2r name 1\nname docker.io/library/nginx:latest\ndigest sha256:" + b"0123456789abcdef" * 4 + b"\n"
TYPE = b"type application/vnd.oci.image.index.v1+json\n"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def ranges(slots, size=SIZE):
    header = struct.pack("<8sIIQ32s", b"o2r part", 1, 1, size, hashlib.sha256(b"blob").digest()).ljust(124, b"\0")
    out = header + struct.pack("<I", crc32c(header))
    for i in range(SLOTS):
        pair = struct.pack("<QQ", *slots[i]) if i in slots else bytes(16)
        out += pair + struct.pack("<II", crc32c(pair) if i in slots else 0, 0)
    return out


def slots(*what):
    return b"s" + b"".join(struct.pack("<BQQ", *s) for s in what)


def member(kind, name, target=b"", size=0, digest=bytes(32), zero=0):
    return struct.pack("<BBHIQ", kind, zero, len(name), len(target), size) + digest + name + target


def listing(*members, data=b""):
    return b"a" + struct.pack("<H", len(data)) + b"".join(members) + data


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    everything = [(i, i * 300, i * 300 + 1) for i in range(SLOTS)]
    seeds = {
        "none": b"r\xff\xff" + ranges({}),
        "some": b"r\xff\xff" + ranges({0: (0, 1000), 5: (5000, 6000), 127: (59000, SIZE)}),
        "short": b"r\x00\x10" + ranges({0: (0, 1000), 5: (5000, 6000)}),
        "other-size": b"r\xff\xff" + ranges({0: (0, 1000)}, 5),
        "cut": b"r\xff\xff" + ranges({0: (0, 1000)})[:-1],
        "overlap": slots((0, 0, 500), (1, 400, 900), (2, 900, 1000), (3, 50, 60), (7, 70000, 80000), (9, 5, 1), (8, 100, 2**64 - 1)),
        "full": slots(*everything),
        "note": b"n" + NOTE + TYPE + b"sha256:" + hashlib.sha256(NOTE + TYPE).hexdigest().encode() + b"\n",
        "lines": b"l" + NOTE + TYPE,
        "no-type": b"l" + NOTE,
        "twice": b"l" + NOTE + NOTE[11:],
        "long": b"l" + NOTE + b"type " + b"x" * 600 + b"\n",
        "other-name": b"l" + NOTE.replace(b"nginx", b"redis"),
        "listing": listing(member(1, b"manifest.json", size=2), member(2, b"a/layer.tar", size=1 << 21, digest=bytes(range(32))),
                           member(3, b"b", b"a/layer.tar"), member(4, b"a/c", b"../b"), member(1, b"empty"), data=b"[]"),
        "listing-empty": listing(),
        "listing-twice": listing(member(1, b"x", size=1), member(1, b"./x", size=3), data=b"abcd"),
        "listing-short": listing(member(1, b"x", size=9), data=b"abcd"),
        "listing-long": listing(member(1, b"x", size=1), data=b"abcd"),
        "listing-large": listing(member(2, b"x", size=1 << 31)),
        "listing-odd": listing(member(7, b"x")),
        "listing-odd-link": listing(member(3, b"x")),
        "listing-odd-size": listing(member(4, b"x", b"y", size=5)),
        "listing-odd-zero": listing(member(1, b"x", zero=1)),
        "bad-digest": b"l" + NOTE.replace(b"0123", b"012x"),
    }
    for name, data in seeds.items():
        (out / name).write_bytes(data)


if __name__ == "__main__":
    main()
