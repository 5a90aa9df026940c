"""Lines of progress on a terminal: what is on it at each moment, and what is left in the end."""
import json
import re

import samples
from fake_registry import FakeRegistry, slowly
from mkimage import Image, Layer
from registries import RegistryCase
from screen import DRAWN, Run

UNDER_SANITIZERS = False    # what it runs other files run under them too

LAYER = re.compile(r"[0-9a-f]{12}(  (waiting|downloading|retrying|done|exists)\b.*)?\Z")
AMD64 = "--platform=linux/amd64"


class Progress(RegistryCase):
    def serve(self, image, pause=0.01):
        self.from_layout = self.layout(image)
        self.server = self.served(FakeRegistry({"test/image": self.from_layout}))
        self.server.on("/blobs/", slowly(pause))
        return self.server.address + "/test/image:latest"

    def run_on(self, *argv, look=None, **kw):
        """The screen at the end; look(screen) sees each one before."""
        run = Run([*argv, AMD64, "--cache", self.cache], **kw)
        states, most = set(), 0
        for screen in run.pieces():
            drawn = [line for line in screen.shown() if LAYER.match(line)]
            states |= {m[2] for m in map(LAYER.match, drawn) if m[2]}
            most = max(most, len(drawn))
            if look:
                look(run)
        self.assertEqual(run.status, 0, run.screen.all())
        self.states, self.most = states, most
        return run.screen.all()

    def left(self, lines):
        """Nothing that was drawn again and again is left."""
        for line in lines:
            self.assertIsNone(DRAWN.match(line), lines)

    def test_a_line_for_each_layer(self):
        lines = self.run_on("pull", self.serve(samples.image("gzip", "plain", "gzip"), 0.02))
        self.assertEqual(self.most, 3)
        self.assertIn("downloading", self.states)
        self.left(lines)
        self.assertRegex(lines[0], r"\Ao2r: fetched: 3 layers, .* in .* s")
        self.assertEqual(lines[1:], ["%s %s linux/amd64" % (self.server.address + "/test/image:latest", self.facts["manifests"][0]["digest"]), ""])

    def test_again(self):
        reference = self.serve(samples.image("gzip"), 0)
        self.o2r("pull", reference, AMD64)
        lines = self.run_on("pull", reference)
        self.assertLessEqual(self.states, {"exists", "waiting"})
        self.left(lines)
        self.assertEqual(len(lines), 2, lines)      # the result, and where the cursor is
        # whoever needs it anyway does not want to know that it is there
        self.run_on("ls", reference)
        self.assertEqual(self.states, set())

    def test_more_layers_than_rows(self):
        layers = [Layer().file("file%d" % i, samples.noise(30_000 + i, b"%d" % i)) for i in range(40)]
        rest = []
        lines = self.run_on("pull", self.serve(Image(layers), 0.02), rows=9, columns=60,
                            look=lambda run: rest.extend(line for line in run.screen.shown() if re.search(r"\d (waiting|done)", line)))
        self.assertLessEqual(self.most, 5)      # --parallel 4 at work, and one that has just ended
        self.assertTrue(any(re.search(r"\d+ waiting, \d+ done", line) for line in rest), rest)
        self.left(lines)
        self.assertRegex("\n".join(lines), "fetched: 40 layers")

    def test_small_and_large_windows(self):
        """It asks for the size at each time."""
        sizes = [(24, 80), (5, 30), (3, 14), (2, 6), (1, 3), (50, 200)]
        left = list(sizes)

        def look(run):
            if left:
                run.resize(*left.pop(0))
        reference = self.serve(samples.image("plain"), 0.05)
        lines = self.run_on("pull", reference, look=look, rows=10, columns=40)
        self.assertEqual(left, [])
        self.assertIn("fetched: 3 layers", "".join(lines))

    def test_other_commands(self):
        """Messages scroll past above the lines, results come after them."""
        reference = self.serve(samples.image("gzip"), 0.02)
        lines = self.run_on("snapshot", reference, "-n", columns=200)
        self.left(lines)
        self.assertIn("downloading", self.states)
        self.assertEqual(sum("o2r: fetched: 3 layers" in line for line in lines), 1, lines)
        self.assertEqual(sum(line.startswith("o2r: warning:") for line in lines), 1, lines)

    def test_json(self):
        reference = self.serve(samples.image("gzip", "zstd", "gzip"), 0)
        facts = self.facts["manifests"][0]
        sizes = [layer["size"] for layer in facts["layers"]]
        for existing, fetched in ((0, sum(sizes)), (3, 0)):
            said = json.loads(self.o2r("pull", reference, AMD64, "--format=json", "-q").stdout)
            self.assertGreaterEqual(said.pop("seconds"), 0)
            self.assertEqual(said, {"reference": reference, "manifest_digest": facts["digest"], "named_digest": facts["digest"], "platform": "linux/amd64",
                                    "layers": 3, "layer_bytes": sum(sizes), "layers_existing": existing, "fetched_bytes": fetched, "cache": self.cache})

    def test_logs(self):
        """One line for each layer and no more, unless it takes long."""
        reference = self.serve(samples.image("gzip"), 0)
        for state in ("done", "exists"):
            said = self.o2r("pull", reference, AMD64).stderr.splitlines()
            self.assertEqual(sum(bool(re.match(r"o2r: [0-9a-f]{12}: %s, " % state, line)) for line in said), 3, said)
            self.assertEqual(sum(line.startswith("o2r: fetched: 3 layers") for line in said), state == "done", said)
        self.assertEqual(self.o2r("ls", reference, AMD64).stderr.count(": exists"), 0)

    def test_no_cache_folder(self):
        """What other commands can do without is all that this one is about."""
        reference = self.serve(samples.small(), 0)
        self.write("file", "x")
        self.cache = self.path("file/below")
        said = self.o2r("pull", reference, AMD64, code=2).stderr
        self.assertRegex(said, r"\Ao2r: [^\n]*file/below[^\n]*\n\Z")
