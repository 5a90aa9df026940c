"""Blobs that are missing, damaged, cut, of another size, or of another content than what their image says."""
import os
import shutil

import judge
import tarread
from bad import BadCase, NobodyCase, Raw, flipped, noise, packed, sha, spread, tree
from blobcodec import SKIPPABLE, compress, gzip_member
from layerbuild import Layer

CODECS = ("plain", "gzip", "gzip:members=3:name", "zstd", "zstd:frames=3:skippable", "zstd:stored")
ALL_POSITIONS = 80
POSITIONS = 16 if judge.SANITIZED else 48


class Missing(BadCase):
    def setUp(self):
        super().setUp()
        self.whole = self.write([packed(tree(), "gzip"), packed(Layer().file("top", b"t"), "zstd")])

    def copy(self):
        out = self.new(".layout")
        shutil.copytree(self.whole, out)
        return out

    def each(self):
        """(name, number of the layer or None, digest) of every blob."""
        yield "manifest", None, self.digests["manifest"]
        yield "config", None, self.digests["config"]
        for i, digest in enumerate(self.digests["layers"]):
            yield "layer", i + 1, digest

    def test_blobs(self):
        for name, number, digest in self.each():
            with self.subTest(name, number=number):
                layout = self.copy()
                os.unlink(self.blob(layout, digest))
                self.bad(layout, layer=number, words=[digest, "missing", "copy the image there again", name])

    def test_what_is_no_file(self):
        for name, number, digest in self.each():
            for how, make in (("directory", os.mkdir), ("fifo", os.mkfifo), ("device", lambda p: os.symlink("/dev/zero", p)),
                              ("dangling", lambda p: os.symlink("nowhere", p)), ("loop", lambda p: os.symlink(os.path.basename(p), p))):
                with self.subTest(name, number=number, how=how):
                    layout = self.copy()
                    path = self.blob(layout, digest)
                    os.unlink(path)
                    make(path)
                    self.bad(layout, code=1 if how == "loop" else 6, layer=number, words=[digest[7:]])

    def test_no_index_and_no_layout_file(self):
        layout = self.copy()
        os.unlink(os.path.join(layout, "index.json"))
        self.bad(layout, words=["no index.json"])
        layout = self.copy()
        os.unlink(os.path.join(layout, "oci-layout"))
        self.bad(layout, code=3, words=["not an OCI layout", "oci-layout"])


class Unreadable(NobodyCase):
    def test_blobs(self):
        whole = self.write([packed(tree(), "gzip"), packed(Layer().file("top", b"t"), "zstd")])
        for digest in (self.digests["manifest"], self.digests["config"], *self.digests["layers"]):
            with self.subTest(digest):
                layout = self.copied(whole)
                os.chmod(self.blob(layout, digest), 0)
                self.nobody(layout, "--dry-run", code=4, words=[layout, digest[7:], "Permission denied"])

    def test_folders(self):
        whole = self.write([packed(tree(), "gzip")])
        for folder in ("", "blobs", "blobs/sha256"):
            with self.subTest(folder):
                layout = self.copied(whole)
                os.chmod(os.path.join(layout, folder), 0)
                self.nobody(layout, "--dry-run", code=4, words=[layout, "Permission denied"])


class Sizes(BadCase):
    """What a descriptor claims is compared before a byte is read."""

    def test_layers(self):
        blob = packed(tree(), "gzip")
        for size in (0, 1, len(blob.blob) - 1, len(blob.blob) + 1, (1 << 53) - 1):
            with self.subTest(size=size):
                layout = self.write([packed(Layer().file("below"), "plain"), Raw(blob.blob, "gzip", blob.tar, size=size)])
                self.bad(layout, layer=2, words=[sha(blob.blob), "%d bytes" % len(blob.blob), str(size)])

    def test_config_and_manifest(self):
        for name in ("config", "manifest"):
            for size in (0, 1, 100000, 1 << 40):
                with self.subTest(name, size=size):
                    layout = self.write([packed(tree(), "gzip")], **{name + "_claims": {"size": size}})
                    self.bad(layout, words=[self.digests[name], str(size)])

    def test_that_are_no_sizes(self):
        for size in (-1, 1.5, "5", [], 1 << 53, 1e300, True):
            with self.subTest(size=size):
                blob = packed(tree(), "gzip")
                layout = self.write([Raw(blob.blob, "gzip", blob.tar, size=size)])
                self.bad(layout, words=["layers[0].size", self.digests["manifest"]])

    def test_grown_and_shrunk(self):
        blob = packed(tree(), "zstd")
        for change in (-100, -1, 1, 5000):
            with self.subTest(change=change):
                layout = self.write([blob])
                os.truncate(self.blob(layout, sha(blob.blob)), len(blob.blob) + change)
                self.bad(layout, layer=1, words=[sha(blob.blob), "%d bytes" % (len(blob.blob) + change)])


class Flipped(BadCase):
    """One wrong bit is never believed, wherever it is."""

    def sweep(self, layout, path, positions, words=(), **kw):
        with open(path, "rb") as f:
            data = f.read()
        for at in positions(len(data)):
            with self.subTest(os.path.basename(path), at=at):
                self.put(path, flipped(data, at, 1 << at % 8))
                self.bad(layout, words=words, **kw)
        self.put(path, data)

    def test_layers(self):
        for codec in CODECS:
            layout = self.write([packed(Layer().file("below"), "gzip"), packed(tree(), codec)])
            self.sweep(layout, self.blob(layout, self.digests["layers"][1]), lambda n: spread(n, POSITIONS), layer=2)

    def test_documents(self):
        layout = self.write([packed(tree(), "gzip")])
        for name in ("manifest", "config"):
            self.sweep(layout, self.blob(layout, self.digests[name]), lambda n: spread(n, POSITIONS), words=[self.digests[name]])

    def test_index(self):
        """It has no digest: what a flip leaves valid is the same image, or none."""
        layout = self.write([packed(tree(), "gzip")])
        same = judge.sha256(self.snapshot(layout)[0])
        path = os.path.join(layout, "index.json")
        with open(path, "rb") as f:
            data = f.read()
        for at in spread(len(data), POSITIONS):
            with self.subTest(at=at):
                self.put(path, flipped(data, at, 1 << at % 7))
                out = self.path("flipped")
                done = judge.o2r("snapshot", layout, "-q", "-o", out, "--platform", "linux/amd64")
                if done.returncode == 0:
                    self.assertEqual(judge.sha256(out), same)
                    os.unlink(out)
                else:
                    self.assertIn(done.returncode, (1, 3, 5, 6), done.stderr)
                    self.assertRegex(done.stderr, r"\Ao2r: [^\n]*\n\Z")
                    self.assertIn(layout, done.stderr)
                self.assertFalse(os.path.exists(out))

    def test_under_a_right_digest(self):
        """The blob's digest agrees: the codec's own checks or the diff_id have to notice. A few bits carry no content (times
        and names in headers, padding, window sizes): then the image is the right one."""
        taken, tried = 0, 0
        for codec in CODECS[1:]:
            right = packed(tree(), codec)
            same = judge.sha256(self.snapshot(self.write([right]), "--size", "min")[0])
            # with few positions the headers at both ends, where bits carry no content, would count for too much
            for at in spread(len(right.blob), ALL_POSITIONS):
                with self.subTest(codec, at=at):
                    layout = self.write([Raw(flipped(right.blob, at, 1 << at % 8), codec.split(":")[0], right.tar)])
                    out = self.path("flipped")
                    tried += 1
                    if judge.o2r("snapshot", layout, "--size", "min", "-o", out, "--platform", "linux/amd64").returncode:
                        self.bad(layout, layer=1)
                    else:
                        taken += 1
                        self.assertEqual(judge.sha256(out), same)
                        os.unlink(out)
                    shutil.rmtree(layout)
        self.assertLess(taken, tried // 10)


class Cut(BadCase):
    """The digest is that of the cut blob, so that the decoder is what has to notice."""

    def sweep(self, codec, count):
        right = packed(tree(), codec)
        kind = codec.split(":")[0]
        lengths = set(spread(len(right.blob), count))
        if codec.endswith("skippable"):
            lengths.discard(len(right.blob) - len(SKIPPABLE))      # whole frames are left
        for n in sorted(lengths):
            with self.subTest(codec, length=n):
                layout = self.write([Raw(right.blob[:n], kind, right.tar)])
                line = self.bad(layout, layer=1)
                if n > 20 and ":" not in codec:
                    self.assertIn("cut short", line)
                    self.assertIn("byte %d of the blob" % n, line)
                shutil.rmtree(layout)

    def test_gzip(self):
        self.sweep("gzip", POSITIONS)
        self.sweep("gzip:members=3:name", POSITIONS)

    def test_zstd(self):
        self.sweep("zstd", POSITIONS)
        self.sweep("zstd:frames=3:skippable", POSITIONS)

    def test_tar(self):
        """Cut in a header or in data it is refused. Without the zero blocks of the end, or within the padding of data, tools
        go on (Go's, which all engines use, too)."""
        tar = tree().tar()
        lengths = set(spread(len(tar), POSITIONS))
        if not judge.SANITIZED:
            lengths |= set(range(0, len(tar), 512))
        refused = 0
        for n in sorted(lengths):
            with self.subTest(length=n):
                layout = self.write([Raw(tar[:n])])
                if self.is_cut(tar, n):
                    refused += 1
                    self.bad(layout, layer=1, words=["cut off at %d" % n])
                elif n % 8 == 0:
                    whole = self.write([Raw(tar[:n] + b"\0" * (-n % 512))])
                    self.assertEqual(self.good(layout, "--size", "min"), judge.reference(whole))
                else:
                    self.snapshot(layout, "--dry-run")
                shutil.rmtree(layout)
        self.assertGreater(refused, len(lengths) // 4)

    def is_cut(self, tar, n):
        """By the reference, which is told of padding what it does not tell itself."""
        if n > len(tar) - 1024:
            return n % 512 != 0         # of the two zero blocks at the end: a part of one is a cut header
        for data in (b"127.0.0.1 localhost\n", b"long", noise()):
            end = tar.index(data) + len(data)
            if end <= n < end + -end % 512:
                return False
        try:
            list(tarread.members(tar[:n]))
            return False
        except judge.refdump.Refused:
            return True

    def test_names_the_entry(self):
        layer = Layer().file("a", b"x" * 100).file("dir/b", b"y" * 5000)
        tar = layer.tar()
        self.bad_layer(tar[:1024 + 512 + 1000], entry="dir/b", offset=1024, words=["4000 bytes before the end"])
        self.bad_layer(tar[:1024 + 100], words=["cut off at 1124", "header"])


class Trailing(BadCase):
    def test_bytes_after_the_last_member_or_frame(self):
        for codec in ("gzip", "gzip:members=2", "zstd", "zstd:frames=2"):
            right = packed(tree(), codec)
            for tail in (b"\0", b"\0" * 512, b"x", b"garbage" * 100, b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08", b"\x28\xb5\x2f", b"\x28\xb5\x2f\xfd"):
                with self.subTest(codec, tail=tail[:8]):
                    layout = self.write([Raw(right.blob + tail, codec.split(":")[0], right.tar)])
                    self.bad(layout, layer=1, words=["of the blob"])

    def test_the_other_codec_behind(self):
        tar = tree().tar()
        for one, other in (("gzip", "zstd"), ("zstd", "gzip")):
            layout = self.write([Raw(compress(tar, one) + compress(tar, other), one, tar + tar)])
            self.bad(layout, layer=1)

    def test_an_empty_member_is_none(self):
        right = packed(tree(), "gzip")
        self.good(self.write([Raw(right.blob + gzip_member(b""), "gzip", right.tar)]))

    def test_bytes_after_the_end_of_the_tar(self):
        """They belong to the layer's digests and to nothing else."""
        tar = tree().tar()
        plain = self.good(self.write([Raw(tar)]), "--size", "min")
        for tail in (b"\0" * 10240, b"garbage", Layer().file("never", b"seen").tar()):
            self.assertEqual(self.good(self.write([Raw(tar + tail)]), "--size", "min"), plain)


class DiffId(BadCase):
    def test_of_another_layer(self):
        for codec in CODECS:
            with self.subTest(codec):
                right, other = packed(tree(), codec), packed(Layer().file("other", b"o"), codec)
                layers = [packed(Layer().file("below"), "gzip"), Raw(right.blob, codec.split(":")[0], other.tar)]
                line = self.bad(self.write(layers), layer=2)
                self.assertIn(sha(right.tar), line)
                self.assertIn(sha(other.tar), line)

    def test_swapped(self):
        a, b = packed(tree(), "gzip"), packed(Layer().file("b", b"b"), "zstd")
        a.diff_id, b.diff_id = b.diff_id, a.diff_id
        self.bad(self.write([a, b]), words=[a.diff_id, b.diff_id])

    def test_too_few_too_many_or_none(self):
        for ids in ([], [sha(b"")] * 2, None):
            with self.subTest(ids=ids):
                layout = self.write([packed(tree(), "gzip")], config=lambda c: c.update(rootfs={"type": "layers", "diff_ids": ids}))
                self.bad(layout, words=["diff_id", self.digests["config"]])

    def test_without_rootfs(self):
        layout = self.write([packed(tree(), "gzip")], config=lambda c: c.pop("rootfs") and None)
        self.bad(layout, words=["rootfs", self.digests["config"]])


class Codec(BadCase):
    def test_other_than_the_media_type_says(self):
        for codec, media in (("gzip", "plain"), ("gzip", "zstd"), ("plain", "gzip"), ("plain", "zstd"), ("zstd", "gzip"), ("zstd", "plain")):
            with self.subTest(codec, media=media):
                right = packed(tree(), codec)
                line = self.bad(self.write([Raw(right.blob, media, right.tar)]), layer=1)
                self.assertIn("is %s, but its media type says %s" % (codec, media), line)

    def test_empty_blobs(self):
        self.good(self.write([Raw(b"")]), "--size", "min")
        for codec in ("gzip", "zstd"):
            self.bad(self.write([Raw(b"", codec)]), layer=1)

    def test_other_compressions(self):
        """bzip2, xz and lz4 under a plain layer's name are no tar."""
        for magic in (b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x04\x22\x4d\x18"):
            self.bad(self.write([Raw(magic + b"\x55" * 2000)]), layer=1, words=["tar header at 0"])

    def test_inline_data(self):
        """`data` is held against digest and size like a file."""
        right = packed(tree(), "gzip")
        for data, words in (("not base64!", "base64"), ("", "bytes"), ("AAAA", "bytes")):
            with self.subTest(data=data):
                layout = self.write([Raw(right.blob, "gzip", right.tar, data=data)])
                self.bad(layout, layer=1, words=[words])
