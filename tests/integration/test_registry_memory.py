"""Peak memory of pulls: no more for a layer of 1 GB, or for 128 layers, than for small ones."""
import json
import os
import re
import subprocess
import sys

import judge
import samples
from judge import MIB
from mkimage import Image, Layer
from registries import RegistryCase

HEAVY = 2
UNDER_SANITIZERS = False    # their shadow memory is not ours

LIMIT = 64 * MIB    # that of test_memory.py: nothing is added for what fetches
# of the group, with the page cache that gives way
GROUP = 256 * MIB


class Memory(RegistryCase):
    def peak(self, *args):
        """In a group with a limit: the highest anonymous memory."""
        done = subprocess.run([sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), str(GROUP), judge.O2R, *args, "--platform=linux/amd64",
                               "--cache", self.cache], capture_output=True, stdin=subprocess.DEVNULL)
        said = done.stderr.decode(errors="backslashreplace")
        self.assertEqual(done.returncode, 0, said)
        found = dict(pair.split("=") for pair in re.search(r"cgroup-run: (.*)", said)[1].split())
        anon, rss = (0 if found[k] == "-" else int(found[k]) for k in ("anon", "rss"))
        self.assertGreater(rss, 0)
        print("%s: anon %.1f MiB, rss %.1f MiB" % (args[0], anon / MIB, rss / MIB), flush=True)
        self.assertLess(max(anon, rss), LIMIT)
        return done.stdout

    def forget(self):
        self.cache = self.new(".cache")

    def test_one_layer_of_1_gb(self):
        """Of bytes that do not compress, so that the blob has so many; in one stream and in ranges."""
        layer = Layer()
        piece = samples.noise(64 * MIB)
        for i in range(16):
            layer.file("f%02d" % i, piece)
        layout = self.layout(Image([layer], codec="plain"))
        del layer, piece
        server = self.registry()
        reference = self.put(server, layout)
        self.assertGreater(self.facts["manifests"][0]["layers"][0]["size"], 1_000_000_000)
        self.forget()
        self.peak("pull", reference, "--parallel=8")
        self.whole()
        self.forget()
        out = self.path("out.ext4")
        info = json.loads(self.peak("snapshot", reference, "-o", out, "--size=min", "--format=json", "--parallel=1"))
        self.assertGreater(info["data_blocks"], 262_000)
        judge.fsck_silent(out)

    def test_128_layers(self):
        """Of 2 MiB each, which compress not at all, or are one stream or frame each."""
        codecs = ["plain", "gzip:level=1", "zstd:level=1", "plain"] * 32
        layers = [Layer(codec=codec).file("f%d" % i, samples.noise(2 * MIB, i)).file("shared", b"%d" % i) for i, codec in enumerate(codecs)]
        layout = self.layout(Image(layers))
        del layers
        server = self.registry()
        reference = self.put(server, layout)
        self.forget()
        self.peak("pull", reference, "--parallel=8")
        self.forget()
        info = json.loads(self.peak("snapshot", reference, "--dry-run", "--format=json"))
        self.assertEqual(len(info["layers"]), 128)
