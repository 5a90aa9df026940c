"""Every codec and mix of codecs, judged by everything; the bytes of the image do not depend on the compression."""
import unittest

import judge
import samples
from mkimage import Layout

UNDER_SANITIZERS = False    # what it runs other files run under them too

ONE = ["plain", "gzip", "gzip:level=0", "gzip:level=1", "gzip:level=9", "gzip:name", "gzip:members=2", "gzip:members=7", "zstd",
       "zstd:level=19", "zstd:frames=2", "zstd:frames=9", "zstd:skippable", "zstd:frames=3:skippable", "zstd:stored",
       "zstd:stored:frames=3:skippable"]
MIXED = [("plain", "gzip", "zstd"), ("zstd:frames=3:skippable", "plain", "gzip:members=3"), ("gzip", "zstd:stored", "gzip:level=0"),
         ("gzip:members=4:name", "zstd:skippable", "plain")]


class Codecs(judge.Case):
    def test_each_codec_and_mix_gives_the_same_sound_image(self):
        sums = {}
        for codecs in [(c,) for c in ONE] + MIXED:
            with self.subTest(codecs=" ".join(codecs)):
                image, info, _ = self.make_and_judge(samples.image(*codecs))
                self.assertEqual([layer["diff_id"] for layer in info["layers"]],
                                 [layer["diff_id"] for layer in self.facts["manifests"][0]["layers"]])
                self.assertEqual([layer["digest"] for layer in info["layers"]],
                                 [layer["digest"] for layer in self.facts["manifests"][0]["layers"]])
                sums[codecs] = judge.sha256(image)
        self.assertEqual(len(set(sums.values())), 1, sums)

    def test_docker_media_types_give_the_same_image(self):
        image, _, _ = self.make_and_judge(samples.image("gzip", "plain", "gzip"))
        other, _, _ = self.make_and_judge(samples.image("gzip", "plain", "gzip", family="docker", media_type=True))
        self.assertEqual(judge.sha256(image), judge.sha256(other))

    def test_layouts_without_media_types_inline_data_and_attestations(self):
        expected = judge.sha256(self.make_and_judge(samples.image("zstd"))[0])
        for name, layout in (
                ("no mediaType", Layout(media_type=False).add(samples.image("zstd", media_type=False))),
                ("inline", Layout().add(samples.image("zstd", inline=True))),
                ("attestation", Layout().add(samples.image("zstd"), attestation=True)),
                ("nested index", Layout().add_index([samples.image("zstd"), samples.small(arch="arm64")], depth=3))):
            with self.subTest(name):
                image, _ = self.snapshot(self.layout(layout))
                self.assertEqual(judge.sha256(image), expected)

    def test_layers_with_odd_ends(self):
        """No end blocks, one, many, and the padding to 10 KiB that tar programs write."""
        for end in (0, 1, 2, 18, 2000):
            for codec in ("plain", "gzip", "zstd"):
                with self.subTest(end=end, codec=codec):
                    image = samples.small(codec=codec)
                    image.layers[0].end = end
                    self.make_and_judge(image)

    def test_a_layer_without_entries_and_an_image_without_layers(self):
        for layers in ([], [samples.Layer()], [samples.Layer(end=0)], [samples.Layer().dir("./", mode=0o700, uid=7)]):
            for codec in ("plain", "gzip", "zstd"):
                with self.subTest(layers=len(layers), codec=codec):
                    _, info, dump = self.make_and_judge(samples.Image(layers, codec=codec), "--size", "min")
                    self.assertEqual(len(dump), 1)
                    self.assertEqual(info["data_blocks"], 0)


if __name__ == "__main__":
    unittest.main()
