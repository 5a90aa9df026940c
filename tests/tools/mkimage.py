#!/usr/bin/env python3
"""Build OCI layouts by hand: the image factory of the tests.

As a library:

    from mkimage import Image, Layer, Layout

    base = Layer().dir("a", mode=0o755).file("a/b", b"data", xattrs={"user.x": b"1"}).link("a/c", "a/b")
    top = Layer(codec="zstd:frames=3").whiteout("a/b").opaque("d").symlink("l", "a")
    Image([base, top], codec="gzip:members=2").write("out")                # one image, tag latest

    Layout(media_type=False).add(Image([base]), tags=["v1", "latest"]) \\
        .add(Image([top], arch="arm64"), tags=["arm"]).write("out")        # several images
    Layout().add_index([Image([base]), Image([top], arch="arm64")], tags=["multi"]).write("out")   # a nested index

A Layer (layerbuild.py) is a list of tar members with full control of each (tarwrite.py); a layer may also be bytes, taken
as the tar. Codecs: blobcodec.py. Writing the same description twice gives the same bytes. `write` returns what it wrote:
{"index": index, "manifests": [{"digest", "size", "config", "layers": [{"digest", "size", "diff_id"}]}]}.

Image options: codec, created (config's time, None leaves it out), os, arch, variant, config (dict put over the generated
one, or bytes that replace it), family "oci" or "docker" (schema 2 media types), media_type=False (manifest without
mediaType), inline=True (config and layers also as `data` in their descriptors), annotations, edit (a function that may
change the manifest before it is written), diff_ids (replace the right ones), history=True.
Layout options: media_type=False (index.json without mediaType, as skopeo and buildah write it), edit (changes the index).
add(image, tags, platform=True): one descriptor for each tag, () for one without a name; platform=False leaves it out.
attestation=True adds a descriptor of a buildkit attestation for the image.

As a command:

    mkimage.py SPEC OUTDIR            build the layout that SPEC describes
    mkimage.py --tars SPEC OUTDIR     write its layers as OUTDIR/0.tar, 1.tar, ... not compressed

SPEC is a Python file that defines build() -> Image or Layout, or a JSON file:

    {"codec": "gzip", "tags": ["latest"], "layers": [
        [["dir", "a", {"mode": "0755"}], ["file", "a/b", "text"], ["file", "a/c", "hex:00ff"], ["link", "a/d", "a/b"],
         ["char", "dev/null", 1, 3], ["whiteout", "x"], ["opaque", "a"]]]}

Each member is a method of Layer, its arguments, and perhaps a dict of keyword arguments. Strings of JSON that begin with
`hex:` are bytes; mode is octal when it is a string.
"""
import argparse
import base64
import hashlib
import importlib.util
import json
import os
import sys

import blobcodec
from layerbuild import Layer

INDEX = {"oci": "application/vnd.oci.image.index.v1+json", "docker": "application/vnd.docker.distribution.manifest.list.v2+json"}
MANIFEST = {"oci": "application/vnd.oci.image.manifest.v1+json",
            "docker": "application/vnd.docker.distribution.manifest.v2+json"}
CONFIG = {"oci": "application/vnd.oci.image.config.v1+json", "docker": "application/vnd.docker.container.image.v1+json"}
REF_NAME = "org.opencontainers.image.ref.name"


def dump_json(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=False).encode()


class Blobs:
    """The blobs/ directory of a layout."""

    def __init__(self, root):
        self.root = root
        os.makedirs(os.path.join(root, "blobs", "sha256"), exist_ok=True)

    def put(self, data, media_type, inline=False):
        """Store the bytes and return their descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.root, "blobs", "sha256", digest), "wb") as f:
            f.write(data)
        desc = {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}
        if inline:
            desc["data"] = base64.b64encode(data).decode()
        return desc


class Image:
    """One image for one platform. See the module text for the options."""

    def __init__(self, layers, codec="gzip", created="2020-01-01T00:00:00Z", os="linux", arch="amd64", variant=None,
                 config=None, family="oci", media_type=True, inline=False, annotations=None, edit=None, diff_ids=None,
                 history=False):
        self.layers, self.codec, self.created = list(layers), codec, created
        self.os, self.arch, self.variant, self.config = os, arch, variant, config
        self.family, self.media_type, self.inline = family, media_type, inline
        self.annotations, self.edit, self.diff_ids, self.history = annotations, edit, diff_ids, history

    def platform(self):
        found = {"architecture": self.arch, "os": self.os}
        return {**found, "variant": self.variant} if self.variant else found

    def tars(self):
        """The layers' bytes, not compressed."""
        return [layer if isinstance(layer, bytes) else layer.tar() for layer in self.layers]

    def config_bytes(self, diff_ids):
        if isinstance(self.config, bytes):
            return self.config
        out = {"created": self.created, **self.platform(), "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/sh"]},
               "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        if self.created is None:
            del out["created"]
        if self.history:
            out["history"] = [{"created_by": "layer %d" % i} for i in range(len(diff_ids))]
        out.update(self.config or {})
        return dump_json(out)

    def store(self, blobs):
        """Write layers, config and manifest; returns (descriptor of the manifest, what was written)."""
        descs, facts = [], []
        for layer, tar in zip(self.layers, self.tars()):
            codec = getattr(layer, "codec", None) or self.codec
            media = blobcodec.MEDIA[self.family][blobcodec.parse(codec)[0]]
            desc = blobs.put(blobcodec.compress(tar, codec), media, self.inline)
            descs.append(desc)
            facts.append({"digest": desc["digest"], "size": desc["size"],
                          "diff_id": "sha256:" + hashlib.sha256(tar).hexdigest()})
        config = blobs.put(self.config_bytes(self.diff_ids or [f["diff_id"] for f in facts]), CONFIG[self.family], self.inline)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST[self.family], "config": config, "layers": descs}
        if not self.media_type:
            del manifest["mediaType"]
        if self.annotations:
            manifest["annotations"] = self.annotations
        if self.edit:
            manifest = self.edit(manifest) or manifest
        desc = blobs.put(dump_json(manifest), MANIFEST[self.family])
        return desc, {"digest": desc["digest"], "size": desc["size"], "config": config["digest"], "layers": facts}

    def write(self, out, tags=("latest",), **layout):
        """Write a layout that holds this image only."""
        return Layout(**layout).add(self, tags).write(out)


def attestation(blobs, subject):
    """The descriptor of an attestation manifest as buildkit writes it."""
    layer = blobs.put(b'{"_type":"https://in-toto.io/Statement/v0.1"}', "application/vnd.in-toto+json")
    config = blobs.put(dump_json({"architecture": "unknown", "os": "unknown", "config": {},
                                  "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}), CONFIG["oci"])
    desc = blobs.put(dump_json({"schemaVersion": 2, "mediaType": MANIFEST["oci"], "config": config, "layers": [layer]}),
                     MANIFEST["oci"])
    desc["annotations"] = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject}
    desc["platform"] = {"architecture": "unknown", "os": "unknown"}
    return desc


class Layout:
    """A layout directory of any number of images and nested indexes."""

    def __init__(self, media_type=True, family="oci", edit=None):
        self.media_type, self.family, self.edit, self.items = media_type, family, edit, []

    def add(self, image, tags=("latest",), platform=True, attestation=False):
        self.items.append(([image], tags, platform, attestation, 0))
        return self

    def add_index(self, images, tags=("latest",), platform=True, attestation=False, depth=1):
        """The images in an index of their own, `depth` indexes deep."""
        self.items.append((list(images), tags, platform, attestation, depth))
        return self

    def _descriptors(self, blobs, item, report):
        images, _, platform, attest, depth = item
        found = []
        for image in images:
            desc, facts = image.store(blobs)
            report.append(facts)
            if platform:
                desc["platform"] = image.platform()
            found.append(desc)
            if attest:
                found.append(attestation(blobs, desc["digest"]))
        for _ in range(depth):
            index = {"schemaVersion": 2, "mediaType": INDEX[self.family], "manifests": found}
            found = [blobs.put(dump_json(index), INDEX[self.family])]
        return found

    def write(self, out):
        """Write the directory `out` (made if missing)."""
        out, report, manifests = os.fspath(out), [], []
        blobs = Blobs(out)
        for item in self.items:
            found = self._descriptors(blobs, item, report)
            for tag in item[1] or (None,):
                named = dict(found[0])
                if tag is not None:
                    named["annotations"] = {**named.get("annotations", {}), REF_NAME: tag}
                manifests.append(named)
            manifests.extend(found[1:])
        index = {"schemaVersion": 2, "mediaType": INDEX["oci"], "manifests": manifests}
        if not self.media_type:
            del index["mediaType"]
        if self.edit:
            index = self.edit(index) or index
        for name, value in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
            with open(os.path.join(out, name), "wb") as f:
                f.write(dump_json(value))
        return {"index": index, "manifests": report}


def from_text(value, key=None):
    """A JSON value: `hex:` strings become bytes, an octal mode becomes a number."""
    if isinstance(value, str) and value.startswith("hex:"):
        return bytes.fromhex(value[4:])
    if isinstance(value, str) and key == "mode":
        return int(value, 8)
    if isinstance(value, dict):
        return {k: from_text(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [from_text(v) for v in value]
    return value


def layer_from(members):
    """A JSON layer: a list of members, or {"members": [...], ...options of Layer}."""
    options = {}
    if isinstance(members, dict):
        options = {k: v for k, v in members.items() if k != "members"}
        members = members["members"]
    layer = Layer(**from_text(options))
    for member in members:
        method, *args = member
        keywords = args.pop() if args and isinstance(args[-1], dict) else {}
        getattr(layer, method)(*from_text(args), **from_text(keywords))
    return layer


def load(path):
    """The Image or Layout of a SPEC file."""
    if path.endswith(".py"):
        spec = importlib.util.spec_from_file_location("spec", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.build()
    with open(path, "rb") as f:
        spec = json.load(f)
    tags = spec.pop("tags", ["latest"])
    image = Image([layer_from(members) for members in spec.pop("layers")], **spec)
    return Layout().add(image, tags)


def main(argv):
    parser = argparse.ArgumentParser(description="Build an OCI layout from a description (see the text of this file).")
    parser.add_argument("--tars", action="store_true", help="write plain tar files instead of a layout")
    parser.add_argument("spec")
    parser.add_argument("outdir")
    args = parser.parse_args(argv[1:])
    built = load(args.spec)
    if isinstance(built, Image):
        built = Layout().add(built)
    if args.tars:
        os.makedirs(args.outdir, exist_ok=True)
        tars = [tar for item in built.items for image in item[0] for tar in image.tars()]
        for i, tar in enumerate(tars):
            with open(os.path.join(args.outdir, "%d.tar" % i), "wb") as f:
                f.write(tar)
        return 0
    for facts in built.write(args.outdir)["manifests"]:
        print(facts["digest"])
    return 0


if __name__ == "__main__":
    sys.modules["mkimage"] = sys.modules["__main__"]     # so that a SPEC that imports mkimage gets the same classes
    sys.exit(main(sys.argv))
