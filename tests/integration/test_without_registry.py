"""A build with -Dregistry=disabled: names of images in registries are known, and told what to do instead."""
import json
import subprocess

import judge
import samples

UNDER_SANITIZERS = False    # another build
NAMES = {"nginx": "docker.io/library/nginx:latest", "localhost:5000/a/b:v1": "localhost:5000/a/b:v1", "docker://ghcr.io/org/app": "ghcr.io/org/app:latest",
         "alpine@sha256:" + "a" * 64: "docker.io/library/alpine@sha256:" + "a" * 64}


class WithoutRegistry(judge.Case):
    GATE = False

    def test_no_libcurl(self):
        self.assertNotIn("libcurl", judge.run("ldd", judge.O2R))

    def test_commands(self):
        for name, whole in NAMES.items():
            for args in (["snapshot", name, "-n"], ["ls", name], ["cat", name, "/x"], ["inspect", name], ["digest", name], ["pull", name],
                         ["save", name, self.path("saved")]):
                with self.subTest(args):
                    done = judge.o2r(*args)
                    self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
                    self.assertRegex(done.stderr, r"\Ao2r: [^\n]*without registries[^\n]*\n\Z")
                    self.assertIn("skopeo copy docker://%s oci:" % whole, done.stderr)

    def test_wrong_names(self):
        """The grammar is the same."""
        for name, word in (("nginx:", "nginx:"), ("UPPER/x/Y", "lower"), ("a@sha256:1", "digest")):
            with self.subTest(name):
                done = judge.o2r("digest", name)
                self.assertEqual(done.returncode, 2)
                self.assertIn(word, done.stderr)

    def test_layouts(self):
        layout = self.layout(samples.image("gzip", "plain", "gzip"))
        path, info = self.snapshot(layout)
        self.judge(path, info, layout)
        digest = self.facts["manifests"][0]["digest"]
        self.assertEqual(judge.o2r("digest", layout, "--platform=linux/amd64").stdout.decode(), digest + "\n")
        out = self.new(".saved")
        self.assertEqual(judge.o2r("save", layout, out, "--tag=latest", "--platform=linux/amd64").returncode, 0)
        self.assertEqual(judge.sha256(self.snapshot(out)[0]), judge.sha256(path))
        said = judge.o2r("inspect", layout, "--format=json", "--platform=linux/amd64")
        self.assertEqual(json.loads(said.stdout)["manifest_digest"], digest)
        subprocess.run(["umoci", "unpack", "--image", out + ":latest", self.path("bundle")], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
