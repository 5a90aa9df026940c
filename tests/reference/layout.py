"""Read an OCI layout: the layers of one image as decoded bytes, and its creation time. Digests are checked."""
import base64
import datetime
import gzip
import hashlib
import json
import os
import re
import subprocess
import zlib

from refused import Refused

REF_NAME = "org.opencontainers.image.ref.name"


def read_blob(root, desc):
    """The bytes of a descriptor, from the file or from its `data`."""
    algorithm, _, value = desc["digest"].partition(":")
    path = os.path.join(root, "blobs", algorithm, value)
    if not os.path.exists(path) and "data" in desc:
        data = base64.b64decode(desc["data"])
    else:
        with open(path, "rb") as f:
            data = f.read()
    if algorithm != "sha256" or hashlib.sha256(data).hexdigest() != value or len(data) != desc["size"]:
        raise Refused("layout", "%s does not match its digest or size" % desc["digest"])
    return data


def decode(data):
    """A layer's bytes, whatever the compression."""
    if data[:2] == b"\x1f\x8b":
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as e:
            raise Refused("layout", "gzip: %s" % e)
    if data[:4] == b"\x28\xb5\x2f\xfd" or (data[1:4] == b"\x2a\x4d\x18" and data[0] & 0xF0 == 0x50):
        done = subprocess.run(["zstd", "-dcq", "--long=27"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise Refused("layout", "zstd: %s" % done.stderr.decode().strip())
        return done.stdout
    return data


def parse_created(text):
    """RFC 3339 -> (seconds, nanoseconds); None stays None."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", text)
    if not found:
        raise Refused("layout", "created: %r" % text)
    day, clock, frac, sign, hours, minutes = found.groups()
    moment = datetime.datetime.fromisoformat(day + "T" + clock) - datetime.datetime(1970, 1, 1)
    shift = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    return moment.days * 86400 + moment.seconds - shift, int(((frac or "") + "0" * 9)[:9])


def candidates(root, descs, depth=0):
    """(descriptor, manifest) of all images below an index, attestations left out."""
    for desc in descs:
        value = json.loads(read_blob(root, desc))
        if "manifests" in value:
            if depth < 4:
                yield from candidates(root, value["manifests"], depth + 1)
        elif (desc.get("platform") or {}).get("os") != "unknown":
            yield desc, value


def choose(root, ref, platform):
    """The manifest of a tag (None: any) and a platform."""
    with open(os.path.join(root, "index.json"), "rb") as f:
        descs = json.load(f)["manifests"]
    if ref is not None:
        descs = [d for d in descs if (d.get("annotations") or {}).get(REF_NAME) == ref]
    found = {desc["digest"]: (desc, manifest) for desc, manifest in candidates(root, descs)}
    if len(found) > 1:
        wanted = platform.split("/")
        found = {digest: (desc, manifest) for digest, (desc, manifest) in found.items()
                 if [(desc.get("platform") or {}).get(k) for k in ("os", "architecture")] == wanted[:2]}
    if len(found) != 1:
        raise Refused("layout", "%d images fit" % len(found))
    return next(iter(found.values()))[1]


def load(root, ref=None, platform="linux/amd64"):
    """(decoded layers, creation time) of one image."""
    manifest = choose(root, ref, platform)
    config = json.loads(read_blob(root, manifest["config"]))
    layers = [decode(read_blob(root, desc)) for desc in manifest["layers"]]
    diff_ids = config["rootfs"]["diff_ids"]
    if ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers] != diff_ids:
        raise Refused("layout", "diff_ids do not match")
    return layers, parse_created(config.get("created"))
