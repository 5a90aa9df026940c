"""Stores of other tools, made for a test and read by o2r: a Docker engine of its own, containers-storage, and an ordinary user."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile

import judge
import samples
import viewing
from mkimage import Image, Layer

NAME = "localhost/kept/img:v1"


def image(devices=True):
    """What unpacked layers have to tell: each layer has the entries of its parent directories, as tools write them. No ids past
    65535, and for an ordinary user no devices: such a user's store could not hold them."""
    def begin():
        return Layer().dir("./", mtime=1_500_000_001).dir("etc", mode=0o751, uid=1, gid=2, mtime=(1_500_000_002, 123456789))
    low = begin().file("etc/hosts", b"127.0.0.1\n", mode=0o600, uid=33, gid=33).file("etc/gone", samples.MARKER)
    # a link's header says what all its names get, and setting that takes capabilities away
    low.dir("bin").file("bin/ping", samples.noise(70001), mode=0o755, xattrs={"security.capability": samples.capability()})
    low.file("bin/su", samples.noise(5000), mode=0o4755).link("bin/link", "bin/su", mode=0o4755).symlink("bin/sh", "ping").symlink("long", "/x" * 100)
    low.dir("opaque", mode=0o700).file("opaque/below", b"below").dir("opaque/dir").file("opaque/dir/deep", b"deep")
    low.dir("run").fifo("run/pipe", mode=0o600).dir("private", mode=0o700, uid=5, gid=5)
    low.file("private/x", b"x", mode=0o400, uid=5, gid=5).file("n", b"n", uid=65534, gid=65534, xattrs={"user.a": b"1"})
    low.dir("gone").file("gone/a", b"a").dir("gone/sub").file("gone/sub/b", b"b").file("empty", b"")
    if devices:
        low.dir("dev").char("dev/null", 1, 3, mode=0o666).block("dev/sda", 8, 0, mode=0o660, gid=6)
    middle = begin().whiteout("etc/gone").whiteout("gone").dir("opaque", mode=0o711).opaque("opaque").file("opaque/new", b"new")
    middle.file("etc/hosts", b"other\n", mode=0o640, uid=33, gid=34)
    top = Layer().dir("./", mtime=1_500_000_001).file("top", samples.noise(9000, b"top"), uid=1000, gid=1000).dir("gone", mode=0o700)
    return Image([low, middle, top], config={"config": {"Env": ["A=B"], "Cmd": ["/bin/sh"]}})


def of_root(lines):
    """A dump without the line of the root itself: a layer's own directory is its keeper's (docs/layers.md, rule 8)."""
    found = [line for line in lines if not line.startswith("/\t")]
    assert len(found) >= len(lines) - 1
    return found


@contextlib.contextmanager
def overlay(*lower, upper=None):
    """A kernel overlay mount of directories, nearest first."""
    where = tempfile.mkdtemp(prefix="o2r-overlay-")
    options = "lowerdir=" + ":".join(lower) + (",redirect_dir=on,upperdir=%s,workdir=%s" % upper if upper else "")
    try:
        judge.run("mount", "-t", "overlay", "-o", options + (",rw" if upper else ",ro"), "overlay", where)
        try:
            yield where
        finally:
            judge.run("umount", where)
    finally:
        os.rmdir(where)


def overlay_dump(*lower):
    """What the kernel shows of these directories, nearest first."""
    with overlay(*lower) as root:
        return judge.treedump(root, "--skip-missing")


class Docker:
    """A dockerd with its own data root and socket."""

    def __init__(self, folder):
        self.folder, self.data = folder, os.path.join(folder, "data")
        self.socket, self.log = os.path.join(folder, "d.sock"), os.path.join(folder, "log")
        self.env = {**os.environ, "DOCKER_HOST": "unix://" + self.socket}

    def start(self):
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                ["dockerd", "--data-root", self.data, "--exec-root", os.path.join(self.folder, "exec"), "-H", "unix://" + self.socket,
                 "--storage-driver", "overlay2", "--bridge", "none", "--iptables=false", "--ip-masq=false", "--ip-forward=false",
                 "-p", os.path.join(self.folder, "pid")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            viewing.wait_for(lambda: self.child.poll() is not None or subprocess.run(
                ["docker", "info"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0)
            assert self.child.poll() is None
        except AssertionError:
            with open(self.log, errors="replace") as f:
                raise AssertionError("dockerd: " + f.read()[-3000:]) from None
        return self

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(60)
        finally:
            self.child.kill()
            self.child.wait()

    def __call__(self, *args):
        return judge.run("docker", *args, env=self.env).strip()

    def load(self, layout, name):
        archive = os.path.join(self.folder, "load.tar")
        judge.run("skopeo", "copy", "-q", "oci:" + layout, "docker-archive:%s:%s" % (archive, name))
        self("load", "-q", "-i", archive)
        os.unlink(archive)
        return self("images", "-q", "--no-trunc", name).removeprefix("sha256:")

    def reference(self, name):
        return "docker-store:[%s]%s" % (self.data, name)

    def directories(self, name, kind="image"):
        """The directories of its layers, nearest first, as the engine tells."""
        upper, lower = (self("inspect", "--type", kind, "-f", "{{with .GraphDriver.Data.%s}}{{.}}{{end}}" % key, name) for key in ("UpperDir", "LowerDir"))
        return [upper, *filter(None, lower.split(":"))]


@contextlib.contextmanager
def docker():
    folder = tempfile.mkdtemp(prefix="o2r-docker-", dir=os.environ.get("O2R_SCRATCH"))
    d = Docker(folder)
    try:
        d.start()
        try:
            yield d
        finally:
            d.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def containers(layout, root, driver="overlay", name=NAME):
    """Put an image into a store of root; its ID."""
    judge.run("skopeo", "copy", "-q", "oci:" + layout, "containers-storage:[%s@%s+%s.run]%s" % (driver, root, root, name))
    return buildah(root, driver, "images", "-q", "--no-trunc", name).strip().removeprefix("sha256:")


def buildah(root, driver, *args):
    return judge.run("buildah", "--root", root, "--runroot", root + ".run", "--storage-driver", driver, *args)


class User:
    """An ordinary user with a home folder and subordinate ids."""

    def __init__(self, name="o2r-test-user"):
        self.name = name
        self.home = tempfile.mkdtemp(prefix="o2r-user-", dir="/var/tmp")
        subprocess.run(["userdel", name], stderr=subprocess.DEVNULL)
        judge.run("useradd", "-d", self.home, "-s", "/bin/sh", name)
        for file in ("/etc/subuid", "/etc/subgid"):
            with open(file) as f:
                assert any(line.startswith(name + ":") for line in f), "useradd gave no ids in " + file
        self.program = os.path.join(self.home, "o2r")
        shutil.copy(judge.O2R, self.program)
        judge.run("chown", "-R", name + ":", self.home)
        os.chmod(self.home, 0o755)
        self.store = os.path.join(self.home, ".local/share/containers/storage")

    def remove(self):
        subprocess.run(["userdel", self.name], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, command, **kw):
        """A line of shell in a login of the user."""
        keep = " ".join("%s='%s'" % (k, os.environ[k]) for k in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS") if k in os.environ)
        return subprocess.run(["su", "-", self.name, "-c", ("export %s; " % keep if keep else "") + command], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, **kw)

    def must(self, command):
        done = self.run(command)
        assert done.returncode == 0, "%s: exit %d\n%s%s" % (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def copy_in(self, source, name):
        target = os.path.join(self.home, name)
        judge.run("cp", "-r", source, target)
        judge.run("chown", "-R", self.name + ":", target)
        return target
