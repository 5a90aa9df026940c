#!/usr/bin/env python3
"""Make an OCI layout for the benchmarks: one layer of a shape that is hard in one way.

usage: images.py KIND OUTDIR      writes OUTDIR/layout (tag "latest"); kept when it is there already

  one-large  1 GB decoded in one gzip layer, 1 600 files from empty to 64 MiB, about 1.7 : 1
  million    1 000 000 empty files in 1 000 directories
  flat       120 000 small files in one directory

The tar bytes are the same everywhere; the gzip bytes depend on the compressor found (pigz, gzip, igzip, in this order).
"""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys

MTIME = 1700000000
VERSION = 1  # of the bytes made here: a layout of another version is made anew


def header(name, size, kind, mode):
    """A ustar header as bytes; names are ASCII and short."""
    raw = bytearray(512)
    raw[0:len(name)] = name.encode()
    raw[100:136] = b"%07o\0%07o\0%07o\0%011o\0" % (mode, 0, 0, size)
    raw[136:148] = b"%011o\0" % MTIME
    raw[148:156] = b" " * 8
    raw[156:157] = kind
    raw[257:265] = b"ustar\x0000"
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def directory(name):
    return header(name + "/", 0, b"5", 0o755)


def file(name, data=b""):
    return header(name, len(data), b"0", 0o644) + data + bytes(-len(data) % 512)


def text_block(rnd, words, size):
    """Bytes that deflate to about a third: words drawn with a skew, numbers between them."""
    parts, have = [], 0
    while have < size:
        part = b"%s %s %d\n" % (words[int(rnd.random() ** 2 * len(words))], words[rnd.randrange(len(words))],
                                rnd.randrange(100000))
        parts.append(part)
        have += len(part)
    return b"".join(parts)[:size]


def one_large():
    rnd = random.Random(20261124)
    words = [bytes(rnd.choices(b"abcdefghijklmnopqrstuvwxyz_./", k=rnd.randrange(3, 12))) for _ in range(5000)]
    pool = [text_block(rnd, words, 1 << 20) for _ in range(24)] + [rnd.randbytes(1 << 20) for _ in range(4)]

    def content(size):
        out = bytearray()
        while len(out) < size:
            block = rnd.choice(pool)
            cut = rnd.randrange(len(block))
            out += block[cut:] + block[:cut]
        return bytes(out[:size])

    total, number = 0, 0
    for d in range(23):
        yield directory("d%02d" % d)
    while total < 10**9:
        size = 64 << 20 if number % 400 == 399 else int(rnd.random() ** 8 * (4 << 20))
        yield file("d%02d/f%05d" % (number % 23, number), content(size))
        total, number = total + size, number + 1


def million():
    for d in range(1000):
        yield directory("d%03d" % d) + b"".join(file("d%03d/f%03d" % (d, f)) for f in range(1000))


def flat():
    yield directory("many")
    for start in range(0, 120000, 1000):
        yield b"".join(file("many/file-%06d.txt" % i, b"number %d\n" % i * (1 + i % 9))
                       for i in range(start, start + 1000))


KINDS = {"one-large": one_large, "million": million, "flat": flat}


def compressor():
    for command in (["pigz", "-6", "-n"], ["gzip", "-6", "-n"], ["igzip", "-1"]):
        if shutil.which(command[0]):
            return command + ["-c"]
    sys.exit("images.py: no gzip")


def sha256_file(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write_layer(pieces, path):
    """Compress the pieces into path; the digest of the decoded bytes."""
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        with subprocess.Popen(compressor(), stdin=subprocess.PIPE, stdout=out) as gz:
            for piece in pieces:
                digest.update(piece)
                gz.stdin.write(piece)
            end = bytes(10240)
            digest.update(end)
            gz.stdin.write(end)
            gz.stdin.close()
            if gz.wait():
                sys.exit("images.py: the compressor failed")
    return digest.hexdigest()


def put_json(blobs, value):
    raw = json.dumps(value, separators=(",", ":")).encode()
    name = hashlib.sha256(raw).hexdigest()
    with open(os.path.join(blobs, name), "wb") as f:
        f.write(raw)
    return {"digest": "sha256:" + name, "size": len(raw)}


def write_layout(pieces, where):
    vendor = "application/vnd.oci.image."
    blobs = os.path.join(where, "blobs", "sha256")
    os.makedirs(blobs)
    partial = os.path.join(blobs, "partial")
    diff_id = write_layer(pieces, partial)
    name, size = sha256_file(partial), os.path.getsize(partial)
    os.rename(partial, os.path.join(blobs, name))
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = put_json(blobs, {"architecture": machine, "os": "linux", "config": {},
                              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff_id]}})
    config["mediaType"] = vendor + "config.v1+json"
    layer = {"mediaType": vendor + "layer.v1.tar+gzip", "digest": "sha256:" + name, "size": size}
    manifest = put_json(blobs, {"schemaVersion": 2, "mediaType": vendor + "manifest.v1+json", "config": config,
                                "layers": [layer]})
    manifest["mediaType"] = vendor + "manifest.v1+json"
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(os.path.join(where, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(where, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "mediaType": vendor + "index.v1+json", "manifests": [manifest]}, f)


def make(kind, outdir):
    """The layout's path; made when it is not there."""
    layout, stamp = os.path.join(outdir, "layout"), os.path.join(outdir, "stamp")
    want = "%s %d" % (kind, VERSION)
    if os.path.exists(stamp):
        with open(stamp) as f:
            if f.read() == want:
                return layout
        os.remove(stamp)
    shutil.rmtree(layout, ignore_errors=True)
    os.makedirs(outdir, exist_ok=True)
    write_layout(KINDS[kind](), layout)
    with open(stamp, "w") as f:
        f.write(want)
    return layout


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    print(make(sys.argv[1], sys.argv[2]))
