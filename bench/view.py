#!/usr/bin/env python3
"""Time the view (o2r mount) beside its peers on one image, in one run, and print tables of seconds and of ratios.

Measured: first mount (empty cache, layers in the page cache), second mount (index kept), find and ls -lR cold and warm, reading
everything (tar to a pipe, cat of all files), one large file from gzip and from plain layers, random reads of 4 KiB (fio), the
memory of the server, and o2r snapshot with an empty cache and with the index kept. Peers: squashfuse_ll, fuse-overlayfs, kernel
overlayfs, a loop-mounted EROFS of the same tree; ratarmount (installed by pip into a venv) for mount and find. Every round runs
each measurement for every program in turn. Cold means dentries and inodes dropped and a fresh mount, data pages kept.

Needs tests/tools/install-deps.sh bench, root for the kernel's filesystems and for dropping caches, and 7 GB of disk for the real
image: its tree, layers and images are made once and kept under --images. Interrupted, it prints what it has.
"""
import contextlib
import datetime
import json
import os
import shlex
import sys
import tempfile

import common
import filesystems
import mounts
from material import Material
from rounds import Rounds
from view_report import Report

GROUPS = ["mount", "find", "ls", "everything", "alone", "random", "snapshot"]


def arguments():
    p = common.arguments(__doc__)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--measures", metavar="NAMES", default=",".join(GROUPS), help="groups to run (default: %(default)s)")
    p.add_argument("--o2r-options", metavar="OPTIONS", default="", help='more options for o2r mount, as "-j 1"')
    p.add_argument("--no-baselines", action="store_true", help="leave out the decoder and the floor of the first mount")
    p.add_argument("--no-install", action="store_true", help="take ratarmount only where it is installed")
    p.add_argument("--timeout", type=float, default=300, help="seconds for one run; a late server is killed")
    p.add_argument("--markdown", action="store_true", help="tables as in docs/performance.md")
    p.add_argument("--json", metavar="FILE", help="also write every single measurement there")
    args = p.parse_args()
    args.measures = args.measures.split(",")
    unknown = set(args.measures) - set(GROUPS)
    if unknown:
        p.error("no such measures: %s (there are %s)" % (", ".join(sorted(unknown)), ", ".join(GROUPS)))
    return args


class Bench:
    """What the filesystems and the rounds share."""

    def __init__(self, args, layout, work):
        self.layout, self.work, self.timeout, self.measures = layout, work, args.timeout, args.measures
        self.peers, self.install, self.baselines = os.path.abspath(args.peers), not args.no_install, not args.no_baselines
        self.cores = len(os.sched_getaffinity(0))
        self.where = os.path.join(work, "mnt")
        os.mkdir(self.where)
        self.material = Material(layout, os.path.join(os.path.abspath(args.images), "view"))

    def prepare(self):
        self.layout.warm()
        self.decoded = self.material.decoded()
        self.decoded_sizes = [os.path.getsize(path) for path in self.decoded]
        self.facts = self.material.facts()
        self.top = self.material.merged()

    def bytes_of(self, what):
        """How many bytes a measurement of data reads."""
        path = self.facts["alone"].get(what)
        return os.path.getsize(os.path.join(self.top, path)) if path else self.facts["data_once" if what == "tar" else "data"]

    def bytes_of_files(self, paths):
        return sum(os.path.getsize(os.path.join(self.top, path)) for path in paths)

    def layers_of(self, what):
        """The layers that those bytes lie in."""
        only = self.facts["layers"].get(what)
        return list(range(len(self.layout.layers))) if only is None else [only]


def head(args, bench, contenders):
    packed, decoded = sum(layer["size"] for layer in bench.layout.layers), sum(bench.decoded_sizes)
    command = shlex.join([os.path.relpath(sys.argv[0], common.ROOT)] + sys.argv[1:])
    lines = ["`%s`" % command if args.markdown else "# %s" % command, "",
             "- %s; %s, %d rounds" % (common.machine(), datetime.date.today().isoformat(), args.rounds),
             "- image: %d layers, %.2f GB compressed, %.2f GB decoded; tree: %d names, %.2f GB in files" % (
                 len(bench.layout.layers), packed / 1e9, decoded / 1e9, bench.facts["names"], bench.facts["data"] / 1e9)]
    lines += ["- %s: %s in the first %s only" % (fs.name, group, "round" if n == 1 else "%d rounds" % n)
              for fs in contenders for group, n in fs.slow.items() if n < args.rounds and group in args.measures]
    return lines + ["- %s: %s" % (fs.name, fs.version()) for fs in contenders if not fs.missing() and fs.version()]


def choose(args, bench):
    every = filesystems.every(bench, args.o2r, shlex.split(args.o2r_options))
    if args.only:
        every = [fs for fs in every if any(fs.name.startswith(w) for w in args.only.split(","))]
    return every


def measured(args, bench):
    contenders = choose(args, bench)
    rounds = Rounds(bench, contenders)
    rounds.prepare()
    results = rounds.run(args.rounds, [g for g in GROUPS if g in args.measures])
    print(Report(bench, results, contenders, args.markdown).text(head(args, bench, contenders)), flush=True)
    if args.json:
        rows = [dict(row=row, measure=what, samples=samples) for (row, what), samples in results.samples.items()]
        failed = [dict(row=row, group=group, why=why) for (row, group), why in results.failed.items()]
        with open(args.json, "w") as f:
            json.dump({"facts": bench.facts, "rows": rows, "failed": failed}, f, indent=1)
    return rounds


def main():
    args = arguments()
    args.o2r = common.find_o2r(args.o2r)
    common.take_signals()
    mounts.adopt()
    layout = common.find_layout(args)
    if args.out:
        os.makedirs(args.out, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="o2r-bench.", dir=args.out or common.TMP) as work, contextlib.ExitStack() as last:
        bench = Bench(args, layout, os.path.realpath(work))
        last.callback(mounts.end, bench.where)
        bench.prepare()
        return 1 if measured(args, bench).interrupted else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
