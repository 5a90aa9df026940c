"""What the tests of bad input share: layouts whose blobs are bytes of one's own choice, and how a refusal has to look.

A refusal: the exit code of its class, nothing on standard output, no file of ours left behind, and on standard error one
line (besides warnings) that begins with "o2r: " and names the reference, and the layer, entry and offset at fault.
"""
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile

import blobcodec
import judge
import mkimage
from layerbuild import Layer


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Raw:
    """A layer of which the blob and what is claimed of it are given one by one; what is left out is right."""

    def __init__(self, blob, codec="plain", tar=None, media=None, **claims):
        self.blob, self.tar = blob, blob if tar is None else tar
        self.media = media or blobcodec.MEDIA["oci"][codec]
        self.claims = claims        # of the descriptor: digest, size, data, ... None takes the member away
        self.diff_id = sha(self.tar)


def packed(layer, codec):
    """The Raw of a Layer in a codec."""
    tar = layer if isinstance(layer, bytes) else layer.tar()
    return Raw(blobcodec.compress(tar, codec), blobcodec.parse(codec)[0], tar)


def changed(desc, claims):
    return {k: v for k, v in {**desc, **claims}.items() if v is not None}


def flipped(data, at, bits=0x10):
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1:]


def spread(size, count):
    """About `count` positions of a run of bytes: its edges, and steps that are no multiple of anything between them."""
    if size <= count:
        return list(range(size))
    edge = count // 4
    middle = {edge + (size - 2 * edge) * i // (count - 2 * edge) for i in range(count - 2 * edge)}
    return sorted(set(range(edge)) | middle | set(range(size - edge, size)))


class BadCase(judge.Case):
    def write(self, layers, config=None, manifest=None, index=None, config_claims=None, manifest_claims=None):
        """A layout of Raw layers. config, manifest and index: functions that may change (or replace) the JSON value, or
        bytes that stand in its place; *_claims: what their descriptors say otherwise. Returns the path of it."""
        out = self.new(".layout")
        blobs = mkimage.Blobs(out)
        self.digests = {"layers": []}
        descs = []
        for layer in layers:
            descs.append(changed(blobs.put(layer.blob, layer.media), layer.claims))
            self.digests["layers"].append(sha(layer.blob))
        value = {"created": "2020-01-01T00:00:00Z", "architecture": "amd64", "os": "linux",
                 "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}}
        desc = changed(self.document(blobs, "config", value, config, mkimage.CONFIG["oci"]), config_claims or {})
        value = {"schemaVersion": 2, "mediaType": mkimage.MANIFEST["oci"], "config": desc, "layers": descs}
        desc = changed(self.document(blobs, "manifest", value, manifest, mkimage.MANIFEST["oci"]), manifest_claims or {})
        value = {"schemaVersion": 2, "mediaType": mkimage.INDEX["oci"], "manifests": [desc]}
        self.put(os.path.join(out, "oci-layout"), b'{"imageLayoutVersion":"1.0.0"}')
        self.put(os.path.join(out, "index.json"), self.text(value, index))
        return out

    def text(self, value, edit):
        """The bytes of a document after what `edit` did to it."""
        if isinstance(edit, bytes):
            return edit
        if edit:
            changed_to = edit(value)
            value = value if changed_to is None else changed_to
        return value if isinstance(value, bytes) else mkimage.dump_json(value)

    def document(self, blobs, name, value, edit, media):
        data = self.text(value, edit)
        self.digests[name] = sha(data)
        return blobs.put(data, media)

    def put(self, path, data):
        with open(path, "wb") as f:
            f.write(data)

    @contextlib.contextmanager
    def filesystem(self, *args):
        """A mount of these arguments of mount(8)."""
        where = self.new(".mount")
        os.mkdir(where)
        judge.run("mount", *args, where)
        try:
            yield where
        finally:
            judge.run("umount", where)

    def blob(self, layout, digest):
        return os.path.join(layout, "blobs", *digest.split(":"))

    def bad(self, layout, *args, code=6, words=(), layer=None, entry=None, offset=None, reference=None, **kw):
        """It is refused as the module's text says; layer is its number from 1."""
        said = list(words) + [reference or layout]
        if layer is not None:
            said.append("layer %d of %d (sha256:%s" % (layer, len(self.digests["layers"]), self.digests["layers"][layer - 1][7:19]))
        if entry is not None:
            said.append("entry %s at %s" % (entry, "" if offset is None else "%d: " % offset))
        line = self.refused(reference or layout, *args, code=code, words=said, **kw)
        self.assertTrue(line.startswith("o2r: "), line)
        return line

    def bad_layer(self, content, *args, codec="plain", **kw):
        """An image of this one Layer (or bytes of a tar) is refused for it."""
        return self.bad(self.write([packed(content, codec)]), *args, **{"layer": 1, **kw})

    def good(self, layout, *args):
        """It is taken; returns the dump of the mount."""
        image, _ = self.snapshot(layout, *args)
        judge.fsck_silent(image)
        dump = judge.mounted_dump(image)
        os.unlink(image)
        return dump


class NobodyCase(BadCase):
    """Runs a copy of the command as an ordinary user, since root may read and write everywhere."""

    def setUp(self):
        super().setUp()
        # a folder that others may enter, whatever the one is in which the run keeps its own
        self.outside = tempfile.mkdtemp(prefix="o2r-nobody-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.outside, ignore_errors=True)
        os.chmod(self.outside, 0o755)
        shutil.copy(judge.O2R, os.path.join(self.outside, "o2r"))
        for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):      # his own
            os.environ[name] = os.path.join(self.outside, name)
            os.mkdir(os.environ[name], 0o700)
            os.chown(os.environ[name], 65534, 65534)

    def copied(self, layout):
        """A copy of the layout that everybody may read."""
        self.made += 1
        return shutil.copytree(layout, os.path.join(self.outside, "%d.layout" % self.made))

    def nobody(self, layout, *args, code, words):
        done = subprocess.run([os.path.join(self.outside, "o2r"), "snapshot", layout, "--platform=linux/amd64", *args], capture_output=True,
                              stdin=subprocess.DEVNULL, cwd="/", user=65534, group=65534, extra_groups=[])
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, said)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(said, r"\Ao2r: [^\n]*\n\Z")
        for word in words:
            self.assertIn(word, said)


def noise(size=30000):
    return hashlib.shake_128(b"bad").digest(size)


def tree():
    """A layer with a bit of everything, of more than one 64 KiB piece when decoded."""
    layer = Layer().dir("etc").file("etc/hosts", b"127.0.0.1 localhost\n", xattrs={"user.a": b"1"}).symlink("etc/l", "hosts")
    layer.link("etc/h", "etc/hosts").file("etc/" + "n" * 150, b"long").char("null", 1, 3)
    layer.file("text", b"".join(b"line %d of a text that shrinks well\n" % i for i in range(2500)))
    return layer.sparse("sparse", [(4096, b"x" * 600), (70000, b"y")]).file("noise", noise())
