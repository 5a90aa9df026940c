"""o2r diff: what it finds is what Python finds in two dumps, and it reads no more than it must (strace proves it)."""
import json
import os
import random
import subprocess

import judge
import looking
import randimage
import refdump
import samples
from caching import CacheCase
from judge import Case
from looking import AMD64
from mkimage import Image, Layer, Layout
from refused import Refused

SEEDS = range(1, 9 if judge.SANITIZED else 31)


def diff(*args, code=0, **kw):
    done = judge.o2r("diff", *AMD64, *args, **kw)
    assert done.returncode == code, "exit %d: %s" % (done.returncode, done.stderr)
    return done


def told(*args, **kw):
    return json.loads(diff("--format", "json", *args, **kw).stdout)


def empty(image):
    """The dump of the same image without a layer."""
    return refdump.dump(refdump.merge([], refdump.layout.parse_created(image.created)))


class Random(Case):
    """Against the reference's dumps."""

    def dumps(self, image):
        """The dumps of the image's layers below each layer and with all, or None when they are refused."""
        found = [empty(image)]
        for count in range(1, len(image.layers) + 1):
            try:
                tars = image.tars()[:count]
                found.append(refdump.dump(refdump.merge(tars, refdump.layout.parse_created(image.created))))
            except Refused:
                return None
        return found

    def same(self, found, expected, what):
        self.assertEqual(looking.as_told(found), expected, what)
        for name in ("added", "removed", "changed"):
            self.assertEqual(found[name]["paths"], sum(c[0] == name for c in expected), what)
        paths = [tuple(looking.exact(c, "path").split(b"/")) for c in found["changes"]]
        # depth first; the root has no name
        self.assertEqual(paths, sorted(paths, key=lambda p: p if p != (b"", b"") else (b"",)), what)

    def test_layers(self):
        print("seeds %d to %d" % (SEEDS[0], SEEDS[-1]))
        compared = 0
        for seed in SEEDS:
            image, layout = randimage.image(seed), self.path("seed")
            dumps = self.dumps(image)
            if dumps:
                image.write(layout)
                number = random.Random(seed).randrange(len(image.layers))
                self.same(told(layout, "--layer", str(number + 1)), looking.compare(dumps[number], dumps[number + 1]), "seed %d, layer %d" % (seed, number + 1))
                compared += 1
                subprocess.run(["rm", "-rf", layout], check=True)
        self.assertGreater(compared, len(SEEDS) // 3)      # the others are refused

    def test_pairs(self):
        """Two images that share some of their layers."""
        print("seeds %d to %d" % (SEEDS[0], SEEDS[-1]))
        compared = 0
        for seed in SEEDS:
            one, other, layout = randimage.image(seed), randimage.image(seed + 1), self.path("pair")
            rng = random.Random(seed)
            share = rng.randrange(len(one.layers) + 1)
            other.layers = one.layers[:share] + other.layers
            try:
                dumps = [refdump.dump(refdump.merge(i.tars(), refdump.layout.parse_created(i.created))) for i in (one, other)]
            except Refused:
                continue
            Layout().add(one, ["a"]).add(other, ["b"]).write(layout)
            a, b = "oci:%s:a" % layout, "oci:%s:b" % layout
            self.same(told(a, b), looking.compare(*dumps), "seed %d" % seed)
            self.same(told(b, a), looking.compare(*reversed(dumps)), "seed %d, the other way" % seed)
            compared += 1
            subprocess.run(["rm", "-rf", layout], check=True)
        self.assertGreater(compared, len(SEEDS) // 3)      # the others are refused


class Text(Case):
    GATE = False

    def setUp(self):
        super().setUp()
        base = Layer().dir("d").file("d/data", b"12345").file("d/gone", b"123").file("d/same", b"same").file("d/mode", mode=0o600).symlink("l", "a")
        base.char("c", 1, 3).file("x", xattrs={"user.a": b"1"}).file("was-file", b"12").file("h", b"abc").file("size", b"1").dir("was-dir").file("was-dir/f", b"7")
        top = Layer().file("d/data", b"54321").whiteout("d/gone").file("d/new\n", b"1234567").file("d/mode", mode=0o4755, uid=1, gid=2).symlink("l", "b")
        top.char("c", 1, 5).file("x", xattrs={"user.a": b"2"}).dir("was-file").link("h2", "h").file("size", b"12", mtime=5).file("d/same", b"same").file("was-dir", b"xy")
        self.image = Image([base, top])

    LINES = ["C /c: device 1:3 -> 1:5", "C /d/data: data 5 -> 5 bytes", "D /d/gone", "C /d/mode: mode 0600 -> 4755, owner 0:0 -> 1:2", "A /d/new\\x0a",
             "C /h: links", "A /h2", "C /l: target", "C /size: mtime, data 1 -> 2 bytes", "C /was-dir: directory -> file", "D /was-dir/f",
             "C /was-file: file -> directory", "C /x: xattrs"]

    def test_lines_and_totals(self):
        layout = self.layout(self.image)
        digest, diff_id = (self.facts["manifests"][0]["layers"][1][k] for k in ("digest", "diff_id"))
        for layer in ("2", digest, diff_id, digest[:20]):
            said = diff(layout, "--layer", layer).stdout.decode().splitlines()
            # h2 has the bytes that h has, yet it is a path that is new
            self.assertEqual(said, [*self.LINES, "2 added (10 bytes), 2 removed (4 bytes), 9 changed (8 bytes -> 9 bytes)"], layer)
        self.assertEqual(diff("-q", layout, "--layer", "2").stdout.decode().splitlines(), self.LINES)
        found = told(layout, "--layer", "2")
        self.assertEqual((found["layer"], found["layer_digest"], found["reference"]), (2, digest, layout))
        self.assertEqual((found["added"], found["removed"]), ({"paths": 2, "bytes": 10}, {"paths": 2, "bytes": 4}))
        self.assertEqual(found["changed"], {"paths": 9, "bytes_before": 8, "bytes_after": 9})
        change = next(c for c in found["changes"] if c["path"] == "/d/mode")
        self.assertEqual([(change[s]["mode"], change[s]["uid"], change[s]["gid"]) for s in ("before", "after")], [("0600", 0, 0), ("4755", 1, 2)])

    def test_exit_codes(self):
        layout = self.layout(self.image)
        diff(layout, layout)
        diff("--exit-code", layout, layout)
        diff("--exit-code", layout, "--layer", "1", code=8)
        self.assertEqual(diff(layout, layout).stdout, b"0 added (0 bytes), 0 removed (0 bytes), 0 changed (0 bytes -> 0 bytes)\n")
        for args, code, word in (([layout], 2, "second image"), ([layout, layout, layout], 2, "operand"), ([layout, layout, "--layer", "1"], 2, "at a time"),
                                 ([layout, "--layer", "0"], 2, "no layer 0"), ([layout, "--layer", "3"], 2, "no layer 3"), ([layout, "--layer", "x"], 2, "x"),
                                 ([layout, "--layer", "sha256:"], 2, "2 layers"), ([layout, "--layer", "sha256:00zz"], 2, "no layer of the image"),
                                 ([layout, self.path("none")], 3, "none"), ([self.path("none"), layout], 3, "none")):
            with self.subTest(args=args):
                done = diff("--exit-code", *args, code=code)
                self.assertEqual(done.stdout, b"")
                self.assertIn(word, done.stderr)

    def test_corrupt_layers_are_told_from_differences(self):
        layout, other = self.layout(self.image), self.layout(self.image)
        blob = os.path.join(other, "blobs/sha256", self.facts["manifests"][0]["layers"][0]["digest"][7:])
        with open(blob, "r+b") as f:
            f.seek(30)
            f.write(b"\xff\xff\xff")
        for args in ([layout, other], [other, layout], [other, "--layer", "1"]):
            done = diff("--exit-code", "--no-cache", *args, code=6)
            self.assertEqual(done.stdout, b"")
            self.assertIn(other, done.stderr)
        # what is above the layer that is asked for is not looked at
        blob = os.path.join(layout, "blobs/sha256", self.facts["manifests"][0]["layers"][1]["digest"][7:])
        with open(blob, "r+b") as f:
            f.write(b"\xff")
        diff("--no-cache", layout, "--layer", "1")

    def test_a_reader_that_goes_away(self):
        layer = Layer()
        for i in range(4000):
            layer.file("a name that fills the pipe %04d" % i)
        layout = self.layout(Image([layer]))
        with subprocess.Popen([judge.O2R, "diff", *AMD64, layout, "--layer", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            p.stdout.read(1)
            p.stdout.close()
            self.assertEqual((p.stderr.read(), p.wait()), (b"", 1))


class Content(Case):
    def changed(self, a, b):
        layout = self.new(".layout")
        Layout().add(a, ["a"]).add(b, ["b"]).write(layout)
        return {c["path"]: c["differences"] for c in told("oci:%s:a" % layout, "oci:%s:b" % layout)["changes"]}

    def test_the_same_bytes_from_elsewhere(self):
        noise = samples.noise(200_000)
        a = Layer().file("f", noise).file("z", b"x" + bytes(300_000) + b"y").file("e").sparse("s", [(1 << 20, noise[:9000])]).sparse("hole", [], size=1 << 20)
        b = Layer().file("first", b"moves all others").file("f", noise).sparse("z", [(0, b"x"), (300_001, b"y")]).file("e")
        b.file("s", bytes(1 << 20) + noise[:9000]).file("hole", bytes(1 << 20))
        for codecs in (("gzip", "zstd"), ("plain", "gzip")):
            self.assertEqual(self.changed(*(Image([layer], codec=codec) for layer, codec in zip((a, b), codecs))), {"/first": []})

    def test_one_byte(self):
        noise = bytearray(samples.noise(3 << 20))
        other = bytearray(noise)
        other[-1] ^= 1
        layer, late = Layer(), Layer()
        for i in range(20):
            layer.file("f%02d" % i, bytes(noise[:100_000 + i]))
            late.file("f%02d" % i, bytes((other if i % 3 == 0 else noise)[:100_000 + i - 1]) + (b"!" if i % 3 == 1 else bytes(noise[100_000 + i - 1:100_000 + i])))
        layer.file("large", bytes(noise))
        late.file("large", bytes(other))
        self.assertEqual(self.changed(Image([layer]), Image([layer, late])),
                         {**{"/f%02d" % i: ["data"] for i in range(20) if i % 3 == 1}, "/large": ["data"]})

    def test_a_hole_of_many_tebibytes(self):
        a, b = (Layer().sparse("f", [(1 << 42, byte)]) for byte in (b"a", b"b"))
        self.assertEqual(self.changed(Image([a]), Image([b])), {"/f": ["data"]})
        self.assertEqual(self.changed(Image([a]), Image([Layer().file("x"), a])), {"/x": []})


class Opened(CacheCase):
    """With kept indexes only blobs are opened whose bytes have to be compared."""

    def setUp(self):
        super().setUp()
        self.base = Layer().dir("d")
        for i in range(50):
            self.base.file("d/%d" % i, samples.noise(2000 + i, b"%d" % i))
        self.env = {"XDG_CACHE_HOME": self.path("home")}

    def opened(self, a, b):
        """Whether each layer of a, and of b, is opened once all indexes are kept."""
        layout = self.new(".layout")
        facts = Layout().add(a, ["a"]).add(b, ["b"]).write(layout)["manifests"]
        refs = ["oci:%s:a" % layout, "oci:%s:b" % layout]
        self.settled(layout)
        for ref in refs:
            self.assertEqual(judge.o2r("ls", *AMD64, ref, env=self.env).returncode, 0)
        done, opened = looking.blobs_opened(["diff", *AMD64, *refs], self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stdout.decode().splitlines()
        return [[layer["digest"][7:] in opened for layer in one["layers"]] for one in facts]

    def test_shared_blobs_are_not(self):
        a, b = Layer().file("d/1", b"short").file("a"), Layer().whiteout("d/2").file("b").file("d/3", b"longer than before" * 1000)
        opened = self.opened(Image([self.base, a]), Image([self.base, b]))
        self.assertEqual(opened, [[False, False], [False, False]], self.said)
        self.assertEqual([line.split(":")[0] for line in self.said[:-1]], ["D /a", "A /b", "C /d/1", "D /d/2", "C /d/3"])

    def test_those_with_a_file_of_the_same_size_are(self):
        a = Layer().file("d/1", samples.noise(2001, b"another"))
        opened = self.opened(Image([self.base, a]), Image([self.base, Layer().file("d/2", b"short")]))
        self.assertEqual(opened, [[True, True], [True, False]], self.said)

    def test_replaced_on_both_sides(self):
        a, b = (Layer().file("d/1", samples.noise(999, what)) for what in (b"a", b"b"))
        opened = self.opened(Image([self.base, a]), Image([self.base, b]))
        self.assertEqual(opened, [[False, True], [False, True]], self.said)

    def test_the_same_layers_in_other_codecs(self):
        layers = [self.base, Layer().file("d/1", b"short")]
        opened = self.opened(Image(layers, codec="gzip"), Image(layers, codec="zstd"))
        self.assertEqual((opened, len(self.said)), ([[False, False], [False, False]], 1), self.said)

    def test_one_layer(self):
        image = Image([self.base, Layer().file("d/1", b"short").whiteout("d/2"), Layer().file("z")])
        layout = self.settled(self.layout(image))
        self.assertEqual(judge.o2r("ls", *AMD64, layout, env=self.env).returncode, 0)
        done, opened = looking.blobs_opened(["diff", *AMD64, layout, "--layer", "2"], self.env)
        self.assertEqual((done.returncode, done.stdout.decode().splitlines()[:-1]), (0, ["C /d/1: data 2001 -> 5 bytes", "D /d/2"]), done.stderr)
        self.assertFalse({layer["digest"][7:] for layer in self.facts["manifests"][0]["layers"]} & opened)
