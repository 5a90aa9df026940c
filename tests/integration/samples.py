"""Images that several test files use. Everything is deterministic."""
import hashlib
import struct

from mkimage import Image, Layer

MARKER = b"o2r-deleted-bytes-must-not-survive:"


def noise(size, seed=b"noise"):
    """Bytes that no compressor shrinks."""
    return hashlib.shake_128(seed if isinstance(seed, bytes) else str(seed).encode()).digest(size)


def capability(effective=True, permitted=1 << 13):
    """security.capability, version 2: cap_net_raw unless told."""
    return struct.pack("<IIIII", 0x02000000 | effective, permitted, 0, 0, 0)


def acl(*entries):
    """A raw POSIX ACL (version 2) of (tag, permissions, id or None)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, perm, 0xFFFFFFFF if i is None else i) for tag, perm, i in entries)


def base_layer(codec=None):
    """Every type, every kind of metadata, small and middling files, a sparse one, directories of one and of more blocks."""
    layer = Layer(codec=codec).dir("./", mtime=1_500_000_001)
    layer.dir("etc", mode=0o751, uid=1, gid=2, mtime=(1_500_000_002, 123456789))
    layer.file("etc/hosts", b"127.0.0.1 localhost\n", mode=0o640, uid=100000, gid=4294967294)
    layer.file("etc/secret", MARKER + noise(9000, b"secret"), mode=0o600)
    layer.file("etc/replaced", MARKER + noise(70000, b"replaced"))
    layer.link("etc/hosts.link", "etc/hosts", mode=0o640, uid=100000, gid=4294967294)
    layer.dir("bin").file("bin/ping", noise(300_001, b"ping"), mode=0o4755, xattrs={"security.capability": capability()})
    layer.symlink("bin/sh", "ping").symlink("long", "/x" * 100)
    layer.dir("dev").char("dev/null", 1, 3, mode=0o666).block("dev/nvme", 259, 70000, mode=0o660, gid=6).fifo("dev/pipe", mode=0o600)
    layer.dir("var/empty", mode=0o1777).file("var/zero", b"")
    layer.sparse("var/sparse", [(5000, b"a" * 5000), (1 << 22, noise(4096)), ((1 << 24) - 1, b"!")])
    layer.file("var/zeros", b"x" + bytes(300_000) + b"y")
    layer.file("var/attrs", b"attrs", xattrs={"user.small": b"1", "user.large": noise(700, b"large"), "user.empty": b""})
    layer.dir("gone").file("gone/a", MARKER + noise(5000, b"gone")).dir("gone/sub").file("gone/sub/b", MARKER * 400)
    layer.dir("opaque", mode=0o700).file("opaque/below", MARKER + b"below" * 3000)
    layer.dir("many")
    for i in range(400):
        layer.file("many/file with a name %04d" % i, b"%d" % i * (i % 50))
    return layer


def image(*codecs, **options):
    """Three layers; codecs: one for each, or one for all."""
    codecs = (codecs * 3)[:3] if len(codecs) < 3 else codecs
    middle = Layer(codec=codecs[1]).whiteout("etc/secret").whiteout("gone").opaque("opaque").file("opaque/new", b"new")
    middle.file("etc/replaced", b"short", mtime=(1_700_000_000, 5)).dir("gone2/deep/er").file("gone2/deep/er/file", noise(66_000, b"deep"))
    top = Layer(codec=codecs[2]).file("late/file", noise(200_000, b"late"), uid=1000, gid=1000).whiteout("many/file with a name 0007")
    top.link("late/link", "bin/ping").symlink("late/dangling", "../nowhere")
    top.dir("etc", mode=0o755, uid=0, gid=0, mtime=1_700_000_009)
    return Image([base_layer(codecs[0]), middle, top], **options)


def small(**options):
    """One layer of one file."""
    return Image([Layer().file("hello", b"hello\n")], **options)
