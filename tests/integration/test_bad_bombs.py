"""Small input that asks for much: it is refused soon, or done in the memory that docs/architecture.md allows.

64 MiB, 200 bytes an entry and the names, zstd windows over 8 MiB on top of it.
"""
import hashlib
import os
import re
import struct
import subprocess
import sys
import time
import zlib

import judge
import mkimage
from bad import BadCase, Raw, packed
from layerbuild import Layer
from tarwrite import octal, pad, pax_record, pseudo

HEAVY = 2
UNDER_SANITIZERS = False    # their shadow memory is not ours

MIB, GIB = 1 << 20, 1 << 30
FIXED = 64 * MIB
ENTRY = 200
HANGS = 300                 # seconds, on the busiest machine: nothing here takes more than a few


def head(size):
    """The header of a file of that size of zeros, in the shape in which a tar begins."""
    return Layer(end=0).file("zeros", b"", size=size, fmt="gnu").tar()


def gzip_zeros(first, size):
    """`first`, then zeros: members of 64 MiB, of which all but the first and the last are the same bytes."""
    def member(data):
        comp = zlib.compressobj(9, zlib.DEFLATED, 31)
        return comp.compress(data) + comp.flush()
    piece = member(bytes(64 * MIB))
    return member(first) + piece * (size // (64 * MIB)) + member(bytes(size % (64 * MIB)))


def zstd_zeros(first, size):
    """`first` in a raw block, then blocks of one repeated byte, 128 KiB each: 4 bytes for each of them."""
    out = b"\x28\xb5\x2f\xfd\x00\x38" + struct.pack("<I", len(first) << 3)[:3] + first
    block = struct.pack("<I", (1 << 17) << 3 | 1 << 1)[:3] + b"\0"
    return out + block * (size >> 17) + struct.pack("<I", 1)[:3]


class Bombs(BadCase):
    def measured(self, layout, *args, code, words=(), most=FIXED):
        """Run it under the eyes of cgroup-run.py; what it says on stderr."""
        folder = self.new(".out")
        os.mkdir(folder)
        began = time.monotonic()
        done = subprocess.run([sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), "0", judge.O2R, "snapshot", layout, "-o",
                               os.path.join(folder, "image"), "--platform", "linux/amd64", "--size", "min", "-q", *args],
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=HANGS)
        took = time.monotonic() - began
        *lines, last = done.stderr.decode(errors="backslashreplace").rstrip("\n").split("\n")
        errors = [line for line in lines if ": warning: " not in line]
        self.assertEqual(done.returncode, code, "\n".join(errors)[:2000])
        found = dict(pair.split("=") for pair in re.search(r"cgroup-run: (.*)", last)[1].split())
        peak = max(int(found[key]) for key in ("anon", "rss") if found[key] != "-")
        print("%.1f s, %.1f MiB" % (took, peak / MIB), flush=True)
        self.assertLess(peak, most)
        if code:
            self.assertEqual(len(errors), 1, errors)
            self.assertEqual(os.listdir(folder), [])
            for word in [layout, *words]:
                self.assertIn(word, errors[0])
        return done

    def of(self, content, codec="gzip:level=1"):
        return self.write([packed(content, codec)])


class Zeros(Bombs):
    """10 GiB of them in 10 MB of gzip or 320 KB of zstd. The digests are not right: no one gets that far."""

    def test_refused_by_the_limit(self):
        for codec, make in (("gzip", gzip_zeros), ("zstd", zstd_zeros)):
            with self.subTest(codec, what="behind the end of the tar"):
                layout = self.write([Raw(make(bytes(1024), 10 * GIB), codec, b"")])
                self.measured(layout, "--limit", "layer-bytes=1G", code=6, words=["layer 1 of 1", "--limit layer-bytes=N", str(GIB)])
            with self.subTest(codec, what="a file"):
                layout = self.write([Raw(make(head(10 * GIB), 10 * GIB), codec, b"")])
                self.measured(layout, "--limit", "layer-bytes=1G", code=6, words=["entry zeros at 0", "--limit layer-bytes=N"])
            with self.subTest(codec, what="a pax header"):
                layout = self.write([Raw(make(pseudo(b"x", b"", "x")[:512].replace(b"00000000000\0", octal(8 * GIB - 1, 12), 1), 10 * GIB), codec, b"")])
                self.measured(layout, code=6, words=["at 0"])

    def test_read_to_the_end_they_take_no_memory(self):
        """2 GiB of zeros are a hole of 2 GiB."""
        size = 2 * GIB
        first, tail = head(size), 1024
        digest = self.digest_of(first, size + tail)
        for codec, make in (("gzip", gzip_zeros), ("zstd", zstd_zeros)):
            with self.subTest(codec):
                blob = make(first, size) if codec == "zstd" else gzip_zeros(first, size + tail)
                if codec == "zstd":
                    blob = zstd_zeros(first, size) + mkimage.blobcodec.zstd_stored(bytes(tail))
                layer = Raw(blob, codec, b"")
                layer.diff_id = digest
                self.measured(self.write([layer]), code=0)

    def digest_of(self, first, size):
        total, piece = hashlib.sha256(first), bytes(16 * MIB)
        for _ in range(size // len(piece)):
            total.update(piece)
        total.update(bytes(size % len(piece)))
        return "sha256:" + total.hexdigest()


class Windows(Bombs):
    def frame(self, descriptor, more=b""):
        tar = Layer().file("a", b"x").tar()
        return b"\x28\xb5\x2f\xfd" + descriptor + more + struct.pack("<I", len(tar) << 3 | 1)[:3] + tar, tar

    def test_zstd(self):
        for exponent in (18, 21, 27, 31):
            with self.subTest(exponent=exponent):
                blob, tar = self.frame(b"\0" + bytes([exponent << 3]))
                self.measured(self.write([Raw(blob, "zstd", tar)]), code=6, words=["layer 1 of 1", "window", "--limit zstd-window=N"])
        with self.subTest("content size"):
            blob, tar = self.frame(b"\xe0", struct.pack("<Q", 1 << 40))
            self.measured(self.write([Raw(blob, "zstd", tar)]), code=6, words=["layer 1 of 1", "--limit zstd-window=N"])

    def test_the_largest_one(self):
        blob, tar = self.frame(b"\0" + bytes([17 << 3]))
        self.measured(self.write([Raw(blob, "zstd", tar)]), code=0, most=FIXED + 128 * MIB)


class Headers(Bombs):
    def test_records(self):
        """A header full of the smallest records, and one that the option allows with a million."""
        body = b"".join(pax_record(b"%c" % (97 + i % 26), b"") for i in range(180_000))[:1 << 20]
        body = body[:body.rindex(b"\n") + 1]
        self.measured(self.of(Layer().file("a", pax_raw=body)), code=0)
        body = pax_record("comment", "c") * 1_000_000
        layout = self.of(Layer().file("a", pax_raw=body))
        self.measured(layout, code=6, words=["at 0", "--limit pax-header=N"])
        self.measured(layout, "--limit", "pax-header=64M", code=0, most=FIXED + 4 * len(body))

    def test_attributes(self):
        """As many as fit into one header, all of them different: too many for ext4, and said so soon."""
        for prefix in ("SCHILY.xattr.user.", "LIBARCHIVE.xattr.user."):
            body = b"".join(pax_record(prefix + "%x" % i, "") for i in range(30_000))
            with self.subTest(prefix):
                self.measured(self.of(Layer().file("dir/a", pax_raw=body)), code=1, words=["dir/a", "extended attributes"])

    def test_the_same_attributes_again_and_again(self):
        """200 links with 30 000 records each, all for one inode."""
        body = b"".join(pax_record("SCHILY.xattr.user.%x" % i, "v") for i in range(100)) * 300
        layer = Layer().file("a", pax_raw=body)
        for i in range(200):
            layer.link("l%d" % i, "a", pax_raw=body)
        self.measured(self.of(layer), code=0)

    def test_headers_in_front_of_one_entry(self):
        layer = Layer()
        for _ in range(20_000):
            layer.raw(pseudo(b"x", pax_record("comment", "c" * 100), "x"))
        self.measured(self.of(layer.file("a")), code=6, words=["at 0", "--limit pax-header=N"])
        layer = Layer()
        for _ in range(50_000):
            layer.raw(pseudo(b"g", pax_record("comment", "c" * 100), "g"))
        self.measured(self.of(layer.file("a")), code=0)

    def test_sparse_maps(self):
        """A million pieces of one byte, in the data of the entry; and a map that only claims to be long."""
        count = 1_000_000
        text = b"%d\n" % count + b"".join(b"%d\n1\n" % (i * 4096) for i in range(count))
        layer = Layer().file("a", pad(text) + b"x" * count, pax=[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                                                                ("GNU.sparse.realsize", str(count * 4096))])
        self.measured(self.of(layer), code=0, most=FIXED + 200 * count)
        for claim in (b"4000000000\n", b"99999999999999\n"):
            layer = Layer().file("a", pad(claim + b"0\n1\n" * 100), pax=[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                                                                        ("GNU.sparse.realsize", "5000")])
            self.measured(self.of(layer), code=6, words=["entry a at 0"])


class Trees(Bombs):
    def test_deep_paths(self):
        """20 entries of 64 KiB name 650 000 directories."""
        layer = Layer()
        for i in range(20):
            layer.file("%c" % (97 + i) + "/d" * 32_700)
        self.measured(self.of(layer), code=0, most=FIXED + 2 * ENTRY * 660_000)
        self.measured(self.of(layer), "--limit", "entries=100000", code=6, words=["--limit entries=N"])

    def test_one_deep_path_walked_often(self):
        """Each entry of 2 000 is 5 000 directories down, and the next one elsewhere."""
        layer = Layer()
        for i in range(1000):
            layer.file("d/" * 5000 + "f%d" % i).file("e/" * 5000 + "f%d" % i)
        self.measured(self.of(layer), code=0)

    def test_symlinks_walked_often(self):
        """Each of 20 000 entries goes through 250 symbolic links."""
        layer = Layer().dir("l0")
        for i in range(250):
            layer.symlink("l%d" % (i + 1), "l%d" % i)
        for i in range(20_000):
            layer.file("l250/f%d" % i) if i % 2 else layer.file("l249/f%d" % i)
        self.measured(self.of(layer), code=0, most=FIXED + 2 * ENTRY * 20_000)

    def test_hard_link_chains(self):
        """50 000 links, each to the next one, which comes later."""
        layer = Layer()
        for i in range(50_000):
            layer.link("l%05d" % i, "l%05d" % (i + 1))
        self.measured(self.of(layer.file("l50000", b"x")), code=0, most=FIXED + 2 * ENTRY * 50_000)
        layer.parts.pop()
        self.measured(self.of(layer), code=6, words=["target l50000"], most=FIXED + 2 * ENTRY * 50_000)

    def test_replaced_again_and_again(self):
        layer = Layer()
        for i in range(100_000):
            layer.file("a", b"%d" % i)
        self.measured(self.of(layer), code=0, most=FIXED + 2 * ENTRY * 100_000)
        layer = Layer()
        for i in range(2000):
            layer.file("a").file("a/b/c/d/e/f/g/h", b"%d" % i)
        self.measured(self.of(layer), code=0)

    def test_many_layers(self):
        """4 096 times the same one."""
        layout = self.write([packed(Layer().file("a", b"x").whiteout("b"), "gzip")],
                            manifest=lambda v: v.update(layers=v["layers"] * 4096),
                            config=lambda v: v["rootfs"].update(diff_ids=v["rootfs"]["diff_ids"] * 4096))
        self.measured(layout, code=0, most=2 * FIXED)

    def test_inodes_and_sizes_without_end(self):
        layout = self.of(Layer().file("a"))
        for args in (["--inodes", "4294967295"], ["--inodes", "4000000000"], ["--free", "16E"], ["--free", "1000000%"], ["--size", "1024P"]):
            with self.subTest(args=args):
                done = judge.o2r("snapshot", layout, "--platform", "linux/amd64", "-q", "--dry-run", *args, timeout=60)
                self.assertIn(done.returncode, (0, 2, 7), done.stderr)


class Documents(Bombs):
    def test_many_values(self):
        for text in (b'{"x":[' + b"1," * 900_000 + b"1]}", b'{"x":[' + b"[]," * 600_000 + b"1]}", b"{" + b'"a":1,' * 500_000 + b'"b":1}',
                     b'{"x":"' + b"\\u0041" * 600_000 + b'"}'):
            with self.subTest(text[:12]):
                self.measured(self.write([packed(Layer(), "plain")], index=lambda _: text), code=6, words=["index.json"], most=2 * FIXED)
