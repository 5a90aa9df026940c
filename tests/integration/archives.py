"""Archives of images as each program writes them. What the programs of this system cannot write is written here: `docker save`
of old (directories with layer.tar), and of Docker 25 and later (an OCI layout and a manifest.json in one tar)."""
import hashlib
import io
import json
import os
import subprocess
import tarfile

import mkimage

PACKERS = {"gzip": ["gzip", "-nc"], "zstd": ["zstd", "-qc"], "xz": ["xz", "-c"], "bzip2": ["bzip2", "-c"]}


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Tar:
    """A tar file in memory, member by member."""

    def __init__(self, format=tarfile.USTAR_FORMAT):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=format)

    def file(self, name, data, **fields):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for key, value in fields.items():
            setattr(info, key, value)
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def link(self, name, target, kind=tarfile.SYMTYPE):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        self.tar.addfile(info)
        return self

    def dir(self, name):
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        self.tar.addfile(info)
        return self

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def parts(image):
    """(config, tars of its layers) of a mkimage.Image."""
    tars = image.tars()
    return image.config_bytes(["sha256:" + sha(tar) for tar in tars]), tars


def legacy(*images, edit=None):
    """`docker save` up to 24: a directory a layer with VERSION, json and layer.tar; a layer that is there already is a symbolic
    link to it. images: (mkimage.Image, RepoTags). edit: what else is done to the value of manifest.json."""
    tar, value, seen, repositories = Tar(), [], {}, {}
    for number, (image, tags) in enumerate(images):
        config, layers = parts(image)
        names, folder = [], ""
        for n, data in enumerate(layers):
            folder = sha(b"%d %d " % (number, n) + data)
            name = folder + "/layer.tar"
            names.append(name)
            tar.dir(folder + "/").file(folder + "/VERSION", b"1.0").file(folder + "/json", dump({"id": folder}))
            if data in seen:
                tar.link(name, "../" + seen[data])
            else:
                tar.file(name, data)
                seen[data] = name
        value.append({"Config": sha(config) + ".json", "RepoTags": tags, "Layers": names})
        tar.file(sha(config) + ".json", config)
        for tag in tags or ():
            name, _, version = tag.rpartition(":")
            repositories.setdefault(name, {})[version] = folder
    value = edit(value) if edit else value
    return tar.file("manifest.json", value if isinstance(value, bytes) else dump(value)).file("repositories", dump(repositories)).bytes()


def modern(*images, codec="plain", candidate=False, edit=None):
    """`docker save` of Docker 25 and later: one tar that is both. candidate: as release candidates of 25.0 wrote it, the OCI
    manifests have no layers."""
    tar, index, value, seen = Tar(), [], [], set()

    def blob(data):
        name = "blobs/sha256/" + sha(data)
        if name not in seen:
            tar.file(name, data)
            seen.add(name)
        return name, {"digest": "sha256:" + sha(data), "size": len(data)}
    tar.dir("blobs/").dir("blobs/sha256/")
    for image, tags in images:
        config, layers = parts(image)
        packed = [blob(data if codec == "plain" else pack(data, codec)) for data in layers]
        config_name, config_desc = blob(config)
        media = "application/vnd.oci.image.layer.v1.tar" + ("" if codec == "plain" else "+" + codec)
        manifest = {"schemaVersion": 2, "mediaType": mkimage.MANIFEST["oci"],
                    "config": {"mediaType": mkimage.CONFIG["oci"], **config_desc},
                    "layers": None if candidate else [{"mediaType": media, **desc} for _, desc in packed]}
        desc = {"mediaType": mkimage.MANIFEST["oci"], **blob(dump(manifest))[1]}
        for tag in tags or (None,):
            names = {"io.containerd.image.name": "docker.io/library/" + tag, mkimage.REF_NAME: tag.rpartition(":")[2]} if tag else {}
            index.append({**desc, "annotations": names})
        value.append({"Config": config_name, "RepoTags": tags, "Layers": [name for name, _ in packed]})
    tar.file("index.json", dump({"schemaVersion": 2, "mediaType": mkimage.INDEX["oci"], "manifests": index}))
    value = edit(value) if edit else value
    return tar.file("manifest.json", dump(value)).file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}').bytes()


def of_layout(layout, prefix="", order=None):
    """An oci-archive of a layout directory."""
    names = sorted(os.path.relpath(os.path.join(where, name), layout) for where, _, files in os.walk(layout) for name in files)
    tar = Tar()
    for name in order(names) if order else names:
        with open(os.path.join(layout, name), "rb") as f:
            tar.file(prefix + name, f.read())
    return tar.bytes()


def pack(data, codec):
    return data if codec == "plain" else subprocess.run(PACKERS[codec], input=data, stdout=subprocess.PIPE, check=True).stdout


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path
