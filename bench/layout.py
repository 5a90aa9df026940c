"""The little that the benchmark must know of an OCI layout."""
import hashlib
import json
import os

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


def _load(path):
    with open(path, "rb") as f:
        return json.load(f)


class Layout:
    """One tagged image of a layout: its manifest and layers. Indexes inside the index are not followed."""

    def __init__(self, path, tag):
        self.path, self.tag = os.path.abspath(path), tag
        entries = _load(os.path.join(path, "index.json"))["manifests"]
        named = [m for m in entries if m.get("annotations", {}).get(REF_NAME) == tag]
        if len(named or entries) != 1:
            raise SystemExit("bench: %s has no image %s (or several)" % (path, tag))
        self.entry = (named or entries)[0]
        self.manifest = _load(self.blob(self.entry["digest"]))
        self.layers = self.manifest["layers"]

    def blob(self, digest):
        return os.path.join(self.path, "blobs", *digest.split(":", 1))

    def decode_command(self, layer):
        kind = layer["mediaType"]
        tool = ["igzip", "-dc"] if kind.endswith("gzip") else ["zstd", "-dcq"] if kind.endswith("zstd") else ["cat"]
        return tool + [self.blob(layer["digest"])]

    def warm(self):
        """Read every layer, so that all programs find them in the page cache."""
        for layer in self.layers:
            with open(self.blob(layer["digest"]), "rb", buffering=0) as f:
                while f.read(1 << 20):
                    pass

    def copy_with_media_types(self, where):
        """A layout of the same blobs (links) whose index and manifest name their own type: oci2rootfs wants both."""
        blobs = os.path.join(where, "blobs", "sha256")
        os.makedirs(blobs)
        for layer in self.layers + [self.manifest["config"]]:
            os.symlink(self.blob(layer["digest"]), os.path.join(blobs, layer["digest"].split(":")[1]))
        raw = json.dumps(dict(self.manifest, mediaType=MANIFEST)).encode()
        name = hashlib.sha256(raw).hexdigest()
        with open(os.path.join(blobs, name), "wb") as f:
            f.write(raw)
        entry = {"mediaType": MANIFEST, "digest": "sha256:" + name, "size": len(raw),
                 "annotations": {REF_NAME: self.tag}}
        with open(os.path.join(where, "index.json"), "w") as f:
            json.dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, f)
        with open(os.path.join(where, "oci-layout"), "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
        return where

    def write_variant(self, where, layers):
        """An image of the same config over other layer descriptors, into a layout whose blobs of layers are there."""
        def put(raw):
            name = hashlib.sha256(raw).hexdigest()
            with open(os.path.join(where, "blobs", "sha256", name), "wb") as f:
                f.write(raw)
            return {"digest": "sha256:" + name, "size": len(raw)}
        with open(self.blob(self.manifest["config"]["digest"]), "rb") as f:
            put(f.read())
        raw = json.dumps(dict(self.manifest, mediaType=MANIFEST, layers=layers)).encode()
        entry = dict(put(raw), mediaType=MANIFEST, annotations={REF_NAME: self.tag})
        with open(os.path.join(where, "index.json"), "w") as f:
            json.dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, f)
        with open(os.path.join(where, "oci-layout"), "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
