"""What bench/view.py mounts: o2r and its peers over the same image.

Each has a name, `measures` (the groups it takes part in), missing() (why it cannot take part, or None), version(), prepare()
(make what it needs) and mount(where) -> mounts.Mounted; forget() makes its next mount a first one.
"""
import json
import os
import shutil
import subprocess
import sys

import measure
from mounts import Mounted
from programs import first_line, lacking

NAMES = ("mount", "find", "ls")
DATA = ("everything", "alone", "random")
RATARMOUNT = ["ratarmount==1.3.0", "ratarmountcore==0.11.1"]


def wants_root():
    return None if os.geteuid() == 0 else "needs root"


def package(name):
    return first_line(["dpkg-query", "-W", name]).replace("\t", " ")


class Filesystem:
    measures = NAMES + DATA
    served = True       # by a process; the kernel otherwise
    slow = {}           # group -> only in so many rounds
    strict = True       # an error that find reports is a failure

    def __init__(self, bench):
        self.bench = bench

    def missing(self):
        return None

    def version(self):
        return None

    def prepare(self):
        pass

    def forget(self):
        pass

    def command(self, where):
        raise NotImplementedError

    def mount(self, where):
        return Mounted(self.command(where), where, timeout=self.bench.timeout)


class O2r(Filesystem):
    name = "o2r"
    measures = NAMES + DATA + ("snapshot",)

    def __init__(self, bench, binary, extra):
        super().__init__(bench)
        self.binary, self.extra = binary, extra
        self.image = os.path.join(bench.work, "snapshot.ext4")
        self.cache = os.path.join(bench.work, "cache-" + self.name.replace(" ", "-"))

    def missing(self):
        return None if self.binary else "no binary (--o2r PATH)"

    def version(self):
        return first_line([self.binary, "--version"])

    def layout(self):
        return self.bench.layout.path

    def reference(self):
        return "oci:%s:%s" % (self.layout(), self.bench.layout.tag)

    def env(self):
        runtime = os.path.join(self.bench.work, "run")
        os.makedirs(runtime, mode=0o700, exist_ok=True)
        return {"XDG_CACHE_HOME": self.cache, "XDG_RUNTIME_DIR": runtime}

    def forget(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def command(self, where):
        return [self.binary, "mount", "-q"] + self.extra + [self.reference(), where]

    def mount(self, where):
        return Mounted(self.command(where), where, env=self.env(), timeout=self.bench.timeout)

    def snapshot(self):
        """Write the image as ext4, with the index that is kept or without: Cost."""
        argv = [self.binary, "snapshot", self.reference(), "-o", self.image, "--force", "-q"]
        return measure.run(["env"] + ["%s=%s" % pair for pair in self.env().items()] + argv, timeout=self.bench.timeout)


class O2rPlain(O2r):
    """The same image with layers that are not compressed."""

    name = "o2r, plain layers"
    measures = ("mount",) + DATA

    def layout(self):
        return self.bench.material.plain()

    def prepare(self):
        self.layout()


class O2rBare(O2r):
    """Without xattrs, so that the kernel asks for none: what names and attributes cost alone."""

    name = "o2r, xattr=off"
    measures = ("find", "ls")

    def command(self, where):
        return super().command(where)[:-2] + ["-o", "xattr=off", self.reference(), where]


class Squashfuse(Filesystem):
    name = "squashfuse_ll"
    slow = {"everything": 1}

    def missing(self):
        return lacking("mksquashfs", "squashfuse_ll", "umoci")

    def version(self):
        return "gzip; " + package("squashfuse")

    def prepare(self):
        self.bench.material.squashfs()

    def command(self, where):
        return ["squashfuse_ll", self.bench.material.squashfs(), where]


class FuseOverlayfs(Filesystem):
    name = "fuse-overlayfs"
    slow = {"everything": 1}

    def missing(self):
        return lacking("fuse-overlayfs") or wants_root()    # who unpacks owners, devices and whiteouts

    def version(self):
        return package("fuse-overlayfs")

    def prepare(self):
        self.bench.material.unpacked()

    def lower(self):
        return ":".join(reversed(self.bench.material.unpacked()))

    def command(self, where):
        return ["fuse-overlayfs", "-o", "lowerdir=" + self.lower(), where]


class Overlay(FuseOverlayfs):
    name = "kernel overlayfs"
    served = False
    slow = {}

    def missing(self):
        return wants_root()

    def version(self):
        return None

    def lower(self):
        """overlayfs wants two lower directories at least, and has no upper one here."""
        empty = os.path.join(self.bench.work, "empty")
        os.makedirs(empty, exist_ok=True)
        return super().lower() + ":" + empty

    def command(self, where):
        return ["mount", "-t", "overlay", "-o", "ro,lowerdir=" + self.lower(), "overlay", where]


class Erofs(Filesystem):
    name = "EROFS"
    served = False

    def missing(self):
        return lacking("mkfs.erofs", "umoci") or wants_root()

    def version(self):
        return "not compressed, loop-mounted; " + package("erofs-utils")

    def prepare(self):
        self.bench.material.erofs()

    def command(self, where):
        return ["mount", "-t", "erofs", "-o", "ro,loop", self.bench.material.erofs(), where]


class Ratarmount(Filesystem):
    """A union of the layers that knows no whiteouts. Installed by pip into a venv, once."""

    name = "ratarmount 1.3.0"
    measures = ("mount", "find")
    strict = False
    slow = {"mount": 2, "find": 2}

    def __init__(self, bench):
        super().__init__(bench)
        self.index = os.path.join(bench.work, "ratarmount-index")
        self.venv = os.path.join(bench.peers, "ratarmount")
        self.binary = os.path.join(self.venv, "bin", "ratarmount")

    def missing(self):
        if os.path.exists(self.binary):
            return None
        if not self.bench.install:
            return "not installed in %s" % self.venv
        python = os.path.join(self.venv, "bin", "python")
        for argv in ([sys.executable, "-m", "venv", self.venv], [python, "-m", "pip", "install", "--quiet"] + RATARMOUNT):
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode:
                return "%s: %s" % (" ".join(argv[1:4]), (done.stderr.strip().splitlines() or ["failed"])[-1])
        return None

    def prepare(self):
        """Layers have no suffix in a layout, and it wants one."""
        os.makedirs(self.index, exist_ok=True)
        for layer, link in zip(self.bench.layout.layers, self.layers()):
            if not os.path.islink(link):
                os.symlink(self.bench.layout.blob(layer["digest"]), link)

    def layers(self):
        suffix = {"gzip": ".gz", "zstd": ".zst"}
        return [os.path.join(self.bench.work, "ratarmount-layer%d.tar%s" % (i, suffix.get(layer["mediaType"][-4:], "")))
                for i, layer in enumerate(self.bench.layout.layers)]

    def forget(self):
        shutil.rmtree(self.index, ignore_errors=True)
        os.makedirs(self.index)

    def command(self, where):
        return [self.binary, "--index-folders", json.dumps([self.index])] + self.layers() + [where]


def every(bench, o2r, extra):
    """All of them, in the order of the tables."""
    ours = [kind(bench, o2r, extra) for kind in (O2r, O2rBare, O2rPlain)]
    return ours + [kind(bench) for kind in (Squashfuse, FuseOverlayfs, Overlay, Erofs, Ratarmount)]
