"""Eight readers and lister at once on views of small images; also what ThreadSanitizer gets to see of the server."""
import os
import random

import judge
import readall
import samples
import viewing
from mkimage import Image, Layer

SEED = os.environ.get("O2R_SEED", "1")
MIB = 1 << 20


def mixed(rng, codec, number):
    """A layer with files from nothing to a few spans, some that shrink well, one with holes."""
    layer = Layer(codec=codec).dir("l%d" % number)
    for i in range(60):
        size = rng.choice((0, 1, 4095, 4097, rng.randrange(70_000), rng.randrange(70_000)))
        layer.file("l%d/small %d" % (number, i), samples.noise(size, "%d %d" % (number, i)))
    layer.file("l%d/large" % number, samples.noise(3 * MIB + 77, number))
    layer.file("l%d/text" % number, b"".join(b"line %d of layer %d\n" % (i, number) for i in range(150_000)))
    layer.sparse("l%d/sparse" % number, [(100, b"begin"), (1 << 21, samples.noise(70_000, number)), ((1 << 22) - 1, b"!")])
    return layer.link("l%d/link" % number, "l%d/large" % number)


class Readers(judge.Case):
    CODECS = ("gzip:level=1", "plain", "zstd:level=1", "zstd:frames=9:level=1", "gzip:members=7", "gzip:level=0")

    def setUp(self):
        super().setUp()
        print("seed %s" % SEED, flush=True)
        rng = random.Random("readers " + SEED)
        self.sample = self.layout(Image([mixed(rng, codec, n) for n, codec in enumerate(self.CODECS)]))
        self.files = readall.files(judge.reference(self.sample))
        self.assertGreater(len(self.files), 300)

    def read(self, *args, rounds=1, **kw):
        with viewing.view(self.sample, *args, **kw) as v:
            for n in range(rounds):
                problems = readall.read_all(v.root, self.files, "%s %d" % (SEED, n), drop=n > 0)
                self.assertEqual(problems, [])

    def test_first_mount(self):
        """Into an empty cache, then once more with everything forgotten by the kernel."""
        self.read(rounds=2)

    def test_second_mount(self):
        """From the kept index, in the foreground."""
        self.read()
        self.read(foreground=True)

    def test_small_memory(self):
        """Spans go as soon as they came: each is decoded again and again."""
        self.read("--cache-size", "1M", rounds=2)

    def test_one_thread_and_many(self):
        self.read("-j", "1")
        self.read("-j", "16", "--cache-size", "4M")

    def test_two_views_at_once(self):
        """Two servers of one image share the cache folder; both are read, one is unmounted while the other is used."""
        with viewing.view(self.sample) as one:
            with viewing.view(self.sample) as two:
                self.assertNotEqual(os.stat(one.root).st_dev, os.stat(two.root).st_dev)
                self.assertEqual(readall.read_all(two.root, self.files, SEED, readers=4), [])
            self.assertEqual(readall.read_all(one.root, self.files, SEED, readers=4, drop=True), [])
