"""Documents of a layout that are cut, huge, deep, contradictory, or say what nobody knows: oci-layout, index, manifest, config."""
import base64
import hashlib
import os

import judge
import mkimage
from bad import BadCase, Raw, packed, sha, spread, tree
from layerbuild import Layer

MIB = 1 << 20
HEX = "0123456789abcdef" * 4
LAYER = mkimage.blobcodec.MEDIA["oci"]["gzip"]


def deep(levels):
    return b"[" * levels + b"]" * levels


def with_member(data, member):
    """The text of an object with one member more in front."""
    assert data[:1] == b"{"
    return b"{" + member + b"," + data[1:]


class Documents(BadCase):
    """Each fault in each of the three documents; where a digest vouches for the document it is a right one."""

    def setUp(self):
        super().setUp()
        self.layers = [packed(tree(), "gzip"), packed(Layer().file("top", b"t"), "zstd")]

    def each(self, edit, code=6, words=(), where=("index", "manifest", "config"), args=()):
        """edit: bytes -> bytes. Says which document it is: index.json, or the digest of another."""
        for name in where:
            with self.subTest(name):
                layout = self.write(self.layers, **{name: lambda value: edit(mkimage.dump_json(value))})
                which = "index.json" if name == "index" else self.digests[name]
                self.bad(layout, *args, code=code, words=[which, *words])

    def test_cut(self):
        for part in (0, 1, 2, 3):
            self.each(lambda data: data[:len(data) * part // 4], words=["cut short at byte"])

    def test_cut_at_every_length(self):
        whole = mkimage.dump_json({"imageLayoutVersion": "1.0.0"})
        layout = self.write(self.layers)
        for n in range(len(whole)):
            self.put(os.path.join(layout, "oci-layout"), whole[:n])
            self.bad(layout, words=["oci-layout", "cut short at byte"])
        self.put(os.path.join(layout, "oci-layout"), whole)
        path = os.path.join(layout, "index.json")
        with open(path, "rb") as f:
            whole = f.read()
        for n in spread(len(whole), 20 if judge.SANITIZED else 60):
            self.put(path, whole[:n])
            self.bad(layout, words=["index.json", "cut short at byte"])

    def test_huge(self):
        for name, limit, size in (("index", "manifest", 4 * MIB), ("manifest", "manifest", 4 * MIB), ("config", "config", 8 * MIB)):
            self.each(lambda data: data + b" " * (size + 1 - len(data)), where=[name],
                      words=["%d bytes" % (size + 1), "--limit %s=N" % limit])
            # the limit itself is allowed, and the option moves it
            self.good(self.write(self.layers, **{name: lambda value: mkimage.dump_json(value).ljust(size)}), "--size", "min")
            self.good(self.write(self.layers, **{name: lambda value: mkimage.dump_json(value).ljust(size + 1)}),
                      "--size", "min", "--limit", "%s=%d" % (limit, size + 1))

    def test_small_limits(self):
        for name, limit in (("index", "manifest"), ("manifest", "manifest"), ("config", "config")):
            # an index that is small enough in front of a manifest that is not: its descriptor is refused already
            size = 100 if name != "manifest" else 350
            self.each(lambda data: data.ljust(400), where=[name], args=["--limit", "%s=%d" % (limit, size)], words=["--limit %s=N" % limit])

    def test_huge_layout_file(self):
        layout = self.write(self.layers)
        self.put(os.path.join(layout, "oci-layout"), b'{"imageLayoutVersion":"1.0.0"}' + b" " * MIB)
        self.bad(layout, words=["oci-layout", "bytes"])

    def test_deep(self):
        for levels in (64, 1000, 100_000):
            self.each(lambda data: with_member(data, b'"x":' + deep(levels)), words=["deeper than 64 at byte", "--limit json-depth=N"])
        self.each(lambda data: with_member(data, b'"x":' + b'{"y":' * 70 + b"1" + b"}" * 70), words=["deeper than 64"])
        for name in ("index", "manifest", "config"):
            self.good(self.write(self.layers, **{name: lambda value: with_member(mkimage.dump_json(value), b'"x":' + deep(63))}), "--size", "min")
        self.good(self.write(self.layers, config=lambda value: with_member(mkimage.dump_json(value), b'"x":' + deep(100))),
                  "--size", "min", "--limit", "json-depth=101")
        self.each(lambda data: data, args=["--limit", "json-depth=1"], words=["deeper than 1 at", "--limit json-depth=N"], where=["index"])

    def test_duplicate_names(self):
        self.each(lambda data: with_member(data, b'"x":1,"x":1'), words=['"x" twice'])
        self.each(lambda data: with_member(data, b'"mediaType":"a"'), where=["index", "manifest"], words=['"mediaType" twice'])
        self.each(lambda data: data.replace(b'"digest"', b'"digest":"sha256:x","digest"', 1), where=["index", "manifest"], words=['"digest" twice'])
        self.each(lambda data: data.replace(b'"diff_ids"', b'"diff_ids":[],"diff_ids"', 1), where=["config"], words=['"diff_ids" twice'])
        # written in two ways it is the same name
        self.each(lambda data: with_member(data, b'"a":1,"\\u0061":2'), words=['"a" twice'])

    def test_no_json(self):
        for text, words in ((b"\0", "byte 0"), (b"<html>", "byte 0"), (b"\xff\xfe{}", "byte 0"), (b"{} {}", "byte 3"), (b"{'a':1}", "byte 1"),
                            (b'{"a":01}', "byte"), (b'{"a":"\xff"}', "not UTF-8"), (b'{"a":"\x01"}', "control character"),
                            (b'{"a":"\\u0000"}', "NUL"), (b'{"a":"\\ud800"}', "surrogate"), (b'{"a":nul}', "word"), (b'{"a":1,}', "byte"),
                            (b"// c\n{}", "byte 0"), (b'{"a":1e}', "number"), (b'{"a":' + b"1" * 64 + b"}", "63 characters")):
            self.each(lambda data: text, words=[words])

    def test_no_object(self):
        for text in (b"[]", b"null", b"1", b'"x"', b"true"):
            self.each(lambda data: text, words=["object"])

    def test_wrong_types(self):
        for name, path, value in (("index", ("manifests",), {}), ("index", ("manifests", 0), 1), ("index", ("manifests", 0, "digest"), 1),
                                  ("index", ("manifests", 0, "annotations"), []), ("index", ("manifests", 0, "platform"), "x"),
                                  ("manifest", ("layers",), {}), ("manifest", ("layers", 0), []), ("manifest", ("config",), "x"),
                                  ("manifest", ("layers", 1, "digest"), None), ("manifest", ("layers", 1, "mediaType"), 1),
                                  ("manifest", ("layers", 0, "data"), 1), ("config", ("rootfs",), []), ("config", ("rootfs", "diff_ids", 1), 5),
                                  ("config", ("rootfs", "diff_ids"), {}), ("config", ("architecture",), 64), ("config", ("created",), 1)):
            with self.subTest(name, path=path):
                edited = {name: lambda document: set_in(document, path, value)}
                layout = self.write(self.layers, **edited)
                shown = "".join("[%d]" % p if isinstance(p, int) else "." + p for p in path)[1:]
                self.bad(layout, words=[shown, "index.json" if name == "index" else self.digests[name]])

    def test_missing_members(self):
        for name, path in (("index", ("manifests",)), ("index", ("manifests", 0, "digest")), ("index", ("manifests", 0, "size")),
                           ("manifest", ("config",)), ("manifest", ("config", "digest")), ("manifest", ("layers", 0, "size")),
                           ("manifest", ("layers", 0, "mediaType"))):
            with self.subTest(name, path=path):
                layout = self.write(self.layers, **{name: lambda document: set_in(document, path)})
                self.bad(layout, words=[path[-1]])

    def test_created(self):
        """It is of no weight, so that a wrong one is worth a warning only."""
        for text in ("yesterday", "2020-13-01T00:00:00Z", "2020-01-01", "2020-01-01T25:00:00Z", "2020-02-30T00:00:00Z", "+2020-01-01T00:00:00Z"):
            with self.subTest(text):
                layout = self.write(self.layers, config=lambda value: value.update(created=text))
                self.good(layout, "--size", "min")
                self.assertIn("creation time \"%s\" is not a time and is ignored" % text, self.said)

    def test_other_versions(self):
        layout = self.write(self.layers)
        self.put(os.path.join(layout, "oci-layout"), b'{"imageLayoutVersion":"2.0.0"}')
        self.bad(layout, code=1, words=["version \"2.0.0\""])
        for version, code in ((1, 1), (3, 6), (-1, 6)):
            layout = self.write(self.layers, manifest=lambda value: value.update(schemaVersion=version))
            self.bad(layout, code=code, words=["schema", self.digests["manifest"]])


def set_in(document, path, *value):
    """Set, or without a value take away, what the path leads to."""
    for step in path[:-1]:
        document = document[step]
    if value:
        document[path[-1]] = value[0]
    else:
        del document[path[-1]]


class Digests(BadCase):
    BAD = (("sha256:../../../../etc/passwd", "digits"), ("sha256:" + "../" * 21 + "x", "hex"), ("sha256:" + HEX[:-1] + "/", "hex"),
           ("sha256:" + HEX.upper(), "hex"), ("sha256:" + HEX[:-2], "digits"), ("sha256:" + HEX + "00", "digits"), ("sha256:", "digits"),
           (HEX, "sha256:HEX"), ("", "sha256:HEX"), ("../x:" + HEX, "not supported"), ("/etc:passwd", "not supported"),
           ("md5:" + HEX[:32], "not supported"), ("sha1:" + HEX[:40], "not supported"), ("sha384:" + HEX + HEX[:32], "not supported"),
           ("SHA256:" + HEX, "not supported"), ("sha256 :" + HEX, "not supported"), ("sha256:" + HEX[:62] + "\\n\\n", "hex"))

    def test_never_become_paths(self):
        """They are refused by their form, before a file is looked for."""
        for digest, words in self.BAD:
            for name, place in (("index", "manifests[0].digest"), ("manifest", "config.digest"), ("manifest", "layers[0].digest"),
                                ("config", "rootfs.diff_ids[0]")):
                with self.subTest(digest, place=place):
                    steps = {"manifests[0].digest": ("manifests", 0, "digest"), "config.digest": ("config", "digest"),
                             "layers[0].digest": ("layers", 0, "digest"), "rootfs.diff_ids[0]": ("rootfs", "diff_ids", 0)}[place]
                    layout = self.write([packed(tree(), "gzip")], **{name: lambda value: set_in(value, steps, digest.replace("\\n", "\n"))})
                    self.bad(layout, words=[place, words])

    def test_nothing_is_opened_outside(self):
        secret = self.path("secret")
        self.put(secret, b"{}")
        layout = self.write([packed(tree(), "gzip")], index=lambda value: set_in(value, ("manifests", 0, "digest"), "sha256:../../../secret"))
        line = self.bad(layout, words=["manifests[0].digest"])
        self.assertNotIn("cannot open", line)

    def test_sha512_is_known(self):
        right = packed(tree(), "gzip")
        digest = "sha512:" + hashlib.sha512(right.blob).hexdigest()
        layout = self.write([Raw(right.blob, "gzip", right.tar, digest=digest)])
        os.mkdir(os.path.join(layout, "blobs", "sha512"))
        path = self.blob(layout, digest)
        self.put(path, right.blob)
        self.good(layout)
        self.put(path, right.blob[:-1] + b"\1")
        self.bad(layout, words=["layer 1 of 1 (%s" % digest[:19]])


class MediaTypes(BadCase):
    def test_of_layers(self):
        for media, code in (("application/vnd.oci.image.layer.v1.tar+lz4", 1), ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", 1),
                            ("text/plain", 1), ("", 1), ("application/vnd.oci.image.layer.v1.tar+", 1), ("application/octet-stream", 1),
                            ("application/vnd.docker.image.rootfs.diff.tar.bzip2", 1)):
            with self.subTest(media):
                right = packed(tree(), "gzip")
                layout = self.write([packed(Layer().file("a"), "plain"), Raw(right.blob, "gzip", right.tar, media=media or "x", mediaType=media)])
                self.bad(layout, code=code, words=['layers[1] is of the type "%s"' % media, self.digests["manifest"]])

    def test_of_documents(self):
        for name, place in (("manifest", "manifest"), ("config", "config")):
            for media in ("text/plain", "application/vnd.oci.image.config.v2+json", "application/vnd.cncf.helm.config.v1+json"):
                with self.subTest(name, media=media):
                    layout = self.write([packed(tree(), "gzip")], **{place + "_claims": {"mediaType": media}})
                    self.bad(layout, code=1, words=[media])

    def test_contradictions(self):
        """A document is what its descriptor, its own mediaType and its members say, all of them."""
        layers = [packed(tree(), "gzip")]
        self.bad(self.write(layers, manifest=lambda v: v.update(mediaType=mkimage.INDEX["oci"])), words=[self.digests["manifest"], "otherwise"])
        self.bad(self.write(layers, manifest=lambda v: v.update(manifests=[])), words=[self.digests["manifest"], "members"])
        self.bad(self.write(layers, manifest_claims={"mediaType": mkimage.INDEX["oci"]}), words=[self.digests["manifest"], "otherwise"])
        self.bad(self.write(layers, index=lambda v: v.update(mediaType=mkimage.MANIFEST["oci"])), words=["index.json", "otherwise"])

    def test_encrypted_and_foreign_layers(self):
        right = packed(tree(), "gzip")
        for media in ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                      "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"):
            layout = self.write([Raw(right.blob, "gzip", right.tar, media=media)])
            done = judge.o2r("snapshot", layout, "--dry-run", "--platform", "linux/amd64")
            if "encrypted" in media:
                self.assertEqual(done.returncode, 1, done.stderr)
            else:
                self.assertEqual(done.returncode, 0, done.stderr)      # it is there, so where it may be spread does not matter


class Indexes(BadCase):
    def nested(self, levels, wide=1):
        """A layout whose image stands that many indexes deep, each of them `wide` times the same."""
        layout = self.write([packed(tree(), "gzip")])
        blobs = mkimage.Blobs(layout)
        with open(self.blob(layout, self.digests["manifest"]), "rb") as f:
            descs = [{"mediaType": mkimage.MANIFEST["oci"], "digest": self.digests["manifest"], "size": len(f.read()),
                      "platform": {"os": "linux", "architecture": "amd64"}}]
        for level in range(levels):
            text = mkimage.dump_json({"schemaVersion": 2, "manifests": descs * wide, "annotations": {"level": str(level)}})
            descs = [blobs.put(text, mkimage.INDEX["oci"])]
        self.put(os.path.join(layout, "index.json"), mkimage.dump_json({"schemaVersion": 2, "manifests": descs}))
        return layout

    def test_depth(self):
        self.good(self.nested(4))
        for levels in (5, 6, 50):
            self.bad(self.nested(levels), words=["index"])

    def test_bomb_of_indexes(self):
        """100 to the power of 4 ways to one image."""
        layout = self.nested(4, wide=100)
        done = judge.o2r("snapshot", layout, "--dry-run", "--platform", "linux/amd64", timeout=60)
        self.assertIn(done.returncode, (0, 6), done.stderr)

    def test_too_many(self):
        desc = {"mediaType": mkimage.MANIFEST["oci"], "digest": "sha256:" + HEX, "size": 1}
        layout = self.write([packed(tree(), "gzip")], index=lambda v: v.update(manifests=[desc] * 10001))
        self.bad(layout, words=["index.json", "manifests", "10001 entries", "10000"])
        layout = self.write([packed(Layer(), "plain")], manifest=lambda v: v.update(layers=v["layers"] * 4097))
        self.bad(layout, words=["layers", "4097 entries", "4096", self.digests["manifest"]])

    def test_missing_nested_index(self):
        layout = self.nested(2)
        for name in os.listdir(os.path.join(layout, "blobs", "sha256")):
            path = os.path.join(layout, "blobs", "sha256", name)
            with open(path, "rb") as f:
                if b'"level":"0"' in f.read():
                    os.unlink(path)
                    break
        self.bad(layout, words=[name, "missing"])

    def test_inline_documents(self):
        """`data` in the place of manifest and config is held against digest and size."""
        layers = [packed(tree(), "gzip")]
        for name in ("manifest", "config"):
            self.write(layers)
            path = self.blob(self.path("%d.layout" % self.made), self.digests[name])
            with open(path, "rb") as f:
                right = f.read()
            for data in (right[:-1], right + b" ", right.replace(b"1", b"2", 1), b""):
                with self.subTest(name, size=len(data)):
                    layout = self.write(layers, **{name + "_claims": {"data": base64.b64encode(data).decode()}})
                    self.bad(layout, words=[sha(right)])
            layout = self.write(layers, **{name + "_claims": {"data": "%%%"}})
            self.bad(layout, words=["base64", sha(right)])
            layout = self.write(layers, **{name + "_claims": {"data": base64.b64encode(right).decode()}})
            os.unlink(self.blob(layout, sha(right)))
            self.good(layout)
