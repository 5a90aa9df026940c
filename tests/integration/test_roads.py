"""Every road on which an image comes passes the merge cases of docs/layers.md, and random images beside them.

Where the layers come as tar (layouts, archives, what engines save) all roads give the same bytes. Where they come unpacked (stores,
directories of drivers) they give what the kernel shows of the store, and that is the same tree as the layout's but for the root's own
line and for what the engine itself unpacks otherwise, case by case in roads.py.
"""
import os
import subprocess

import archives
import judge
import merges
import stores
import taken
from judge import Case
from roads import Roads, as_an_image, top_of_vfs

UNDER_SANITIZERS = False    # what it runs other files run under them too

SEEDS = range(1, 21)


class AsTar(Roads, Case):
    """Archives of the merge cases that no engine unpacks as well."""

    IMAGES = {"merges": merges.image(merges.ENGINES, merges.TAR), "random": taken.image(SEEDS)}

    def packed(self, path, codec):
        out = path + "." + codec
        with open(out, "wb") as f:
            subprocess.run([*archives.PACKERS[codec], path], stdout=f, check=True)
        return out

    def test_archives(self):
        for image in self.images:
            for kind, name in (("oci-archive", "v1"), ("docker-archive", "x:v1")):
                path = self.new(".tar")
                judge.run("skopeo", "copy", "-q", "oci:%s:v1" % image.layout, "%s:%s:%s" % (kind, path, name))
                self.same_bytes(image, "%s:%s" % (kind, path))
                self.same_bytes_of_a_pipe(image, "-", args=["cat", path])
                for codec in ("gzip", "zstd"):
                    packed = self.packed(path, codec)
                    self.same_bytes(image, "%s:%s:%s" % (kind, packed, name), gate=False)
                    self.same_bytes_of_a_pipe(image, "%s:-:%s" % (kind, name), args=["cat", packed])

    def test_a_view_of_a_pipe(self):
        image = self.images[0]
        packed = archives.pack(archives.of_layout(image.layout), "gzip")
        where = self.new(".mnt")
        os.mkdir(where)
        done = subprocess.run([judge.O2R, "mount", "-", where, "--no-cache", "--platform=linux/amd64"], input=packed, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        try:
            judge.same_lines(judge.treedump(where), image.lines, "the view of a pipe")
        finally:
            self.assertEqual(judge.o2r("umount", where).returncode, 0)


class Engines(Roads, Case):
    """One engine and one store for all images."""

    IMAGES = {"merges": merges.image(merges.ENGINES, without=["sparse"]), "sparse": merges.image({"sparse": merges.ENGINES["sparse"]}),
              "random": taken.image(SEEDS)}

    def test_docker(self):
        with stores.docker() as docker:
            for image in self.images:
                path = self.new(".tar")
                judge.run("skopeo", "copy", "-q", "oci:%s:v1" % image.layout, "docker-archive:%s:%s" % (path, image.tag))
                docker("load", "-q", "-i", path)
            for image in self.images:
                if image.name != "sparse":      # the engine cannot write such a layer again
                    saved = self.new(".tar")
                    docker("save", "-o", saved, image.tag)
                    self.same_bytes(image, saved)
                    self.same_bytes_of_a_pipe(image, "-", args=["docker", "save", image.tag], env=docker.env)
                    self.same_bytes(image, "docker-daemon:" + image.tag, env=docker.env)
                dirs = docker.directories(image.tag)
                kernel = as_an_image(stores.overlay_dump(*dirs))
                self.as_unpacked(image, "docker", docker.reference(image.tag), kernel)
                self.as_unpacked(image, "docker", "overlay:" + os.path.dirname(dirs[0]), kernel)

    def test_containers_storage(self):
        for driver in ("overlay", "vfs"):
            root = self.path(driver)
            for image in self.images:
                stores.containers(image.layout, root, driver, "localhost/" + image.tag)
            for image in self.images:
                kernel = as_an_image(self.kernel(root, driver, "localhost/" + image.tag))
                self.as_unpacked(image, driver, "containers-storage:[%s]%s" % (root, image.tag), kernel)

    def kernel(self, root, driver, name):
        if driver == "vfs":
            return judge.treedump(top_of_vfs(root, name))
        container = stores.buildah(root, driver, "from", "--pull-never", name).strip()
        try:
            return judge.treedump(stores.buildah(root, driver, "mount", container).strip(), "--skip-missing")
        finally:
            stores.buildah(root, driver, "rm", container)
