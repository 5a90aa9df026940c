"""o2r digest: the manifest of the platform, and no layer is read."""
import json
import os

import judge
from judge import Case
from mkimage import Image, Layer, Layout


class Digest(Case):
    def digest(self, *args, **kw):
        return judge.o2r("digest", *args, **kw)

    def setUp(self):
        super().setUp()
        images = [Image([Layer().file("a", b"amd64")]), Image([Layer().file("a", b"arm64")], arch="arm64", variant="v8")]
        layout = Layout()
        layout.add_index(images, tags=["multi"])
        self.where = self.layout(layout)
        self.digests = [m["digest"] for m in self.facts["manifests"]]
        for manifest in self.facts["manifests"]:
            for layer in manifest["layers"]:
                with open(os.path.join(self.where, "blobs", layer["digest"].replace(":", "/")), "wb") as f:
                    f.truncate(layer["size"])

    def test_of_a_platform(self):
        for platform, which in (("linux/amd64", 0), ("linux/arm64", 1), ("linux/arm64/v8", 1)):
            for options in ((), ("--index",)):
                with self.subTest(platform=platform, options=options):
                    done = self.digest("oci:%s:multi" % self.where, "--platform", platform, *options)
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, self.digests[which].encode() + b"\n", ""))

    def test_json(self):
        done = self.digest("oci:%s:multi" % self.where, "--platform=linux/arm64", "--format=json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), {
            "reference": "oci:%s:multi" % self.where, "digest": self.digests[1], "named_digest": self.digests[1],
            "manifest_digest": self.digests[1], "platform": "linux/arm64"})

    def test_refused(self):
        for args, code, words in (
                ((), 2, "no image: name one, such as nginx:latest"), ((self.where, "x"), 2, "one image at a time"),
                ((self.where, "--platform", "linux/s390x"), 5, "linux/amd64"), (("oci:%s:none" % self.where,), 3, "none"),
                ((self.path("none"),), 3, "none"), ((self.where, "--format", "xml"), 2, "text or json"),
                (("Nginx",), 2, "must be lower-case")):
            with self.subTest(args=args):
                done = self.digest(*args)
                self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
                self.assertIn(words, done.stderr)
