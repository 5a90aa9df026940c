"""Judges of images, and what the integration tests share.

A test class derives from Case: it gets an empty directory `self.work` and short ways to make a layout, to run the command
and to judge what it wrote. The judges are not o2r's: e2fsck (silent, as docs/ext4.md defines it), dumpe2fs, the kernel
through a loop mount, and the reference of tests/reference. They raise AssertionError with what they saw.
"""
import atexit
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import refdump
import viewing

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.path.dirname(HERE), "tools")
O2R = os.environ["O2R"]
SANITIZED = bool(os.environ.get("O2R_SANITIZED"))
BLOCK = 4096
MIB, GIB = 1 << 20, 1 << 30
LINK_MAX = 65000
PASSES = ["Pass 1: Checking inodes, blocks, and sizes", "Pass 2: Checking directory structure",
          "Pass 3: Checking directory connectivity", "Pass 4: Checking reference counts",
          "Pass 5: Checking group summary information"]
SUMMARY = re.compile(r"^.*: (\d+)/(\d+) files \([\d.]+% non-contiguous\), (\d+)/(\d+) blocks$")


def run(*argv, **kw):
    """A program that must succeed; its output as text."""
    done = subprocess.run([os.fspath(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **kw)
    text = done.stdout.decode(errors="backslashreplace")
    assert done.returncode == 0, "%s: exit %d\n%s" % (" ".join(map(str, argv)), done.returncode, text)
    return text


def o2r(*args, env=None, wrap=(), **kw):
    """The command: returncode, stdout (bytes), stderr (text). wrap: a command that runs it."""
    kw = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "timeout": 600, **kw}
    full = {k: v for k, v in {**os.environ, **(env or {})}.items() if v is not None}
    done = subprocess.run([*wrap, O2R, *map(os.fspath, args)], env=full, **kw)
    done.stderr = (done.stderr or b"").decode(errors="backslashreplace")
    return done


def traced(calls, *args, env=None, **kw):
    """(the command, its system calls of these names as strace writes them); under strace no leaks can be looked for."""
    fd, log = tempfile.mkstemp(prefix="o2r-strace-", dir=os.environ.get("O2R_SCRATCH"))
    os.close(fd)
    try:
        quiet = {name: os.environ.get(name, "") + ":detect_leaks=0" for name in ("ASAN_OPTIONS", "LSAN_OPTIONS")}
        done = o2r(*args, env={**quiet, **(env or {})}, wrap=["strace", "-f", "-qq", "-e", "trace=" + calls, "-o", log], **kw)
        with open(log) as f:
            return done, f.read()
    finally:
        os.unlink(log)


def sha256(path):
    total = hashlib.sha256()
    with open(path, "rb") as f:
        while True:
            piece = f.read(MIB)
            if not piece:
                return total.hexdigest()
            total.update(piece)


def home():
    """A new place for what the command keeps (its cache) and leaves for others (the state of views), from here on."""
    where = tempfile.mkdtemp(prefix="o2r-home-", dir=os.environ.get("O2R_SCRATCH"))
    for name, folder in (("XDG_CACHE_HOME", "cache"), ("XDG_RUNTIME_DIR", "run")):
        os.environ[name] = os.path.join(where, folder)
        os.mkdir(os.environ[name], 0o700)
    return where


atexit.register(shutil.rmtree, home(), ignore_errors=True)      # for what runs outside of a case


# ---- e2fsck and dumpe2fs

def fsck_silent(image):
    """e2fsck -fn says nothing but its five pass lines and the summary; returns (files, inodes, used blocks, blocks)."""
    done = subprocess.run(["e2fsck", "-fn", image], capture_output=True, text=True, errors="backslashreplace",
                          env={**os.environ, "LC_ALL": "C"})
    lines = done.stdout.rstrip("\n").split("\n")
    found = SUMMARY.match(lines[-1])
    others = [line for line in done.stderr.split("\n") if line and not re.match(r"^e2fsck [\d.]+ \(", line)]
    assert done.returncode == 0 and lines[:-1] == PASSES and found and not others, \
        "e2fsck -fn %s: exit %d\n%s%s" % (image, done.returncode, done.stdout[:4000], done.stderr[:4000])
    return tuple(map(int, found.groups()))


def superblock(image):
    """The fields of dumpe2fs -h."""
    found = {}
    for line in run("dumpe2fs", "-h", image, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"}).split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            found[key.strip()] = value.strip()
    return found


def ranges(text):
    """`1-3, 7` -> [(1, 3), (7, 7)]."""
    pairs = [part.strip().partition("-") for part in text.split(",") if part.strip()]
    return [(int(a), int(b or a)) for a, _, b in pairs]


def free_ranges(image, what="blocks"):
    """The ranges that the bitmaps of the image say are free: blocks or inodes."""
    found = []
    for line in run("dumpe2fs", image).split("\n"):
        match = re.match(r"^  Free %s:(.*)$" % what, line)
        if match:
            found += ranges(match[1])
    return found


def used_blocks(image):
    """(first, end) of the runs of blocks that the bitmaps say are used."""
    at = 0
    for first, last in sorted(free_ranges(image)):
        if first > at:
            yield at, first
        at = last + 1
    end = int(superblock(image)["Block count"])
    if end > at:
        yield at, end


FEATURES = {"ext_attr", "dir_index", "filetype", "extent", "64bit", "flex_bg", "sparse_super", "large_file", "huge_file", "dir_nlink",
            "extra_isize", "metadata_csum", "resize_inode"}


def agree(image, info, label=None, epoch=0, features=FEATURES):
    """The superblock says what the command's JSON says, and what docs/ext4.md decides."""
    sb, problems = superblock(image), []

    def same(key, value):
        if sb.get(key) != str(value):
            problems.append("%s: %r, expected %r" % (key, sb.get(key), str(value)))
    for key, value in (
            ("Block count", info["blocks"]), ("Free blocks", info["free_blocks"]), ("Inode count", info["inodes"]),
            ("Free inodes", info["free_inodes"]), ("Filesystem UUID", info["uuid"]), ("Block size", info["block_size"]),
            ("Filesystem volume name", label or "<none>"), ("Reserved block count", 0), ("Filesystem state", "clean"),
            ("Inode size", 256), ("Required extra isize", 32), ("First inode", 11), ("Default directory hash", "half_md4"),
            ("Filesystem OS type", "Linux"), ("Filesystem revision #", "1 (dynamic)"), ("Flex block group size", 16),
            ("Checksum type", "crc32c"), ("Errors behavior", "Continue"), ("Last mount time", "n/a")):
        same(key, value)
    moment = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(epoch))
    for key in ("Last checked", "Last write time"):
        same(key, moment)
    if sb.get("Filesystem created") != (moment if epoch else None):     # left out when it is 0
        problems.append("created %s" % sb.get("Filesystem created"))
    if set(sb["Filesystem features"].split()) != features:
        problems.append("features %s" % sb["Filesystem features"])
    if "signed_directory_hash" not in sb["Filesystem flags"] or "unsigned" in sb["Filesystem flags"]:
        problems.append("flags %s" % sb["Filesystem flags"])
    if os.path.isfile(image) and os.path.getsize(image) != info["image_bytes"]:
        problems.append("file of %d bytes, said %d" % (os.path.getsize(image), info["image_bytes"]))
    assert not problems, "dumpe2fs of %s:\n%s" % (image, "\n".join(problems))
    return sb


# ---- the kernel

@contextlib.contextmanager
def loop_mount(image, write=False):
    """The path of a mount, read-only unless write; unmounted and its loop device detached in any case."""
    where = tempfile.mkdtemp(prefix="o2r-mount-")
    device = os.fspath(image).startswith("/dev/")
    options = ("rw" if write else "ro") + ("" if device else ",loop")
    try:
        for attempt in range(50):
            run("mount", "-t", "ext4", "-o", options, image, where)
            # the loop device of a mount before may be there for a moment more, and is taken with its being read-only
            if not write or not os.statvfs(where).f_flag & os.ST_RDONLY:
                break
            run("umount", where)
            time.sleep(0.1)
        else:
            raise AssertionError("%s cannot be mounted to be written to" % image)
        try:
            yield where
        finally:
            for attempt in range(50):       # a program of ours may still be leaving it
                if subprocess.run(["umount", where], stderr=subprocess.DEVNULL).returncode == 0:
                    break
                time.sleep(0.1)
            else:
                run("umount", "-l", where)
                raise AssertionError("%s stayed busy" % where)
    finally:
        os.rmdir(where)


@contextlib.contextmanager
def loop_device(path):
    """A block device that stands on a file."""
    device = run("losetup", "-f", "--show", path).strip()
    try:
        yield device
    finally:
        run("losetup", "-d", device)


def treedump(root, *options):
    """The lines of tests/tools/treedump.py."""
    return run(sys.executable, os.path.join(TOOLS, "treedump.py"), *options, root, env={**os.environ, "LC_ALL": "C"}).splitlines()


def mounted_dump(image, *options):
    with loop_mount(image) as root:
        return treedump(root, *options)


def reference(layout, ref=None):
    """The lines that the independent merge gives."""
    return refdump.of_layout(os.fspath(layout), ref)


def column(lines, *numbers):
    """The dump without some columns: 4 is the mtime, 7 the links."""
    out = []
    for line in lines:
        parts = line.split("\t")
        for n in numbers:
            parts[n] = ""
        out.append("\t".join(parts))
    return out


def same_lines(found, expected, what):
    if found == expected:
        return
    a, b = set(found), set(expected)
    more = ["+ " + line[:600] for line in found if line not in b][:20]
    less = ["- " + line[:600] for line in expected if line not in a][:20]
    raise AssertionError("%s: %d lines, expected %d (- expected, + found)\n%s" % (what, len(found), len(expected), "\n".join(less + more)))


# how far a slow stage is and how long it took, and the layers that were fetched
PROGRESS = re.compile(r"o2r: ((index|write): .* in [\d.]+ s$|fetch(ed)?\b|[0-9a-f]{12}: (waiting|downloading|retrying|exists|done), )")


def problems(said):
    """The lines of stderr that are neither warnings nor progress."""
    return [line for line in said.split("\n") if line and ": warning: " not in line and not PROGRESS.match(line)]


# ---- test cases

IMAGE_OPTIONS = ("--limit", "--cache", "--no-cache", "--layer", "--add")     # those that `mount` takes too and that change what is shown or refused


def shared(args):
    """Of the arguments of `snapshot` those that `mount` gets too."""
    found, args = [], list(map(str, args))
    for n, arg in enumerate(args):
        if arg.startswith(IMAGE_OPTIONS):
            found += args[n:n + 2] if arg in IMAGE_OPTIONS and arg != "--no-cache" else [arg]
    return tuple(found)


class Case(unittest.TestCase):
    """GATE: whether each image that `snapshot` makes, and each refusal, is compared with what `mount` does."""

    maxDiff = 4000
    GATE = True

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="o2r-case-", dir=os.environ.get("O2R_SCRATCH"))
        os.chmod(self.work, 0o755)
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.addCleanup(os.environ.update, {name: os.environ[name] for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR")})
        self.addCleanup(shutil.rmtree, home(), ignore_errors=True)
        self.made = 0

    def path(self, name):
        return os.path.join(self.work, name)

    def new(self, suffix=""):
        self.made += 1
        return self.path("%d%s" % (self.made, suffix))

    def layout(self, image, **options):
        """Write a layout of a mkimage.Image (or Layout); its path."""
        out = self.new(".layout")
        self.facts = image.write(out, **options)
        return out

    def snapshot(self, layout, *args, out=None, env=None, platform="linux/amd64", gate=True):
        """Run it with --format json; returns (path of the image, the JSON). It must succeed; self.said is its stderr.
        gate: False for what treedump cannot dump, because its paths are longer than PATH_MAX."""
        out = out or self.new(".ext4")
        done = o2r("snapshot", layout, "-o", out, "--platform", platform, "--format", "json", *args, env=env)
        self.said = done.stderr
        self.assertEqual(done.returncode, 0, done.stderr)
        info = json.loads(done.stdout)
        if out != "-" and "--dry-run" not in args:
            self.assertEqual(os.listdir(os.path.dirname(out)).count(os.path.basename(out)), 1)
            if gate and self.GATE:
                self.same_view(layout, out, shared(args), env or {}, platform)
        return out, info

    def same_view(self, reference, image, args, env, platform):
        """The central gate: the view of the image shows what its snapshot shows. Once for each input."""
        seen = self.__dict__.setdefault("seen", set())
        key = (os.fspath(reference), args, platform)
        if key in seen:
            return
        seen.add(key)
        with loop_mount(image) as root:
            expected = viewing.lines(root)
        epoch = env.get("SOURCE_DATE_EPOCH")
        found = viewing.of_reference(reference, *args, platform=platform, env={**env, "SOURCE_DATE_EPOCH": None})
        same_lines(viewing.as_in_ext4(found, expected, int(epoch) if epoch else None), expected, "the view")

    def refused(self, layout, *args, code, words=(), out=None, platform="linux/amd64", **kw):
        """It must fail with one line on stderr that holds the words, and leave nothing in the output directory."""
        folder = None
        if out is None:
            folder = self.new(".out")
            os.mkdir(folder)
            out = os.path.join(folder, "image.ext4")
        done = o2r("snapshot", layout, "-o", out, "--platform", platform, *args, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        lines = problems(done.stderr)
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertEqual(done.stdout or b"", b"")
        if folder:
            self.assertEqual(os.listdir(folder), [], "left behind")
            self.refusals = getattr(self, "refusals", 0) + 1
            # hundreds of flipped bytes of one blob are much alike
            if self.GATE and code != 2 and not kw and len(args) == len(shared(args)) and (self.refusals <= 20 or self.refusals % 8 == 0):
                viewing.refused(layout, args, code, lines[0], platform)
        return lines[0]

    def judge(self, image, info, layout=None, lines=None, **kw):
        """All judges; the dump of the mount must be the reference's (or the lines given). Returns the dump. kw: see agree()."""
        files, inodes, used, blocks = fsck_silent(image)
        self.assertEqual((inodes, blocks), (info["inodes"], info["blocks"]))
        self.assertEqual((inodes - files, blocks - used), (info["free_inodes"], info["free_blocks"]))
        agree(image, info, **kw)
        found = mounted_dump(image)
        same_lines(found, reference(layout) if lines is None else lines, "the mounted image")
        return found

    def make_and_judge(self, image, *args, **kw):
        """Layout, snapshot, all judges: (path, JSON, dump)."""
        layout = self.layout(image)
        path, info = self.snapshot(layout, *args)
        return path, info, self.judge(path, info, layout, **kw)
