"""What the tests of the cache folder share: runs with a cache of the case's own, and what they said about it."""
import json
import os
import re
import struct
import time

import judge
import samples
from bad import BadCase, flipped
from packfile import Pack


def rot(cache, path, at):
    """A byte of a kept blob is another one, and nothing of its file tells, as on a disk that forgets."""
    with open(path, "r+b") as f:
        data = f.read()
        f.seek(0)
        f.write(flipped(data, at))
    st = os.stat(path)
    seen = Pack(os.path.join(cache, "index", "sha256", os.path.basename(path) + ".seen"))
    seen.sections[0][1] += struct.pack("<QQQQQII", st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns // 10**9, st.st_ctime_ns // 10**9,
                                       st.st_mtime_ns % 10**9, st.st_ctime_ns % 10**9)
    seen.save()


class CacheCase(BadCase):
    GATE = False        # what each command says about the cache is counted

    def setUp(self):
        super().setUp()
        self.cache = self.path("cache")

    def image(self, *codecs):
        return self.settled(self.layout(samples.image(*codecs)))

    def settled(self, layout):
        """When its files are old enough for their ctime to be believed."""
        newest = max(os.stat(os.path.join(where, name)).st_ctime for where, _, names in os.walk(layout) for name in names)
        time.sleep(max(0, newest + 0.1 - time.time()))
        return layout

    def blobs(self, layout):
        return [self.blob(layout, layer["digest"]) for layer in self.facts["manifests"][0]["layers"]]

    def run_cached(self, layout, *args, cache=None, code=0, **kw):
        """One dry run with -v; its messages."""
        done = judge.o2r("snapshot", layout, "-v", "--dry-run", "--platform=linux/amd64", "--format=json", "--cache", cache or self.cache,
                         *args, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        self.plan = json.loads(done.stdout) if code == 0 else None
        return done.stderr

    def written(self, layout, *args, cache=None):
        """The SHA-256 of the image that a run with -v writes; self.said are its messages."""
        out, _ = self.snapshot(layout, "--size=min", "-v", "--cache", cache or self.cache, *args)
        digest = judge.sha256(out)
        os.unlink(out)
        return digest

    def kept(self, said):
        """How many layers came from a kept index."""
        return len(re.findall(r"^o2r: layer \d+ of \d+ \(sha256:\w+\): from the kept index, \d+ entries, [\d.]+ s$", said, re.M))

    def warnings(self, said):
        """Those that are not about what stands in samples.image."""
        return [line for line in said.split("\n") if line.startswith("o2r: warning:") and "late/link" not in line]

    def index(self, digest, suffix=""):
        return os.path.join(self.cache, "index", *digest.split(":")) + suffix

    def indexes(self):
        folder = os.path.join(self.cache, "index", "sha256")
        return sorted(os.path.join(folder, name) for name in os.listdir(folder) if "." not in name)

    def unfinished(self):
        return os.listdir(os.path.join(self.cache, "tmp"))

    def ls(self, *args):
        done = judge.o2r("cache", "ls", "--cache", self.cache, "--format=json", *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def prune(self, *args):
        done = judge.o2r("cache", "prune", "--cache", self.cache, "--format=json", *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def opened(self, layout, *args):
        """The blobs that a run opens or tries to."""
        done, calls = judge.traced("open,openat,openat2", "snapshot", layout, "--cache", self.cache, "--platform=linux/amd64", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return set(re.findall(r'"[^"]*blobs/sha256/(\w+)"', calls))
