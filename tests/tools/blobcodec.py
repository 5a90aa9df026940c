"""Compression of layer bytes, in all the shapes that blobs come in. Deterministic: no time, no name, one thread.

A codec is a string: `plain`, `gzip`, `zstd`, with options after colons:

  gzip:members=3      three members, the last one may be empty
  gzip:level=1        level of zlib (0 gives stored blocks)
  gzip:name           the header carries a file name and a comment
  zstd:frames=3       three frames
  zstd:skippable      skippable frames before, between and after
  zstd:stored         frames of raw blocks, made here without the zstd program (quick)
  zstd:level=19       level of zstd
"""
import struct
import subprocess
import zlib

MEDIA = {"oci": {"plain": "application/vnd.oci.image.layer.v1.tar", "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
                 "zstd": "application/vnd.oci.image.layer.v1.tar+zstd"},
         "docker": {"plain": "application/vnd.docker.image.rootfs.diff.tar",
                    "gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "zstd": "application/vnd.docker.image.rootfs.diff.tar.zstd"}}
SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"skip!"


def parse(codec):
    """`gzip:members=3` -> ("gzip", {"members": "3"})."""
    kind, *rest = codec.split(":")
    return kind, dict(part.partition("=")[::2] for part in rest)


def cut(data, pieces):
    """Divide into that many pieces, the last one takes the rest."""
    step = len(data) // pieces
    return [data[i * step:(i + 1) * step if i < pieces - 1 else None] for i in range(pieces)]


def gzip_member(data, level=6, named=False):
    """One gzip member; the header is made by hand so that no time and no host gets in."""
    head = b"\x1f\x8b\x08" + (b"\x18" if named else b"\0") + b"\0\0\0\0\0\xff" + (b"layer.tar\0a comment\0" if named else b"")
    comp = zlib.compressobj(level, zlib.DEFLATED, -15)
    return head + comp.compress(data) + comp.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def zstd_stored(data):
    """One zstd frame of raw blocks: window 128 KiB, no checksum, no content size."""
    blocks = [data[i:i + 0x20000] for i in range(0, len(data), 0x20000)] or [b""]
    out = b"\x28\xb5\x2f\xfd\x00\x38"
    for i, block in enumerate(blocks):
        out += struct.pack("<I", (len(block) << 3) | (i == len(blocks) - 1))[:3] + block
    return out


def zstd_frame(data, level=3):
    command = ["zstd", "-q", "-c", "--single-thread", "--no-progress", "-%d" % level]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def compress(data, codec):
    """The blob of a layer's bytes."""
    kind, opts = parse(codec)
    if kind == "plain":
        return data
    if kind == "gzip":
        pieces = cut(data, int(opts.get("members", 1)))
        return b"".join(gzip_member(p, int(opts.get("level", 6)), "name" in opts) for p in pieces)
    if kind == "zstd":
        pieces = cut(data, int(opts.get("frames", 1)))
        frames = [zstd_stored(p) if "stored" in opts else zstd_frame(p, int(opts.get("level", 3))) for p in pieces]
        if "skippable" in opts:
            return SKIPPABLE + SKIPPABLE.join(frames) + SKIPPABLE
        return b"".join(frames)
    raise ValueError("unknown codec %r" % codec)
