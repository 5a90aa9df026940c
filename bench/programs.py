"""What the benchmark compares. Each program has name, version(), missing() (a reason to leave it out, or None),
run() -> Cost and image (the path it writes, or None)."""
import os
import shutil
import subprocess

import measure
from measure import Cost

OCI2ROOTFS = "0.3.0"


def first_line(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return (done.stdout.strip() or done.stderr.strip() or "?").splitlines()[0]


def lacking(*tools):
    for tool in tools:
        if not shutil.which(tool):
            return "%s is not installed" % tool
    return None


class Program:
    image = None
    judged = True  # by e2fsck, where there is an image

    def __init__(self, job):
        self.job = job

    def missing(self):
        return None

    def path(self, name):
        return os.path.join(self.job.work, name)

    def clean(self):
        if self.image and os.path.exists(self.image):
            os.remove(self.image)


class O2r(Program):
    name = "o2r"

    def __init__(self, job, binary, extra):
        super().__init__(job)
        self.binary, self.extra = binary, extra
        self.image = self.path("o2r.ext4")
        self.cache = self.path("o2r-cache")

    def clean(self):
        """Each run is a first one: no index is kept from the last."""
        super().clean()
        shutil.rmtree(self.cache, ignore_errors=True)

    def missing(self):
        return None if self.binary else "no binary (--o2r PATH)"

    def version(self):
        return first_line([self.binary, "--version"])

    def run(self):
        ref = "oci:%s:%s" % (self.job.layout.path, self.job.layout.tag)
        return measure.run(["env", "XDG_CACHE_HOME=" + self.cache, self.binary, "snapshot", ref, "-o", self.image, "--force", "-q"] + self.extra,
                           timeout=self.job.timeout)


class Umoci(Program):
    """Unpack, then mke2fs -d. Counting the tree for mke2fs's size and inodes is not timed: the user must guess them."""

    name = "umoci + mke2fs"
    guess = None

    def __init__(self, job):
        super().__init__(job)
        self.image = self.path("umoci.ext4")

    def missing(self):
        return lacking("umoci", "mke2fs") or (None if os.geteuid() == 0 else "umoci unpack needs root here")

    def version(self):
        return "%s; %s" % (first_line(["umoci", "--version"]), first_line(["mke2fs", "-V"]))

    def measure_tree(self, root):
        entries = blocks = 0
        for where, dirs, files in os.walk(root):
            entries += len(dirs) + len(files)
            blocks += 1 + sum(len(n) + 12 for n in dirs + files) // 2048
            for name in files:
                st = os.lstat(os.path.join(where, name))
                blocks += (st.st_size + 4095) // 4096 // max(1, st.st_nlink)
        return entries, blocks

    def run(self):
        bundle = self.path("umoci.bundle")
        ref = "%s:%s" % (self.job.layout.path, self.job.layout.tag)
        try:
            unpack = measure.run(["umoci", "unpack", "--image", ref, bundle], timeout=self.job.timeout)
            root = os.path.join(bundle, "rootfs")
            if not self.guess:
                entries, blocks = self.measure_tree(root)
                self.guess = (entries + entries // 10 + 1000, blocks + blocks // 4 + entries // 12 + 65536)
            inodes, blocks = self.guess
            os.sync()
            make = measure.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-N",
                                str(inodes), "-d", root, self.image, str(blocks)], timeout=self.job.timeout)
            self.job.note("umoci unpack alone", unpack)
            self.job.note("mke2fs -d alone", make)
            return unpack.then(make)
        finally:
            shutil.rmtree(bundle, ignore_errors=True)


class Oci2rootfs(Program):
    name = "oci2rootfs " + OCI2ROOTFS

    def __init__(self, job, peers):
        super().__init__(job)
        self.image = self.path("oci2rootfs.ext4")
        self.peers = peers
        self.binary = os.path.join(peers, "bin", "oci2rootfs")
        self.layout = None

    def missing(self):
        if not os.path.exists(self.binary):
            if not shutil.which("cargo"):
                return "no cargo to install it with"
            done = subprocess.run(["cargo", "install", "--quiet", "oci2rootfs-cli", "--version", OCI2ROOTFS, "--locked",
                                   "--root", self.peers], stdin=subprocess.DEVNULL, check=False)
            if done.returncode:
                return "cargo install failed"
        return None

    def version(self):
        return self.name

    def run(self):
        if not self.layout:
            self.layout = self.job.layout.copy_with_media_types(self.path("typed-layout"))
        size = "%dM" % (sum(self.job.decoded_sizes) * 12 // 10 // 10**6 + 1024)
        return measure.run([self.binary, self.layout, "-o", self.image, "--size", size], timeout=self.job.timeout)


class Floor(Program):
    """What any checking program must do, on all cores, largest first: decode, digest of blobs and of decoded layers."""

    name = "floor: decode + digests"

    def missing(self):
        return lacking("igzip", "openssl")

    def version(self):
        return "%s; %s" % (first_line(["igzip", "--version"]), first_line(["openssl", "version"]))

    def run(self):
        job, jobs = self.job, []
        for layer, decoded, size in zip(job.layout.layers, job.decoded, job.decoded_sizes):
            jobs.append((size, job.layout.decode_command(layer)))
            jobs.append((size, ["openssl", "dgst", "-sha256", decoded]))
            jobs.append((layer["size"], ["openssl", "dgst", "-sha256", job.layout.blob(layer["digest"])]))
        jobs.sort(key=lambda sized: -sized[0])
        return measure.run_all([argv for _, argv in jobs], job.cores, timeout=job.timeout)


class Copy(Program):
    """The second part of the floor: a copy of the image that another program wrote this round."""

    name = "floor: copy of the image"
    judged = False

    def __init__(self, job, writers):
        super().__init__(job)
        self.image = self.path("copy.ext4")
        self.writers = writers

    def version(self):
        return first_line(["cp", "--version"])

    def run(self):
        for writer in self.writers:
            if os.path.exists(writer.image):
                return measure.run(["cp", "--sparse=always", "--reflink=never", writer.image, self.image])
        raise measure.Failed("no image to copy")


class FloorSum(Program):
    """Not run: the sum of the two parts of the floor, round by round."""

    name = "floor, both"

    def version(self):
        return None

    def run(self):
        parts = [self.job.last.get(n) for n in (Floor.name, Copy.name)]
        if None in parts:
            raise measure.Failed("a part is missing")
        return Cost().then(parts[0]).then(parts[1])
