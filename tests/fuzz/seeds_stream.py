#!/usr/bin/env python3
"""Seeds for fuzz_stream: four option bytes, then a blob of any codec. usage: seeds_stream.py OUTDIR"""
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import seeds_gzip       # noqa: the path is set above

SKIPPABLE = struct.pack("<II", 0x184D2A5F, 3) + b"abc"


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def seeds():
    rng = random.Random(8)
    for size in (0, 1, 65536, 65537, 300000):
        data = seeds_gzip.content(size, rng)
        frames = b"".join(zstd(data[i:i + 50000]) for i in range(0, size, 50000))
        yield "plain-%d" % size, data
        yield "gzip-%d" % size, seeds_gzip.member(data)
        yield "members-%d" % size, b"".join(seeds_gzip.member(data[i:i + 30000]) for i in range(0, size + 1, 30000))
        yield "zstd-%d" % size, zstd(data)
        yield "frames-%d" % size, SKIPPABLE + frames + SKIPPABLE
        yield "zstd-19-%d" % size, zstd(data, "-19", "--no-check")
    big = zstd(bytes(3000000), "-1")
    yield "over-the-limit", big
    yield "window", zstd(seeds_gzip.content(100000, rng), "--long=24", "--no-content-size")
    whole = zstd(b"a few bytes " * 9)
    yield "cut", whole[:-3]
    yield "cut-magic", whole + whole[:2]
    yield "garbage", whole + b"garbage"
    yield "checksum", whole[:-1] + bytes([whole[-1] ^ 1])
    yield "header", whole[:4] + b"\xff" + whole[5:]
    yield "gzip-cut", seeds_gzip.member(b"text")[:-1]
    yield "gzip-crc", seeds_gzip.member(b"text")[:-5] + b"xxxxx"


def main(out):
    os.makedirs(out, exist_ok=True)
    for i, (name, blob) in enumerate(seeds()):
        for flags in (0, 3, 8, 22):
            with open(os.path.join(out, "%s-%d" % (name, flags)), "wb") as f:
                f.write(bytes([flags, (i * 7) % 256, (i * 31) % 256, i % 3]) + blob)


if __name__ == "__main__":
    main(sys.argv[1])
