"""What a pull says: states of layers, totals, and what the registry wants its users to know."""
import re
import subprocess
import time

import judge
import samples
from fake_registry import FakeRegistry, cut, slowly
from mkimage import Image, Layer
from registries import RegistryCase, storage
from test_command import on_terminal

UNDER_SANITIZERS = False    # what it runs other files run under them too

AMD64 = "--platform=linux/amd64"


class Progress(RegistryCase):
    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.image("gzip", "zstd", "gzip"))
        self.server = self.served(FakeRegistry({"test/image": self.from_layout}))
        self.reference = self.server.address + "/test/image:latest"

    def test_pull_says_what_it_got(self):
        done = self.o2r("pull", self.reference, AMD64)
        self.assertIn(self.facts["manifests"][0]["digest"], done.stdout.decode())
        self.assertNotIn("\r", done.stderr + done.stdout.decode())
        self.assertNotIn("\x1b", done.stderr + done.stdout.decode())
        self.assertEqual(self.o2r("pull", self.reference, AMD64, "-q").stdout, b"")

    def test_lines_for_layers(self):
        """Without a terminal plain lines, for whoever asks for them; each layer is named by its digest."""
        said = self.o2r("pull", self.reference, AMD64, "-v").stderr
        for layer in self.layers():
            self.assertIn(layer.split(":")[1][:12], said)

    def test_terminal(self):
        """A line for each layer that is under way, redrawn in place and cleared at the end."""
        self.server.on("/blobs/", slowly(0.02))
        status, drawn = on_terminal(["pull", self.reference, AMD64, "--cache", self.cache], columns=100, stdout=subprocess.DEVNULL)
        self.assertEqual(status, 0, drawn)
        self.assertIn("\r", drawn)
        for layer in self.layers():
            self.assertIn(layer.split(":")[1][:12], drawn)
        for piece in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)):
            self.assertLessEqual(len(piece), 100)
        narrow = on_terminal(["pull", self.reference, AMD64, "--cache", self.path("narrow")], columns=20, stdout=subprocess.DEVNULL)[1]
        narrow = narrow[:narrow.rindex("\x1b[J")]      # the sentence that stays is as long as it is
        for piece in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", narrow)):
            self.assertLessEqual(len(piece), 20, repr(narrow))
        quiet = on_terminal(["pull", self.reference, AMD64, "-q", "--cache", self.path("quiet")])[1]
        self.assertEqual(quiet, "")

    def test_layer_that_is_read_twice(self):
        """What an earlier run left was wrong, so that the layer is fetched and indexed once more: it counts once."""
        layout = self.layout(Image([Layer(codec="plain").file("f", samples.noise(4 << 20))]))
        digest, = self.layers()
        server = self.served(FakeRegistry({"test/image": layout})).on(digest, cut(3 << 20), times=1).on(digest, lambda rq, _: rq.reply(403), times=1)
        reference = server.address + "/test/image:latest"
        self.fails(reference, "--parallel=1", code=4)
        path, = storage(self.cache, "partial").values()
        with open(path, "r+b") as f:
            f.seek(2 << 20)
            f.write(b"damage")

        def later(rq, registry):        # a stage of less than a second is not told of
            time.sleep(1.2)
            return NotImplemented
        server.on(digest, later, times=1)
        said = self.o2r("snapshot", reference, AMD64, "--size=min", "-o", self.path("out"), "--parallel=1").stderr
        self.assertIn("it is fetched anew", said)
        self.assertRegex(said, r"(?m)^o2r: fetched: 1 layer, 4\.0 MiB in ")
        self.assertRegex(said, r"(?m)^o2r: index: 1 layer, 4\.0 MiB in ")

    def test_warnings_once(self):
        """A registry's warnings, whatever number of replies they come with, and with nothing in them that a terminal obeys."""
        lines = ['299 - "this place closes soon"', '299 - "and \x1b[31mred"', '199 - "not for users"']

        def warn(rq, registry):
            replied = rq.reply
            rq.reply = lambda status, body=b"", headers=(): replied(status, body, {**dict(headers), "Warning": lines})
            return NotImplemented
        self.server.on("/v2/", warn)
        out, _ = self.snapshot(self.reference, "--cache", self.cache)
        self.assertEqual(self.said.count("this place closes"), 1, self.said)
        self.assertIn(self.server.address, self.said)
        self.assertNotIn("\x1b", self.said)
        self.assertNotIn("not for users", self.said)
        self.assertEqual(judge.sha256(out), judge.sha256(self.snapshot(self.from_layout)[0]))
