"""What reading one file of a large layer costs, told by the counters in the log, for each codec; the decoded copy of a zstd frame."""
import glob
import os
import re

import judge
import samples
from judge import Case
from mkimage import Image, Layer

MIB = 1 << 20
READS = re.compile(r"reads: (\d+) spans decoded \((\d+) bytes\), (\d+) hits, (\d+) plain bytes, (\d+) ahead")


def mixed(n):
    """A MiB that packs to an eighth and differs from others."""
    return (samples.noise(MIB // 8, b"%d" % n) + b"%07d " % n * (MIB // 64)).ljust(MIB, b".")[:MIB]


class Reads(Case):
    def image(self, codec, files):
        layer = Layer(codec=codec)
        for n in range(files):
            layer.file("file%03d" % n, mixed(n))
        return self.layout(Image([layer.file("last", b"the last bytes\n" * 20_000)]))

    def cat(self, layout, *args, cache=None, files=("last",)):
        """The bytes, and what the reads of it have cost: spans, decoded bytes, hits, plain bytes, spans decoded ahead."""
        done = judge.o2r("cat", "-vv", "--cache", cache or self.path("cache"), *args, layout, *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stderr
        counters = READS.findall(done.stderr)
        self.assertEqual(len(counters), 1, done.stderr)
        return done.stdout, [int(n) for n in counters[0]]

    def copies(self, cache=None):
        return [p for p in glob.glob(os.path.join(cache or self.path("cache"), "decoded/**"), recursive=True) if os.path.isfile(p)]

    def test_the_last_file_of_a_large_gzip_layer(self):
        """However large the layer: the spans that the file lies in, with a fresh index and with the kept one."""
        layout = self.image("gzip:level=1", 320)
        for name, size in (("last", 300_000), ("file319", MIB), ("file000", MIB), ("file160", MIB)):
            with self.subTest(name):
                out, (spans, decoded, _, plain, ahead) = self.cat(layout, files=[name])
                self.assertEqual(out, mixed(int(name[4:])) if name != "last" else b"the last bytes\n" * 20_000)
                self.assertEqual(len(out), size)
                self.assertLessEqual(spans, 2)
                self.assertLessEqual(decoded, 2 * MIB)
                self.assertEqual((plain, ahead), (0, 0))

    def test_plain_and_many_frames(self):
        out, (spans, decoded, _, plain, _) = self.cat(self.image("plain", 40))
        self.assertEqual((len(out), spans, decoded, plain), (300_000, 0, 0, 300_000))
        out, (spans, _, _, _, _) = self.cat(self.image("zstd:frames=20", 40))
        self.assertEqual(len(out), 300_000)
        self.assertLessEqual(spans, 2)
        self.assertEqual(self.copies(), [])

    def test_forwards_each_span_once(self):
        names = ["file%03d" % n for n in range(40)] + ["last"]
        for codec in ("gzip", "zstd:frames=40"):
            with self.subTest(codec):
                out, (spans, decoded, _, _, ahead) = self.cat(self.image(codec, 40), "-j", "3", files=names)
                self.assertEqual(out, b"".join(mixed(n) for n in range(40)) + b"the last bytes\n" * 20_000)
                self.assertLessEqual(spans, 42)
                self.assertLess(decoded, 42 * MIB)
                self.assertGreater(ahead, 0)

    def test_the_decoded_copy_of_a_frame(self):
        layout, last = self.image("zstd", 40), b"the last bytes\n" * 20_000
        diff_id = self.facts["manifests"][0]["layers"][0]["diff_id"]
        size = 41 * MIB
        out, (spans, decoded, _, _, _) = self.cat(layout)
        self.assertEqual((out, spans), (last, 1))
        self.assertGreater(decoded, 40 * MIB)
        self.assertLess(decoded, size)
        kept, = self.copies()
        self.assertEqual("sha256:" + os.path.basename(kept), diff_id)
        self.assertEqual("sha256:" + judge.sha256(kept), diff_id)
        # from now on nothing is decoded
        out, counters = self.cat(layout, files=["last", "file007"])
        self.assertEqual((out, counters[:2]), (last + mixed(7), [0, 0]))
        # damaged, cut short, empty, made by somebody else: made anew
        for what in ("flip", "cut", "empty"):
            with self.subTest(what):
                with open(kept, "r+b") as f:
                    if what == "flip":
                        f.seek(40 * MIB + 100_000)
                        f.write(b"\0")
                    else:
                        f.truncate(10 * MIB if what == "cut" else 0)
                out, counters = self.cat(layout)
                self.assertEqual((out, counters[0]), (last, 1))
                self.assertEqual("sha256:" + judge.sha256(self.copies()[0]), diff_id)
                self.assertNotIn("warning", self.said)

    def test_a_copy_that_is_not_finished_leaves_nothing(self):
        layout = self.image("zstd", 100)
        out, (_, decoded, _, _, _) = self.cat(layout, "-j", "1", files=["file000"])
        self.assertEqual(out, mixed(0))
        self.assertEqual([p for p in glob.glob(self.path("cache/tmp/*"))], [])
        if decoded < 100 * MIB:
            self.assertEqual(self.copies(), [])

    def test_without_a_cache(self):
        layout, scratch = self.image("zstd", 20), self.path("scratch")
        os.mkdir(scratch)
        os.environ["TMPDIR"] = scratch
        self.addCleanup(os.environ.pop, "TMPDIR", None)
        out, (spans, _, _, _, _) = self.cat(layout, "--no-cache", files=["last", "file003"])
        self.assertEqual((out, spans), (b"the last bytes\n" * 20_000 + mixed(3), 1))
        self.assertEqual(os.listdir(scratch), [])
        self.assertEqual(self.copies(), [])
        # no place for a file at all: slow, and said so once
        os.environ["TMPDIR"] = self.path("nowhere")
        out, _ = self.cat(layout, "--no-cache", files=["last", "file003"])
        self.assertEqual(out, b"the last bytes\n" * 20_000 + mixed(3))
        self.assertEqual(self.said.count("reading at random will be slow"), 1, self.said)
