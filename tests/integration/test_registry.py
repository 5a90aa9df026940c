"""Images of docker-registry, pushed by skopeo, by buildah and byte by byte: each is the image of its layout."""
import json
import os
import stat

import judge
import mkimage
import registries
import samples
from fake_registry import send
from mkimage import Image, Layer, Layout
from registries import RegistryCase, skopeo
from web import Web

AMD64 = ("--platform=linux/amd64",)
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def many(count):
    return Image([Layer().file("f%d" % i, samples.noise(3000 + i, i)).file("same", b"%d" % i) for i in range(count)])


class Images(RegistryCase):
    def test_codecs(self):
        registry = self.registry()
        for name, image in (("gzip", samples.image("gzip")), ("zstd", samples.image("zstd")), ("mixed", samples.image("zstd", "gzip", "zstd")),
                            ("docker", samples.image("gzip", family="docker")), ("members", samples.image("gzip:members=3"))):
            with self.subTest(name):
                layout = self.layout(image)
                self.same(self.pushed(registry, layout, "by-skopeo/" + name), layout)

    def test_as_they_are(self):
        """What skopeo would change on its way."""
        registry = self.registry()
        for name, image in (("plain", samples.image("plain")), ("untyped", samples.small(media_type=False)), ("inline", samples.small(inline=True)),
                            ("empty", Image([])), ("twice", Image([samples.base_layer(), samples.base_layer()]))):
            with self.subTest(name):
                layout = self.layout(image)
                self.same(self.put(registry, layout, name), layout)
        # one blob that two layers are made of is one fetch
        self.assertEqual(len([rq for rq in registry.requests() if rq.path.startswith("/v2/twice/blobs/") and rq.bytes > 10_000]), 1)

    def test_30_layers(self):
        registry, layout = self.registry(), self.layout(many(30))
        reference = self.pushed(registry, layout)
        for args in ((), ("--parallel=1",), ("--parallel=32",)):
            with self.subTest(args):
                self.cache = self.new(".cache")
                self.same(reference, layout, *args)
        self.assertEqual(set(registries.fetched(registry.requests())), {*self.layers(), self.facts["manifests"][0]["config"]})

    def test_by_digest(self):
        registry, layout = self.registry(), self.layout(samples.small(), tags=["v1"])
        other = self.layout(samples.image("gzip"), tags=["v2"])
        digest = registry.put("a/b", layout, "v1")
        registry.put("a/b", other, "v2")
        base = registry.address + "/a/b"
        self.same("%s@%s" % (base, digest), layout)
        self.assertIsNone(self.tag_asked(registry, "v2"))
        self.same("%s:v2@%s" % (base, digest), layout)          # the digest decides
        self.assertIsNone(self.tag_asked(registry, "v2"))
        self.same("docker://%s:v2" % base, other)
        self.assertIsNotNone(self.tag_asked(registry, "v2"))

    def tag_asked(self, registry, tag):
        return next((rq for rq in registry.requests() if rq.path.endswith("/manifests/" + tag)), None)

    def test_one_get_for_a_manifest(self):
        """And one for each blob; nothing is asked for twice when it is there already."""
        registry, layout = self.registry(), self.layout(samples.image("gzip"))
        reference = self.put(registry, layout)
        self.same(reference, layout)
        first = registry.requests()
        manifests = [rq for rq in first if "/manifests/" in rq.path]
        self.assertEqual([rq.status for rq in manifests], [200])
        self.assertLessEqual(len([rq for rq in first if "/blobs/" in rq.path]), 4)
        self.same(reference, layout)
        again = registry.requests()[len(first):]
        self.assertEqual([rq.path.split("/")[-2] for rq in again], ["manifests"])
        # by digest not even that
        digest = self.facts["manifests"][0]["digest"]
        self.same("%s/test/image@%s" % (registry.address, digest), layout)
        self.assertEqual(len(registry.requests()), len(first) + 1)

    def test_buildah(self):
        registry, tree = self.registry(), self.path("tree")
        os.makedirs(os.path.join(tree, "sub"))
        for name in ("file", "sub/file"):
            self.write("tree/" + name, samples.noise(70_000, name))
        buildah = ["buildah", "--root", self.path("root"), "--runroot", self.path("run"), "--storage-driver", "vfs"]
        container = judge.run(*buildah, "from", "scratch").split()[-1]
        judge.run(*buildah, "copy", container, tree, "/etc")
        judge.run(*buildah, "config", "--cmd", "/bin/sh", container)
        for form in ("oci", "docker"):
            with self.subTest(form):
                reference = "%s/buildah:%s" % (registry.address, form)
                judge.run(*buildah, "commit", "--tls-verify=false", "--format", form, container, "docker://" + reference)
                skopeo("copy", "--quiet", "--src-tls-verify=false", "docker://" + reference, "oci:%s:made" % self.path(form))
                self.same(reference, self.path(form))


class Indexes(RegistryCase):
    def test_buildah_manifest(self):
        registry = self.registry()
        buildah = ["buildah", "--root", self.path("root"), "--runroot", self.path("run"), "--storage-driver", "vfs"]
        judge.run(*buildah, "manifest", "create", "many")
        layouts = {}
        for arch, variant in (("amd64", None), ("arm64", "v8"), ("arm", "v7")):
            layouts[arch] = self.layout(Image([Layer().file("arch", arch.encode())], arch=arch, variant=variant))
            name = self.pushed(registry, layouts[arch], "many", arch)
            judge.run(*buildah, "manifest", "add", "--tls-verify=false", "--arch", arch, *(["--variant", variant] if variant else []), "many",
                      "docker://" + name)
        reference = registry.address + "/many:latest"
        judge.run(*buildah, "manifest", "push", "--quiet", "--all", "--tls-verify=false", "many", "docker://" + reference)
        for platform, arch in (("linux/amd64", "amd64"), ("linux/arm64", "arm64"), ("linux/arm/v7", "arm")):
            with self.subTest(platform):
                self.same(reference, layouts[arch], platform=platform)
        self.fails(reference, code=5, words=["linux/amd64", "linux/arm64", "linux/arm/v7"], platform="linux/riscv64")

    def test_nested(self):
        registry = self.registry()
        for family in ("oci", "docker"):
            for depth in (1, 3):
                with self.subTest(family, depth=depth):
                    images = [samples.small(arch=arch, family=family) for arch in ("amd64", "arm64")]
                    layout = self.layout(Layout(family=family).add_index(images, depth=depth, attestation=depth == 1))
                    reference = self.put(registry, layout, "nested-%s-%d" % (family, depth))
                    self.same(reference, layout)
                    self.same(reference, layout, platform="linux/arm64")

    def test_digest(self):
        registry = self.registry()
        layout = self.layout(Layout().add_index([samples.small(), samples.small(arch="arm64")]))
        reference = self.put(registry, layout)
        top = self.facts["index"]["manifests"][0]["digest"]
        for args, digest in (((), self.facts["manifests"][0]["digest"]), (("--platform=linux/arm64",), self.facts["manifests"][1]["digest"]),
                             (("--index", *AMD64), top)):
            with self.subTest(args):
                self.assertEqual(self.o2r("digest", reference, *(args or AMD64)).stdout.decode(), digest + "\n")
        configs = {manifest["config"] for manifest in self.facts["manifests"]}
        self.assertLessEqual(set(registries.fetched(registry.requests())), configs, "no layer is needed")


class Refused(RegistryCase):
    def test_schema_1(self):
        registry, layout = self.registry(), self.layout(samples.small(history=True))
        reference = registry.address + "/old:v1"
        skopeo("copy", "--quiet", "--format", "v2s1", "--dest-tls-verify=false", "oci:" + layout, "docker://" + reference)
        self.fails(reference, code=1, words=["schema 1"])

    def test_artifact(self):
        registry = self.registry()
        layout = self.layout(Image([Layer()], edit=lambda m: {**m, "config": {**m["config"], "mediaType": "application/vnd.cncf.helm.config.v1+json"}}))
        self.fails(self.put(registry, layout), code=1, words=["application/vnd.cncf.helm.config.v1+json"])

    def test_not_there(self):
        registry, layout = self.registry(), self.layout(samples.small())
        self.put(registry, layout)
        for name, words in (("none/such:latest", ["none/such"]), ("test/image:none", ["none"]), ("test/image@sha256:" + "0" * 64, ["0" * 64])):
            with self.subTest(name):
                self.fails("%s/%s" % (registry.address, name), code=3, words=words)


class ForeignLayers(RegistryCase):
    def test_urls(self):
        """They are tried first, without credentials of the registry; what does not answer is passed over."""
        registry = self.registry()
        stored = {}

        def elsewhere(rq):
            if rq.path not in stored:
                return rq.reply(404)
            return send(rq, stored[rq.path])
        web = self.served(Web(elsewhere))

        def edit(manifest):
            for layer in manifest["layers"][1:]:
                layer.update(mediaType=FOREIGN, urls=[web.url + "/none", "%s/%s" % (web.url, layer["digest"])])
            return manifest
        layout = self.layout(samples.image("gzip", edit=edit))
        for layer in self.layers()[1:]:
            path = os.path.join(layout, "blobs", *layer.split(":"))
            with open(path, "rb") as f:
                stored["/" + layer] = f.read()
        bare = self.path("bare")
        judge.run("cp", "-r", layout, bare)
        for layer in self.layers()[1:]:
            os.unlink(os.path.join(bare, "blobs", *layer.split(":")))
        reference = self.put(registry, bare)
        self.same(reference, layout)
        self.assertEqual({rq.path for rq in web.seen}, {"/none", *stored})
        self.assertEqual(set(registries.fetched(registry.requests())), {self.layers()[0], self.facts["manifests"][0]["config"]})
        # from the registry where no URL answers, and never what has another digest
        self.cache = self.path("second")
        full = self.put(registry, layout, "full")
        stored["/" + self.layers()[1]] = bytes(100)
        del stored["/" + self.layers()[2]]
        self.same(full, layout)


class Commands(RegistryCase):
    """What works with a layout works with a name."""

    GATE = True

    def setUp(self):
        super().setUp()
        self.server, self.from_layout = self.registry(), self.layout(samples.image("gzip"))
        self.reference = self.put(self.server, self.from_layout)

    def test_view(self):
        """Each snapshot is compared with a view of the same reference."""
        self.same(self.reference, self.from_layout)

    def test_looking(self):
        platform = "--platform=linux/amd64"
        for args in (["ls", "-lR"], ["ls", "-R", "--format=json"]):
            with self.subTest(args):
                self.assertEqual(self.o2r(*args, self.reference, platform).stdout.replace(self.reference.encode(), b"IT"),
                                 self.o2r(*args, self.from_layout, platform).stdout.replace(self.from_layout.encode(), b"IT"))
        self.assertEqual(self.o2r("cat", self.reference, "/etc/hosts", platform).stdout, b"127.0.0.1 localhost\n")
        self.o2r("cp", self.reference, "/bin", self.path("copy"), platform)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("copy/ping")).st_mode), 0o4755)
        self.assertEqual(json.loads(self.o2r("diff", self.reference, self.from_layout, "--format=json", platform).stdout)["changes"], [])

    def test_inspect(self):
        said = json.loads(self.o2r("inspect", self.reference, "--format=json", "--platform=linux/amd64").stdout)
        self.assertEqual(said["manifest_digest"], self.facts["manifests"][0]["digest"])
        self.assertEqual([layer["digest"] for layer in said["layers"]], self.layers())

    def test_documents(self):
        """No layer is fetched for them."""
        for option in ("--manifest", "--config"):
            json.loads(self.o2r("inspect", self.reference, option, *AMD64).stdout)
        self.assertEqual(set(registries.fetched(self.server.requests())), {self.facts["manifests"][0]["config"]})

    def test_save(self):
        for args, tag in (((), "latest"), (("--tag", "mine"), "mine")):
            with self.subTest(args):
                out = self.new(".saved")
                self.o2r("save", self.reference, out, *args, "--platform=linux/amd64")
                self.assertEqual(self.image("oci:%s:%s" % (out, tag)), self.of_layout(self.from_layout))
                skopeo("copy", "--quiet", "oci:%s:%s" % (out, tag), "dir:" + self.new(".dir"))
                judge.run("umoci", "unpack", "--image", "%s:%s" % (out, tag), self.new(".bundle"))
                with open(os.path.join(out, "index.json")) as f:
                    desc = json.load(f)["manifests"][0]
                self.assertEqual((desc["digest"], desc["annotations"][mkimage.REF_NAME]), (self.facts["manifests"][0]["digest"], tag))
                for where, _, names in os.walk(os.path.join(out, "blobs", "sha256")):
                    for name in names:
                        self.assertEqual(judge.sha256(os.path.join(where, name)), name)
