#!/usr/bin/env python3
"""Seeds for fuzz_gzip: four option bytes, then gzip in every shape of RFC 1951 and 1952. usage: seeds_gzip.py OUTDIR"""
import os
import random
import struct
import sys
import zlib


def content(n, rng):
    """Noise, zeros, words and repeats, n bytes."""
    out = bytearray()
    while len(out) < n:
        kind, part = rng.randrange(4), rng.randrange(1, 3000)
        if kind == 0:
            out += rng.randbytes(part)
        elif kind == 1:
            out += bytes(part)
        elif kind == 2:
            out += b" ".join(rng.choice((b"usr", b"lib", b"share", b"0644")) for _ in range(part // 4))
        elif out:
            back = rng.randrange(1, min(len(out), 32768) + 1)
            for _ in range(part):
                out.append(out[-back])
    return bytes(out[:n])


def member(data, level=6, strategy=0, flags=0, flush=0):
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff"
    if flags & 4:
        head += struct.pack("<H", 5) + b"extra"
    if flags & 8:
        head += b"name\0"
    if flags & 16:
        head += b"comment\0"
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xffff)
    comp = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    body = comp.compress(data[:len(data) // 2])
    if flush:
        body += comp.flush(flush)
    body += comp.compress(data[len(data) // 2:]) + comp.flush()
    return head + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xffffffff)


def seeds():
    rng = random.Random(7)
    for size in (0, 1, 100, 5000, 70000):
        data = content(size, rng)
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
            yield "strategy-%d-%d" % (strategy, size), member(data, strategy=strategy)
        for level in (0, 1, 9):
            yield "level-%d-%d" % (level, size), member(data, level)
        yield "members-%d" % size, member(data) + member(b"") + member(data[:77], 1)
    for flags in (1, 2, 4, 8, 16, 31):
        yield "flags-%d" % flags, member(b"text", flags=flags)
    for flush in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH):
        yield "flush-%d" % flush, member(content(20000, rng), flush=flush)
    good = member(content(300, rng), flags=31)
    yield "cut", good[:-9]
    yield "garbage", good + b"garbage"
    yield "method", good[:2] + b"\x07" + good[3:]
    yield "reserved", good[:3] + b"\x3f" + good[4:]
    yield "header-crc", good[:4] + b"\x01" + good[5:]
    yield "crc", good[:-5] + b"\0" + good[-4:]
    yield "size", good[:-1] + b"\1"


def main(out):
    os.makedirs(out, exist_ok=True)
    for i, (name, blob) in enumerate(seeds()):
        for verify in (0, 1):
            options = bytes([(i * 37) % 256, (i * 11) % 60, (i * 5) % 256, verify])
            with open(os.path.join(out, "%s-%d" % (name, verify)), "wb") as f:
                f.write(options + blob)


if __name__ == "__main__":
    main(sys.argv[1])
