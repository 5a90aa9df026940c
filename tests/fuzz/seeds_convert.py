#!/usr/bin/env python3
"""Seeds for fuzz_convert: a small tree in each format that is converted, by bsdtar; an ISO 9660 without what stands in front."""
import gzip
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

ISO_FRONT = 32 << 10
BSDTAR = {
    "cpio": ["--format=cpio"], "newc": ["--format=newc"], "bin": ["--format=bin"], "odc-gz": ["--format=odc", "-z"],
    "zip": ["--format=zip"], "zip-stored": ["--format=zip", "--options=zip:compression=store"], "zip-secret": ["--format=zip", "--options=zip:encryption", "--passphrase=x"],
    "7z": ["--format=7zip"], "7z-stored": ["--format=7zip", "--options=7zip:compression=store"], "7z-deflate": ["--format=7zip", "--options=7zip:compression=deflate"],
    "7z-bzip2": ["--format=7zip", "--options=7zip:compression=bzip2"], "7z-ppmd": ["--format=7zip", "--options=7zip:compression=ppmd"],
    "iso": ["--format=iso9660", "--options=iso9660:!pad"], "iso-plain": ["--format=iso9660", "--options=iso9660:!pad,iso9660:!rockridge"],
    "iso-rock": ["--format=iso9660", "--options=iso9660:!pad,iso9660:!joliet"],
    "pax": ["--format=pax"], "ustar-bz2": ["--format=ustar", "-j"], "pax-xz": ["--format=pax", "-J"], "gnu-lzma": ["--format=gnutar", "--lzma"],
    "v7-gz": ["--format=v7tar", "-z"], "ustar-zstd": ["--format=ustar", "--zstd"], "ar": ["--format=ar"], "xar": ["--format=xar"],
}


def tree(root):
    (root / "d/e").mkdir(parents=True)
    (root / "f").write_bytes(b"content\n" * 40)
    (root / "empty").write_bytes(b"")
    (root / "d" / "n\u00e4me").write_bytes(b"x")
    os.link(root / "f", root / "d/hard")
    os.link(root / "f", root / "hard2")
    os.symlink("../f", root / "d/soft")
    with open(root / "sparse", "wb") as f:
        f.truncate(9000)
        f.seek(5000)
        f.write(b"y")
    with open(root / "hole", "wb") as f:
        f.truncate(9000)


def names(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*"))


def pack(args, root, which, out):
    """Into a file, which no block of zeros ends."""
    subprocess.run(["bsdtar", "-cnf", out, *args, *which], cwd=root, check=True, stdin=subprocess.DEVNULL)
    return out.read_bytes()


def short(args, root):
    """ar holds only files."""
    return ["f", "empty"] if "--format=ar" in args else names(root)


def newc(*members):
    """(name, inode, links, content): in this order, as some programs write a cpio and bsdtar does not."""
    out = b""
    for name, inode, links, content in [*members, ("TRAILER!!!", 0, 1, b"")]:
        raw = name.encode() + b"\0"
        fields = (inode, 0o100644 if inode else 0, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        for piece in (b"070701" + b"".join(b"%08X" % f for f in fields) + raw, content):
            out += piece + b"\0" * (-len(piece) % 4)
    return out


def promises():
    """Less content than the headers say."""
    huge = newc(("a", 1, 1, b"content")).replace(b"%08X" % 7, b"%08X" % 0xfffffff0)
    zipped = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 0, 1 << 20, 1, 0) + b"a"
    return [huge, gzip.compress(huge), zipped, zipped.replace(struct.pack("<I", 1 << 20), struct.pack("<I", 0xfffffff0))]


def links_of_cpio():
    one = [("a", 1, 3, b""), ("b", 1, 3, b""), ("c", 1, 3, b"content")]
    first = [("a", 1, 3, b"content"), ("b", 1, 3, b""), ("c", 1, 3, b"")]
    every = [(n, 1, 3, b"content") for n in "abc"]
    return [newc(*one), newc(*first), newc(*every), newc(*one, *first), newc(*one[:2]), newc(("d/", 1, 2, b""), ("e", 1, 2, b"x"), ("f/", 2, 1, b"y")),
            newc(("a", 1, 2, b""), ("b", 2, 2, b"x"), ("c", 1, 2, b"y"), ("d", 2, 2, b""))]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    seeds = links_of_cpio()
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch) / "tree"
        tree(root)
        for args in BSDTAR.values():
            data = pack(args, root, short(args, root), root.parent / "archive")
            seeds.append(data[ISO_FRONT:] if "--format=iso9660" in args else data)
    seeds += promises()
    # over the limits: entries, bytes, and both packed
    over = [newc(*[("n%d" % i, i + 1, 1, b"") for i in range(210)]), newc(("a", 1, 1, bytes(300 << 10)))]
    seeds += [over[0], *map(gzip.compress, over)]
    seeds += [b"", b"PK", b"070701", b"7z\xbc\xaf\x27\x1c", b"\1CD001\1", b"\xfd7zXZ\0"]
    for i, data in enumerate(seeds):
        (out / ("seed-%02d" % i)).write_bytes(data)


if __name__ == "__main__":
    main()
