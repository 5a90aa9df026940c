#!/usr/bin/env python3
"""Make tars with our writer, GNU tar, bsdtar and the random layers, and have them compared. usage: run.py PROGRAM

O2R_MUTATIONS (100) is how often each is damaged, O2R_SEED (1) where the seeds begin. What a program or the filesystem
cannot do here is told and left out.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "fuzz")]
sys.dont_write_bytecode = True

import randimage                # noqa: the path is set above
from seeds_tar import good      # noqa

RANDOM_IMAGES = 12
GNU_RUNS = {
    "v7": [], "oldgnu": [], "gnu": [], "ustar": [], "posix": [],
    "gnu-sparse": ["--format=gnu", "--sparse"],
    "oldgnu-sparse": ["--format=oldgnu", "--sparse"],
    "sparse-0.0": ["--format=posix", "--sparse", "--sparse-version=0.0"],
    "sparse-0.1": ["--format=posix", "--sparse", "--sparse-version=0.1"],
    "sparse-1.0": ["--format=posix", "--sparse", "--sparse-version=1.0"],
    "xattrs": ["--format=posix", "--xattrs", "--xattrs-include=*"],
    "acls": ["--format=posix", "--xattrs", "--acls", "--numeric-owner"],
    "owner": ["--format=gnu", "--owner=:4294967294", "--group=:3000000", "--mtime=@-5"],
    "times": ["--format=posix", "--mtime=1960-01-01 00:00:00.5"],
}
BSD_RUNS = {"bsd-ustar": ["--format=ustar"], "bsd-pax": ["--format=pax", "--xattrs", "--acls"],
            "bsd-gnutar": ["--format=gnutar"], "bsd-v7": ["--format=v7tar"]}


def attempt(what, function, *args):
    try:
        function(*args)
    except (OSError, subprocess.CalledProcessError) as e:
        print("left out: %s: %s" % (what, e))


def make_tree(top):
    """Something of everything, with names that old formats can hold in one place and long ones in another."""
    for folder in ("plain/a/b", "long/" + "d" * 90, "sparse", "attributes"):
        (top / folder).mkdir(parents=True)
    (top / "plain/file").write_bytes(b"hello\n" * 2000)
    (top / "plain/empty").write_bytes(b"")
    (top / "plain/zeros").write_bytes(b"a" + bytes(200000) + b"b")
    os.link(top / "plain/file", top / "plain/a/hard")
    os.symlink("../file", top / "plain/a/soft")
    os.mkfifo(top / "plain/fifo")
    os.utime(top / "plain/file", ns=(10**18, 1234567890123456789))
    attempt("device", lambda: os.mknod(top / "plain/null", 0o20666, os.makedev(1, 3)))
    attempt("large device", lambda: os.mknod(top / "plain/disk", 0o60660, os.makedev(259, 70000)))
    name = top / ("long/" + "d" * 90) / ("f" * 200)
    name.write_bytes(b"long")
    os.link(name, name.with_name("g" * 200))
    os.symlink("t/" * 120, top / "long/soft")
    (top / "long" / os.fsdecode(b"\xff\xfe \n")).write_bytes(b"odd")
    with open(top / "sparse/file", "wb") as f:
        for i in range(50):
            f.seek(i * 100000)
            f.write(b"data %d" % i)
        f.truncate(6000000)
    with open(top / "sparse/hole", "wb") as f:
        f.truncate(1000000)
    for name in ("file", "dir"):
        path = top / "attributes" / name
        path.mkdir() if name == "dir" else path.write_bytes(b"x")
        attempt("xattr", os.setxattr, path, "user.some", b"a\n\0=b")
        attempt("ACL", subprocess.check_call, ["setfacl", "-m", "u:5:rw,g:4294967:r", path])
    attempt("capability", os.setxattr, top / "attributes/file", "security.capability", b"\1\0\0\2\4" + bytes(15))
    attempt("default ACL", subprocess.check_call, ["setfacl", "-d", "-m", "u:7:rwx", top / "attributes/dir"])


def program_runs(tree, out):
    for name, options in GNU_RUNS.items():
        parts = ["plain"] if name == "v7" else ["plain", "sparse", "attributes"] if name in ("ustar", "owner") else ["."]
        argv = ["tar", "-C", tree, "--sort=name", *(options or ["--format=" + name]), "-cf", out / name, *parts]
        # v7 and ustar leave out what they cannot hold, and say so
        if subprocess.run(argv, stderr=subprocess.DEVNULL).returncode > 2 or not (out / name).stat().st_size:
            print("left out: GNU tar as %s" % name)
    if not shutil.which("bsdtar"):
        print("left out: no bsdtar")
        return
    for name, options in BSD_RUNS.items():
        parts = ["plain"] if name == "bsd-v7" else ["."]
        subprocess.run(["bsdtar", *options, "-C", tree, "-cf", out / name, *parts], stderr=subprocess.DEVNULL)


def written(out):
    for name, layer in good():
        (out / name).write_bytes(layer.tar())
    for seed in range(RANDOM_IMAGES):
        for i, tar in enumerate(randimage.image(seed, plain=True).tars()):
            (out / ("random-%d-%d" % (seed, i))).write_bytes(tar)


def main(program):
    with tempfile.TemporaryDirectory(prefix="o2r-tars-") as scratch:
        tree, out = pathlib.Path(scratch, "tree"), pathlib.Path(scratch, "tars")
        out.mkdir()
        make_tree(tree)
        program_runs(tree, out)
        written(out)
        argv = [program, "-n", os.environ.get("O2R_MUTATIONS", "100"), "-s", os.environ.get("O2R_SEED", "1"),
                *sorted(str(p) for p in out.iterdir())]
        return subprocess.run(argv).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
