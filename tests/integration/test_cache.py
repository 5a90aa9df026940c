"""What is kept between runs (docs/cache.md): that it is used, by how many ever at once, that a blob which is no longer the same is
noticed, and `o2r cache`."""
import os
import re
import shutil
import signal
import subprocess
import time

import judge
import samples
from bad import flipped, packed, sha
from caching import CacheCase
from layerbuild import Layer

CODECS = ("plain", "gzip", "zstd:frames=3")


class Used(CacheCase):
    def test_second_run(self):
        for codec in CODECS:
            with self.subTest(codec):
                shutil.rmtree(self.cache, ignore_errors=True)
                layout = self.image(codec)
                first = self.written(layout)
                self.assertEqual(self.kept(self.said), 0)
                self.assertEqual(len(self.indexes()), 3)
                second = self.written(layout)
                self.assertEqual((self.kept(self.said), self.warnings(self.said)), (3, []))
                self.assertEqual(second, first)
                self.assertEqual(self.written(layout, "--no-cache"), first)
                self.assertEqual(self.unfinished(), [])
                self.assertEqual(self.kept(self.run_cached(layout, "-j1")), 3)

    def test_dry_run_opens_no_layer(self):
        for codec in CODECS:
            with self.subTest(codec):
                layout = self.image(codec)
                layers = {os.path.basename(path) for path in self.blobs(layout)}
                self.assertEqual(self.opened(layout, "--dry-run") & layers, layers)
                self.assertEqual(self.opened(layout, "--dry-run") & layers, set())
                self.assertEqual(self.opened(layout, "--size=min", "-o", self.new(".ext4")) & layers, layers)

    def test_shared_layers(self):
        """By content, not by image: the lowest layer of another image is known."""
        base = samples.base_layer("gzip")
        one = self.settled(self.layout(samples.Image([base, Layer().file("a", b"a")])))
        two = self.settled(self.layout(samples.Image([base, Layer().file("b", b"b")])))
        self.run_cached(one)
        said = self.run_cached(two)
        self.assertEqual(self.kept(said), 1)
        self.assertIn("layer 1 of 2", next(line for line in said.split("\n") if "kept index" in line))
        self.assertIn("computed again", said)       # the blob lies elsewhere

    def test_folder(self):
        self.run_cached(self.image("gzip"))
        for where, names, files in os.walk(self.cache):
            self.assertEqual(os.stat(where).st_mode & 0o7777, 0o700, where)
            for name in files:
                self.assertEqual(os.stat(os.path.join(where, name)).st_mode & 0o7777, 0o600, name)
        with open(os.path.join(self.cache, "CACHEDIR.TAG"), "rb") as f:
            self.assertTrue(f.read().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n"))

    def test_no_cache(self):
        layout = self.image("gzip")
        for args in (("--no-cache",), ("--no-cache", "--cache", self.cache)):
            done = judge.o2r("snapshot", layout, "--dry-run", "-v", "--platform=linux/amd64", *args)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(self.cache))
        self.assertEqual(os.listdir(os.environ["XDG_CACHE_HOME"]), [])

    def test_default_folder(self):
        layout, home = self.image("gzip"), self.path("home")
        for xdg, where in ((self.path("xdg"), "xdg/o2r"), ("relative", "home/.cache/o2r"), ("", "home/.cache/o2r"), (None, "home/.cache/o2r")):
            with self.subTest(xdg=xdg):
                done = judge.o2r("snapshot", layout, "--dry-run", "--platform=linux/amd64", env={"XDG_CACHE_HOME": xdg, "HOME": home},
                                 cwd=self.work)
                self.assertEqual((done.returncode, self.warnings(done.stderr)), (0, []))
                self.assertTrue(os.path.isdir(self.path(where + "/index/sha256")))
        self.assertFalse(os.path.exists(self.path("relative")))

    def test_limits_hold(self):
        """An index that was made under other limits gets nothing past these."""
        layout = self.image("gzip")
        self.run_cached(layout)
        for limit in ("entries=10", "path=3", "layer-bytes=1000"):
            with self.subTest(limit):
                self.assertEqual(self.warnings(self.run_cached(layout, "--limit", limit, code=6)), [])
                self.assertEqual(self.kept(self.run_cached(layout)), 3)
        self.assertEqual(self.kept(self.run_cached(layout, "--limit", "zstd-window=1G")), 3)
        shutil.rmtree(self.cache)
        self.run_cached(layout, "--limit", "zstd-window=1G")
        self.assertEqual(self.kept(self.run_cached(layout)), 0)

    def test_many_at_once(self):
        layout = self.image("gzip")
        for _ in range(3):
            shutil.rmtree(self.cache, ignore_errors=True)
            outs = [self.new(".ext4") for _ in range(8)]
            command = [judge.O2R, "snapshot", layout, "--size=min", "--platform=linux/amd64", "--cache", self.cache, "-o"]
            children = [subprocess.Popen([*command, out], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                        for out in outs]
            for child in children:
                self.assertEqual((self.warnings(child.communicate(timeout=300)[1]), child.returncode), ([], 0))
            self.assertEqual(len({judge.sha256(out) for out in outs}), 1)
            self.assertEqual((len(self.indexes()), self.unfinished()), (3, []))
            self.assertEqual(self.kept(self.run_cached(layout)), 3)


class Identity(CacheCase):
    def test_another_blob_in_its_place(self):
        """Same name, size and mtime: noticed before anything is written, at each run."""
        for codec in ("plain", "gzip:level=0"):
            with self.subTest(codec):
                layers = [packed(Layer().file("a", samples.noise(90_000, name)), codec) for name in (b"one", b"two")]
                layout = self.settled(self.write(layers[:1]))
                path = self.blob(layout, sha(layers[0].blob))
                self.run_cached(layout)
                self.assertEqual(len(layers[0].blob), len(layers[1].blob))
                seen = os.stat(path)
                self.put(path + ".new", layers[1].blob)
                os.utime(path + ".new", ns=(seen.st_atime_ns, seen.st_mtime_ns))
                os.replace(path + ".new", path)
                self.settled(layout)
                for _ in range(2):
                    self.bad(layout, "--cache", self.cache, layer=1,
                             words=["has the digest %s, not %s" % (sha(layers[1].blob), sha(layers[0].blob))])

    def test_changed_in_place(self):
        layer = packed(Layer().file("a", samples.noise(90_000)), "plain")
        layout = self.settled(self.write([layer]))
        path = self.blob(layout, sha(layer.blob))
        self.run_cached(layout)
        seen = os.stat(path)
        with open(path, "r+b") as f:
            f.write(flipped(layer.blob, 5000))
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        self.bad(layout, "--cache", self.cache, layer=1, words=["has the digest"])
        # and back again: verified once, then known
        self.put(path, layer.blob)
        self.settled(layout)
        self.assertIn("computed again", self.run_cached(layout))
        said = self.run_cached(layout)
        self.assertEqual((self.kept(said), "computed again" in said), (1, False))

    def test_touched_or_copied(self):
        layout = self.image("gzip")
        first = self.written(layout)

        def touch():
            for path in self.blobs(layout):
                os.utime(path)
            return layout

        def mode():
            for path in self.blobs(layout):
                os.chmod(path, 0o640)
            return layout

        def copy():
            return shutil.copytree(layout, self.new(".copy"))

        for change in (touch, mode, copy, copy):
            with self.subTest(change.__name__):
                where = self.settled(change())
                said = self.run_cached(where)
                self.assertEqual((self.kept(said), said.count("computed again"), self.warnings(said)), (3, 3, []))
                said = self.run_cached(where)
                self.assertEqual((self.kept(said), said.count("computed again")), (3, 0))
                self.assertEqual(self.written(where), first)

    def test_just_written(self):
        """A file that could change again without a trace is verified again, until it is old enough."""
        layout = self.image("gzip")
        now = time.time_ns()
        for path in self.blobs(layout):
            os.utime(path, ns=(now, now))       # ctime: now
        self.run_cached(layout)
        said = self.run_cached(self.settled(layout))
        self.assertEqual(self.kept(said), 3)
        self.assertEqual(self.run_cached(layout).count("computed again"), 0)

    def test_missing_blob(self):
        layout = self.image("gzip")
        self.run_cached(layout)
        os.unlink(self.blobs(layout)[1])
        self.bad(layout, "--cache", self.cache, words=["is missing"])

    def test_other_diff_id(self):
        """The index is of the blob: an image that lies about its diff_id gets nothing by it."""
        layer = packed(Layer().file("a", b"a"), "gzip")
        self.run_cached(self.settled(self.write([layer])))
        layer.diff_id = sha(b"something else")
        self.bad(self.write([layer]), "--cache", self.cache, layer=1, words=["decoded layer has the digest"])


class Command(CacheCase):
    def test_empty(self):
        self.assertEqual(self.ls(), {"files": [], "bytes": 0})
        self.assertEqual(self.prune(), {"removed": [], "freed_bytes": 0, "kept_bytes": 0})
        self.assertFalse(os.path.exists(self.cache))

    def test_list(self):
        layout = self.image("gzip")
        self.run_cached(layout)
        listed = self.ls()
        layers = [layer["digest"] for layer in self.facts["manifests"][0]["layers"]]
        self.assertEqual({f["digest"] for f in listed["files"]}, set(layers))
        self.assertEqual({f["kind"] for f in listed["files"]}, {"index"})
        on_disk = sum(os.stat(self.index(d, s)).st_blocks * 512 for d in layers for s in ("", ".seen"))
        self.assertEqual((listed["bytes"], sum(f["bytes"] for f in listed["files"])), (on_disk, on_disk))
        text = judge.o2r("cache", "ls", "--cache", self.cache)
        lines = text.stdout.decode().splitlines()
        self.assertEqual((text.returncode, len(lines)), (0, 4))
        self.assertRegex(lines[-1], r"^3 files, ")
        for f, line in zip(listed["files"], lines):
            self.assertTrue(line.startswith("index ") and f["digest"] in line, line)
            self.assertLess(abs(f["used"] - time.time()), 600)

    def test_order_and_size(self):
        """The least recently used ones go; a run is a use."""
        layout = self.image("gzip")
        self.run_cached(layout)
        layers = [layer["digest"] for layer in self.facts["manifests"][0]["layers"]]
        for when, digest in zip((3000, 1000, 2000), layers):
            os.utime(self.index(digest), (when, when))
        self.assertEqual([f["digest"] for f in self.ls()["files"]], [layers[1], layers[2], layers[0]])
        total = self.ls()["bytes"]
        self.assertEqual(self.prune("--max-size", str(total))["removed"], [])
        gone = self.prune("--max-size", str(total - 1))
        self.assertEqual([f["digest"] for f in gone["removed"]], [layers[1]])
        self.assertEqual(gone["kept_bytes"] + gone["freed_bytes"], total)
        self.assertFalse(os.path.exists(self.index(layers[1], ".seen")))
        os.utime(self.index(layers[0]), (1500, 1500))
        self.assertEqual(self.kept(self.run_cached(layout)), 2)
        self.assertEqual({f["used"] > 1_000_000 for f in self.ls()["files"]}, {True})
        done = judge.o2r("cache", "prune", "--cache", self.cache)
        self.assertRegex(done.stdout.decode(), r"\Aremoved 3 files, freed [\d.]+ KiB; kept 0 bytes\n\Z")
        self.assertEqual(self.ls()["files"], [])

    def test_in_use(self):
        layout = self.image("gzip")
        right = self.written(layout)
        child = subprocess.Popen([judge.O2R, "snapshot", layout, "--size=min", "--platform=linux/amd64", "--cache", self.cache, "-q", "-o", "-"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with child.stdout as pipe:
            begun = os.read(pipe.fileno(), 1)
            self.assertEqual([f["in_use"] for f in self.ls()["files"]], [True] * 3)
            self.assertEqual(self.prune()["removed"], [])
            self.assertIn("in use", judge.o2r("cache", "ls", "--cache", self.cache).stdout.decode())
            data = begun + pipe.read()
        self.assertEqual((child.wait(timeout=60), sha(data)[7:]), (0, right))
        self.assertEqual([f["in_use"] for f in self.ls()["files"]], [False] * 3)
        self.assertEqual(len(self.prune()["removed"]), 3)

    def test_killed(self):
        """Stopped by SIGKILL at each of the first writes of an index: what is left is unfinished, and goes when pruned."""
        layout = self.image("gzip")
        left = 0
        for when in range(1, 12, 2):
            done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwritev", "-e",
                                   "inject=pwritev:signal=SIGKILL:when=%d" % when, judge.O2R, "snapshot", layout, "--dry-run", "-j1",
                                   "--platform=linux/amd64", "--cache", self.cache],
                                  capture_output=True, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
            unfinished = self.unfinished()
            left += len(unfinished)
            listed = [f for f in self.ls()["files"] if f["kind"] == "unfinished"]
            self.assertEqual([(f["digest"], f["in_use"]) for f in listed], [(None, False)] * len(unfinished))
            self.assertEqual(len(self.prune("--max-size=1G")["removed"]), len(unfinished))
            self.assertEqual(self.unfinished(), [])
            self.assertEqual(self.warnings(self.run_cached(layout)), [])
            shutil.rmtree(self.cache)
        self.assertGreater(left, 0)

    def test_only_our_files(self):
        """Pruning leaves alone what it did not put there."""
        self.run_cached(self.image("gzip"))
        mine = [os.path.join(self.cache, name) for name in ("notes", "index/sha256/notes", "index/sha256/%s.bak" % ("0" * 64))]
        for path in mine:
            self.put(path, b"mine")
        os.symlink("/etc/passwd", self.index("sha256:" + "1" * 64))
        self.assertEqual(len(self.prune()["removed"]), 3)
        for path in mine:
            self.assertTrue(os.path.exists(path), path)
        self.assertTrue(os.path.islink(self.index("sha256:" + "1" * 64)))

    def test_usage(self):
        for args, words in (((), "ls or prune"), (("list",), "there is no 'cache list'"), (("ls", "x"), "x"),
                            (("ls", "--max-size=1"), "--max-size"), (("prune", "--max-size=1.5G"), "size"), (("prune", "--max-size=-1"), "size"),
                            (("ls", "--cache="), "empty"),
                            (("ls", "--format=xml"), "text or json")):
            with self.subTest(args):
                done = judge.o2r("cache", *args)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertRegex(done.stderr, r"\Ao2r: [^\n]*%s[^\n]*\n\Z" % re.escape(words))
