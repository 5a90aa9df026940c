"""What the peers of the view need: the layers decoded and unpacked, the merged tree, and images of it.

Everything lies in one folder for one image and is kept for the next run; a part is made when it is first asked for, and
counts only when it was finished (a part is renamed into place).
"""
import contextlib
import json
import os
import shutil
import subprocess
import zlib

import measure

VERSION = 2     # of what is made here: material of another version is not used
RANDOM_FILES = 40
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


class Material:
    def __init__(self, layout, where):
        """layout: layout.Layout; where: a folder for material of images."""
        self.layout = layout
        self.where = os.path.join(where, "%s-%d" % (layout.entry["digest"].split(":")[1][:16], VERSION))
        os.makedirs(self.where, exist_ok=True)
        with open(layout.blob(layout.manifest["config"]["digest"]), "rb") as f:
            self.diff_ids = json.load(f)["rootfs"]["diff_ids"]

    def _made(self, name, make):
        path = os.path.join(self.where, name)
        if not os.path.exists(path):
            partial = path + ".partial"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial) if not os.path.isdir(partial) else shutil.rmtree(partial)
            make(partial)
            os.rename(partial, path)
        return path

    def decoded(self):
        """The layers' tars, lowest first."""
        def tar(layer):
            return lambda path: measure.run(self.layout.decode_command(layer), stdout=path)
        return [self._made("layer%d.tar" % i, tar(layer)) for i, layer in enumerate(self.layout.layers)]

    def plain(self):
        """A layout of the same image whose layers are not compressed."""
        def make(path):
            blobs = os.path.join(path, "blobs", "sha256")
            os.makedirs(blobs)
            layers = []
            for tar, digest in zip(self.decoded(), self.diff_ids):
                name = os.path.join(blobs, digest.split(":")[1])
                if not os.path.exists(name):
                    os.link(tar, name)
                layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest,
                               "size": os.path.getsize(tar)})
            self.layout.write_variant(path, layers)
        return self._made("plain", make)

    def merged(self):
        """The tree as umoci unpacks it."""
        def make(path):
            measure.run(["umoci", "unpack", "--image", "%s:%s" % (self.layout.path, self.layout.tag), path])
        return os.path.join(self._made("merged", make), "rootfs")

    def unpacked(self):
        """One directory for each layer, as overlayfs wants them: whiteouts and opaque marks in the kernel's form."""
        def layer(tar):
            def make(path):
                os.mkdir(path)
                measure.run(["tar", "-xpf", tar, "-C", path, "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls"])
                to_overlay(path)
            return make
        return [self._made("layer%d" % i, layer(tar)) for i, tar in enumerate(self.decoded())]

    def squashfs(self):
        def make(path):
            measure.run(["mksquashfs", self.merged(), path, "-comp", "gzip", "-Xcompression-level", "1", "-no-progress", "-noappend"])
        return self._made("squashfs.img", make)

    def erofs(self):
        return self._made("erofs.img", lambda path: measure.run(["mkfs.erofs", "--quiet", path, self.merged()]))

    def facts(self):
        """Of the merged tree: names, bytes in names, bytes in files, and the files that are read alone."""
        def make(path):
            facts = tree_facts(self.merged())
            facts["layers"] = {label: self._layer_of(name) for label, name in facts["alone"].items()}
            write_json(path, facts)
        with open(self._made("facts.json", make)) as f:
            return json.load(f)

    def _layer_of(self, path):
        """The index of the layer that a file of the tree comes from: the highest that has it."""
        for i, tar in reversed(list(enumerate(self.decoded()))):
            for name in (path, "./" + path):
                if subprocess.run(["tar", "-tf", tar, name], capture_output=True, check=False).returncode == 0:
                    return i
        raise measure.Failed("no layer has /%s" % path)


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f)


def to_overlay(top):
    for where, dirs, files in os.walk(top):
        for name in files:
            path = os.path.join(where, name)
            if name == OPAQUE:
                os.unlink(path)
                os.setxattr(where, "trusted.overlay.opaque", b"y")
            elif name.startswith(WHITEOUT):
                os.unlink(path)
                with contextlib.suppress(FileExistsError):
                    os.mknod(os.path.join(where, name[len(WHITEOUT):]), 0o20000, 0)


def shrinks(path):
    """To how much of their size samples of a file compress."""
    packed = whole = 0
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        for i in range(8):
            f.seek(size * i // 8)
            piece = f.read(65536)
            packed, whole = packed + len(zlib.compress(piece, 1)), whole + len(piece)
    return packed / max(whole, 1)


def tree_facts(top):
    """`data`: of every name, `data_once`: of every inode; `alone`: label -> file that is read by itself, the largest one and the
    largest that compresses well; `random`: label -> files that are read at random, more of them than a cache holds."""
    names = name_bytes = data = once = 0
    sizes, seen, acls = [], set(), False
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            st = os.lstat(os.path.join(where, name))
            acls = acls or any("posix_acl" in x for x in os.listxattr(os.path.join(where, name), follow_symlinks=False))
            names, name_bytes = names + 1, name_bytes + len(os.fsencode(name)) + 1
            if (st.st_mode & 0o170000) == 0o100000:
                data += st.st_size
                if st.st_ino not in seen:
                    once += st.st_size
                    sizes.append((st.st_size, os.path.relpath(os.path.join(where, name), top)))
                seen.add(st.st_ino)
    sizes.sort(reverse=True)
    squeezed = [path for _, path in sizes[:200] if ":" not in path and shrinks(os.path.join(top, path)) < 0.6][:RANDOM_FILES]
    alone, among = {}, {}
    if sizes:
        alone["large file"], among["large file"] = sizes[0][1], [sizes[0][1]]
    if squeezed and squeezed[0] != sizes[0][1]:
        alone["compressible file"] = squeezed[0]
    if squeezed:
        among["compressible files"] = squeezed
    return {"names": names + 1, "name_bytes": name_bytes, "data": data, "data_once": once, "acls": acls, "alone": alone, "random": among}
