"""What the benchmark scripts share: which image, which o2r, which machine."""
import argparse
import os
import shutil
import signal
import subprocess
import sys

import images
from layout import Layout

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TMP = os.environ.get("TMPDIR", "/tmp")


def arguments(doc, image=True):
    """A parser with the options that all scripts have, and those of the ones that take an image."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--o2r", metavar="PATH", help="the binary (default: build/src/cli/o2r, build/o2r or in PATH)")
    p.add_argument("--out", metavar="DIR", help="where outputs go (default: a directory under $TMPDIR)")
    if image:
        add_image(p)
    return p


def add_image(p):
    what = p.add_mutually_exclusive_group()
    what.add_argument("--layout", metavar="DIR[:TAG]", help="an OCI layout of yours")
    what.add_argument("--image", choices=["real", "small"] + list(images.KINDS), default="real",
                      help="a layout made here (default: real, by tests/tools/real-image.sh, which needs root)")
    p.add_argument("--images", metavar="DIR", default=os.path.join(TMP, "o2r-bench-images"),
                   help="where --image keeps its layouts")
    p.add_argument("--peers", metavar="DIR", default=os.path.join(TMP, "o2r-bench-peers"),
                   help="where peers are installed")
    p.add_argument("--only", metavar="NAMES", help="programs to run, by the start of their names, comma separated")


def take_signals():
    """What would end the script interrupts it: what it has mounted or started is ended, and what it has measured is printed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def ignore_signals():
    """For the time in which it is all taken away again."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def find_layout(args):
    if args.layout:
        path, tag = args.layout, "latest"
        if not os.path.isdir(path) and ":" in path:
            path, tag = path.rsplit(":", 1)
        return Layout(path, tag)
    where = os.path.join(args.images, args.image)
    if args.image in images.KINDS:
        return Layout(images.make(args.image, where), "latest")
    script = [os.path.join(ROOT, "tests", "tools", "real-image.sh"), where]
    subprocess.run(script + (["--small"] if args.image == "small" else []), check=True, stdin=subprocess.DEVNULL)
    return Layout(os.path.join(where, "layout"), "latest")


def find_o2r(given):
    for path in [given] if given else [os.path.join(ROOT, "build", "src", "cli", "o2r"),
                                       os.path.join(ROOT, "build", "o2r"), shutil.which("o2r")]:
        if path and os.path.isfile(path) and os.access(path, os.X_OK):
            return os.path.abspath(path)
    if given:
        sys.exit("bench: no program %s" % given)
    return None


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), os.uname().machine)
    with open("/proc/meminfo") as f:
        ram = int(f.readline().split()[1]) / 2**20
    return "%s, %d cores, %.0f GiB, Linux %s" % (model, len(os.sched_getaffinity(0)), ram, os.uname().release)
