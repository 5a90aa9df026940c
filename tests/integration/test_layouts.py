"""Layouts that other tools write, which image of a layout is taken, and what is said of damaged ones."""
import json
import os
import shutil

import judge
import samples
from mkimage import Image, Layer, Layout


def index_json(layout):
    with open(os.path.join(layout, "index.json")) as f:
        return json.load(f)


def blob_path(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


class OtherTools(judge.Case):
    """Each of them leaves something out that the specification lets it leave out."""

    def skopeo(self, source, name, *options):
        out = self.path(name)
        judge.run("skopeo", "copy", "--quiet", *options, source, "oci:%s:made" % out)
        return out

    def same_image(self, layout, expected, reference=None):
        image, info = self.snapshot(reference or "oci:%s:made" % layout)
        self.judge(image, info, lines=judge.reference(layout, "made"))
        self.assertEqual(judge.sha256(image), expected)

    def test_skopeo(self):
        """Other manifests, other types, other compression: the same layers, so the same image."""
        ours = self.layout(samples.image("gzip", "plain", "gzip"), tags=["made"])
        expected = judge.sha256(self.snapshot(ours)[0])
        for name, options in (("copied", ()), ("docker", ("--format", "v2s2")), ("zstd", ("--dest-compress-format", "zstd")),
                              ("gzip", ("--dest-compress-format", "gzip", "--dest-compress-level", "1"))):
            with self.subTest(name):
                layout = self.skopeo("oci:%s:made" % ours, name, *options)
                self.same_image(layout, expected)
        self.assertNotIn("mediaType", index_json(layout), "skopeo has changed: this test was to read an index without a type")

    def test_skopeo_through_its_directory_format(self):
        ours = self.layout(samples.small(), tags=["made"])
        judge.run("skopeo", "copy", "--quiet", "oci:%s:made" % ours, "dir:" + self.path("dir"))
        layout = self.skopeo("dir:" + self.path("dir"), "back")
        self.same_image(layout, judge.sha256(self.snapshot(ours)[0]), layout)

    def test_skopeo_adds_a_second_tag(self):
        first, second = self.layout(samples.small(), tags=["made"]), self.layout(samples.image("gzip"), tags=["made"])
        out = self.skopeo("oci:%s:made" % first, "both")
        judge.run("skopeo", "copy", "--quiet", "oci:%s:made" % second, "oci:%s:other" % out)
        self.same_image(out, judge.sha256(self.snapshot(first)[0]))
        image, _ = self.snapshot("oci:%s:other" % out)
        self.assertEqual(judge.sha256(image), judge.sha256(self.snapshot(second)[0]))
        self.refused(out, code=2, words=["several images", "made (@0), other (@1)"])

    def test_umoci(self):
        layout, tree = self.path("umoci"), self.path("tree")
        os.makedirs(os.path.join(tree, "sub"))
        for name, size in (("sub/file", 99840), ("odd", 1001)):
            with open(os.path.join(tree, name), "wb") as f:
                f.write(samples.noise(size))
        judge.run("umoci", "init", "--layout", layout)
        judge.run("umoci", "new", "--image", layout + ":empty")
        image, info = self.snapshot("oci:%s:empty" % layout)
        self.assertEqual(len(self.judge(image, info, lines=judge.reference(layout, "empty"))), 1)
        judge.run("umoci", "insert", "--image", layout + ":empty", "--tag", "one", os.path.join(tree, "sub"), "/tree/sub")
        judge.run("umoci", "config", "--image", layout + ":one", "--tag", "two", "--config.cmd", "sh")
        judge.run("umoci", "insert", "--image", layout + ":two", "--whiteout", "/tree/sub")
        for tag in ("one", "two"):
            image, info = self.snapshot("oci:%s:%s" % (layout, tag))
            self.judge(image, info, lines=judge.reference(layout, tag))
        # umoci 0.4.7 ends a layer behind the last byte of its last file, without padding: engines read it, so must we
        judge.run("umoci", "insert", "--image", layout + ":two", "--tag", "odd", os.path.join(tree, "odd"), "/odd")
        image, _ = self.snapshot("oci:%s:odd" % layout)
        judge.fsck_silent(image)
        with judge.loop_mount(image) as root, open(os.path.join(root, "odd"), "rb") as f:
            self.assertEqual(f.read(), samples.noise(1001))

    def test_buildah(self):
        layout, tree = self.path("buildah"), self.path("tree")
        os.makedirs(tree)
        with open(os.path.join(tree, "file"), "w") as f:
            f.write("by buildah\n")
        buildah = ["buildah", "--root", self.path("root"), "--runroot", self.path("run"), "--storage-driver", "vfs"]
        container = judge.run(*buildah, "from", "scratch").split()[-1]
        judge.run(*buildah, "copy", container, tree, "/etc")
        judge.run(*buildah, "config", "--cmd", "/bin/sh", "--env", "A=1", container)
        for form in ("oci", "docker"):
            judge.run(*buildah, "commit", "--format", form, container, "oci:%s:%s" % (layout, form))
        for form in ("oci", "docker"):
            image, info = self.snapshot("oci:%s:%s" % (layout, form))
            self.judge(image, info, lines=judge.reference(layout, form))


class Choice(judge.Case):
    def setUp(self):
        super().setUp()
        layout = Layout(media_type=False)
        layout.add(samples.small(), tags=["v1", "latest"])
        layout.add(samples.small(arch="arm64"), tags=["v1"])
        layout.add_index([samples.image("gzip"), samples.image("gzip", arch="arm64", variant="v8")], tags=["multi"], attestation=True)
        self.many = self.layout(layout)
        self.digests = [m["digest"] for m in self.facts["manifests"]]

    def taken(self, reference, platform="linux/amd64"):
        _, info = self.snapshot(reference, "--dry-run", platform=platform)
        return self.digests.index(info["manifest_digest"])

    def test_tags_places_and_platforms(self):
        for suffix, platform, which in (
                (":v1", "linux/amd64", 0), (":v1", "linux/arm64", 1), (":latest", "linux/x86_64/v3", 0), (":multi", "linux/amd64", 2),
                (":multi", "linux/aarch64", 3), (":@0", "linux/amd64", 0), ("@2", "linux/arm64/v8", 1), (":@3", "linux/arm64", 3)):
            with self.subTest(suffix=suffix, platform=platform):
                self.assertEqual(self.taken("oci:" + self.many + suffix, platform), which)

    def test_refused(self):
        for suffix, platform, code, words in (
                ("", "linux/amd64", 2, ["several images for linux/amd64", "v1 (@0)", "multi (@3)"]),
                (":none", "linux/amd64", 3, ["no image \"none\"", "v1 (@0), latest (@1), v1 (@2), multi (@3)"]),
                (":@9", "linux/amd64", 3, ["no entry @9"]), (":latest", "linux/arm64", 5, ["only for linux/amd64"]),
                (":v1", "linux/386", 5, ["linux/amd64, linux/arm64"]), (":multi", "linux/arm/v7", 5, ["linux/amd64, linux/arm64"]),
                ("/none", "linux/amd64", 3, ["cannot open"]), ("/index.json", "linux/amd64", 2, ["not a directory"])):
            with self.subTest(suffix=suffix, platform=platform):
                self.refused("oci:" + self.many + suffix, code=code, words=words, platform=platform)

    def test_other_references(self):
        for reference, words in (("docker://Nginx", ["must be lower-case"]), ("nginx:1 ", ["the tag \"1 \""]),
                                 ("https://ghcr.io/org/app", ["without \"https://\""]), ("nginx@sha256:12", ["2 hex digits, not 64"]),
                                 ("dir:x", ["skopeo copy dir:x oci:DIR:TAG"])):
            with self.subTest(reference):
                self.refused(reference, code=2, words=words)

    def test_a_folder_that_is_not_named_as_a_path(self):
        os.chdir(self.work)
        self.addCleanup(os.chdir, "/")
        os.rename(self.many, "Folder")
        self.refused("Folder", code=2, words=["the file or folder ./Folder is meant"])
        self.refused("Folder:latest", code=2, words=["the layout ./Folder is meant, write oci: in front"])
        self.assertEqual(self.taken("oci:Folder:latest"), 0)


class Damage(judge.Case):
    def setUp(self):
        super().setUp()
        self.whole = self.layout(Image([Layer().file("a", b"x" * 5000)]))
        manifest = self.facts["manifests"][0]
        self.blobs = {"manifest": manifest["digest"], "config": manifest["config"], "layer": manifest["layers"][0]["digest"]}

    def damaged(self):
        out = self.new(".damaged")
        shutil.copytree(self.whole, out)
        return out

    def test_blobs(self):
        for name, digest in self.blobs.items():
            hexadecimal = digest.split(":")[1]
            with self.subTest(name, how="missing"):
                layout = self.damaged()
                os.unlink(blob_path(layout, digest))
                self.refused(layout, code=6, words=[hexadecimal, "missing", "copy the image there again"])
            with self.subTest(name, how="cut"):
                layout = self.damaged()
                os.truncate(blob_path(layout, digest), 20)
                self.refused(layout, code=6, words=[hexadecimal, "20 bytes"])
            with self.subTest(name, how="linked"):
                layout = self.damaged()
                os.rename(blob_path(layout, digest), self.path(name))
                os.symlink(self.path(name), blob_path(layout, digest))
                self.snapshot(layout)

    def test_every_byte_of_the_documents(self):
        """A flipped byte is never believed, wherever it is."""
        for name in ("manifest", "config"):
            path = blob_path(self.whole, self.blobs[name])
            with open(path, "rb") as f:
                data = f.read()
            layout = self.damaged()
            for at in range(0, len(data), 7):
                with open(blob_path(layout, self.blobs[name]), "wb") as f:
                    f.write(data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
                self.refused(layout, code=6, words=[self.blobs[name].split(":")[1]])

    def test_index(self):
        for name, text, code, words in (
                ("cut", '{"manifests":[', 6, ["index.json", "cut short"]), ("twice", '{"manifests":[],"manifests":[]}', 6, ["twice"]),
                ("empty", '{"manifests":[]}', 3, ["no image"]), ("deep", '{"x":' + "[" * 100 + "]" * 100 + "}", 6, ["json-depth"]),
                ("huge", '{"manifests":[]}' + " " * (4 << 20), 6, ["--limit manifest=N"]),
                ("path", '{"manifests":[{"digest":"sha256:../../x","size":1}]}', 6, ["manifests[0].digest"]),
                ("algorithm", '{"manifests":[{"digest":"md5:%032d","size":1}]}' % 0, 6, ["manifests[0].digest"])):
            with self.subTest(name):
                layout = self.damaged()
                with open(os.path.join(layout, "index.json"), "w") as f:
                    f.write(text)
                self.refused(layout, code=code, words=words)

    def test_no_layout(self):
        layout = self.damaged()
        os.unlink(os.path.join(layout, "oci-layout"))
        self.refused(layout, code=3, words=["not an OCI layout"])
