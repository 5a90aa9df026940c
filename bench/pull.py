#!/usr/bin/env python3
"""Time pulls from docker-registry on loopback: o2r beside skopeo, and beside skopeo + umoci + mke2fs -d, and print a table.

Every round runs each program once, in turn, with an empty cache folder; outputs are deleted and the disk is synced before each run;
what the registry serves is in the page cache. Rows of o2r: `pull` (blobs into the store), `index` (the first index of an image whose
blobs are there: snapshot --dry-run --offline), both in one run (snapshot --dry-run of the name: what arrives is indexed while it
arrives), the whole snapshot of the name, and that of the layout, for which nothing is fetched. The server takes part of the same
cores: its CPU time has a column. Interrupted, it prints what it has. Needs tests/tools/install-deps.sh bench, root for umoci unpack
and the real image, and disk for the image five times over.
"""
import contextlib
import datetime
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile

import common
import measure
import programs
from bench import fsck
from layout import Layout
from registry import Registry
from tables import pair, ratio, show
from turns import note_missing, take_turns


class Job:
    """What the programs share."""

    def __init__(self, layout, work, timeout):
        self.source, self.work, self.timeout = layout, work, timeout
        self.layout = None          # that skopeo copied, for umoci
        self.rows = {}              # name -> [{"cost": Cost, "server": seconds}]
        self.remarks = {}
        self.reference = self.registry = None

    def note(self, name, cost):
        """programs.Umoci tells its parts: they are not of interest here."""


class Program(programs.Program):
    def path(self, name):
        return os.path.join(self.job.work, name)

    def missing(self):
        return programs.lacking("docker-registry", "skopeo")


class O2r(Program):
    """One way to call it. before: one more call that is not timed, after which the kept indexes are dropped."""

    def __init__(self, job, binary, name, args, output=False, before=None):
        super().__init__(job)
        self.binary, self.name, self.args, self.before = binary, name, args, before
        self.cache = self.path("cache")
        self.image = self.path("o2r.ext4") if output else None

    def missing(self):
        return super().missing() or (None if self.binary else "no binary (--o2r PATH)")

    def version(self):
        return programs.first_line([self.binary, "--version"])

    def clean(self):
        super().clean()
        shutil.rmtree(self.cache, ignore_errors=True)

    def call(self, args):
        return [self.binary, *[a.replace("REF", self.job.reference) for a in args], "--cache", self.cache, "-q"]

    def prepare(self):
        if self.before:
            measure.run(self.call(self.before), timeout=self.job.timeout)
            shutil.rmtree(os.path.join(self.cache, "index"), ignore_errors=True)

    def run(self):
        return measure.run(self.call(self.args) + (["-o", self.image] if self.image else []), timeout=self.job.timeout)


class Skopeo(Program):
    name = "skopeo copy"

    def __init__(self, job):
        super().__init__(job)
        self.out = self.path("skopeo")

    def version(self):
        return programs.first_line(["skopeo", "--version"])

    def prepare(self):
        pass

    def clean(self):
        shutil.rmtree(self.out, ignore_errors=True)

    def run(self):
        return measure.run(["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", "docker://" + self.job.reference,
                            "oci:%s:latest" % self.out], timeout=self.job.timeout)


class SkopeoUmoci(Skopeo):
    name = "skopeo + umoci + mke2fs -d"

    def __init__(self, job):
        super().__init__(job)
        self.umoci = programs.Umoci(job)
        self.image = self.umoci.image

    def missing(self):
        return super().missing() or self.umoci.missing()

    def version(self):
        return self.umoci.version()

    def clean(self):
        super().clean()
        self.umoci.clean()

    def run(self):
        cost = super().run()
        self.job.layout = Layout(self.out, "latest")
        return cost.then(self.umoci.run())


def arguments():
    p = common.arguments(__doc__)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--o2r-options", metavar="OPTIONS", default="", help='more options for every o2r that pulls, as "--parallel 8"')
    p.add_argument("--timeout", type=float, default=900, help="seconds for one run; one late run is the last one")
    p.add_argument("--markdown", action="store_true", help="tables as in docs/performance.md")
    p.add_argument("--json", metavar="FILE", help="also write every single measurement there")
    return p.parse_args()


PULL, INDEX, BOTH, SNAPSHOT, LOCAL = ("o2r pull", "o2r index", "o2r pull + index", "o2r snapshot NAME", "o2r snapshot LAYOUT")


def choose(args, job):
    binary, more = common.find_o2r(args.o2r), shlex.split(args.o2r_options)
    local = "oci:%s:%s" % (job.source.path, job.source.tag)
    every = [O2r(job, binary, PULL, ["pull", "REF", *more]),
             O2r(job, binary, INDEX, ["snapshot", "--dry-run", "--offline", "REF"], before=["pull", "REF", *more]),
             O2r(job, binary, BOTH, ["snapshot", "--dry-run", "REF", *more]), O2r(job, binary, SNAPSHOT, ["snapshot", "REF", *more], output=True),
             O2r(job, binary, LOCAL, ["snapshot", local], output=True), Skopeo(job), SkopeoUmoci(job)]
    if args.only:
        every = [p for p in every if any(p.name.startswith(w) for w in args.only.split(","))]
    note_missing(job, every)
    return every


def one(job, program, number):
    program.prepare()
    os.sync()
    before = job.registry.cpu()
    cost = program.run()
    job.rows.setdefault(program.name, []).append({"cost": cost, "server": job.registry.cpu() - before})
    print("%.2f s" % cost.wall, file=sys.stderr)
    if number == 1 and program.image and shutil.which("e2fsck"):
        job.remarks[program.name] = "e2fsck: " + fsck(program.image)


def low_mid(job, name, field):
    values = [row["server"] if field == "server" else getattr(row["cost"], field) for row in job.rows.get(name, ())]
    return (min(values), statistics.median(values)) if values else None


def longer(job):
    """The longer of pull and index alone, by minima and by medians."""
    alone = [low_mid(job, name, "wall") for name in (PULL, INDEX)]
    return tuple(map(max, zip(*alone))) if all(alone) else None


def report(args, job, contenders):
    packed = sum(layer["size"] for layer in job.source.layers)
    command = shlex.join([os.path.relpath(sys.argv[0], common.ROOT)] + sys.argv[1:])
    done = min((len(rows) for rows in job.rows.values()), default=0)
    lines = ["`%s`" % command if args.markdown else "# %s" % command, "",
             "- %s; %s, %d of %d rounds" % (common.machine(), datetime.date.today().isoformat(), done, args.rounds),
             "- image: %d layers, %.2f GB compressed, from %s" % (len(job.source.layers), packed / 1e9, programs.first_line(["docker-registry", "--version"]))]
    for version in dict.fromkeys(p.version() for p in contenders if not p.missing()):
        lines.append("- " + version)
    mine = low_mid(job, SNAPSHOT, "wall")
    rows = [["program", "wall s, min / median", "CPU s", "server's CPU s", "peak MB", "MB/s", "wall / " + SNAPSHOT, "remarks"]]
    for p in contenders:
        wall = low_mid(job, p.name, "wall")
        speed = pair([packed / w for w in wall], 1e6, "%.0f") if wall else "-"
        rows.append([p.name, pair(wall), pair(low_mid(job, p.name, "cpu")), pair(low_mid(job, p.name, "server")), pair(low_mid(job, p.name, "rss"), 1e6, "%.0f"),
                     speed, ratio(wall, mine), job.remarks.get(p.name, "-")])
    budget = ratio(low_mid(job, BOTH, "wall"), longer(job))
    return lines + [""] + show(rows, args.markdown) + [
        "", "%s beside the longer of the two alone: %s (at most 1.2)." % (BOTH, budget), "",
        "MB are 10^6 bytes, MB/s those of the compressed layers; the peak is that of the largest process."]


def main():
    args = arguments()
    common.take_signals()
    layout = common.find_layout(args)
    if args.out:
        os.makedirs(args.out, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="o2r-bench.", dir=args.out or common.TMP) as work, contextlib.ExitStack() as last:
        job = Job(layout, os.path.realpath(work), args.timeout)
        contenders = choose(args, job)
        interrupted = False
        try:
            if not programs.lacking("docker-registry", "skopeo"):
                job.registry = last.enter_context(Registry(os.path.join(job.work, "registry")))
                job.reference = job.registry.push(layout)
                take_turns(job, contenders, args.rounds, one)
        except KeyboardInterrupt:
            interrupted = True
        print("\n".join(report(args, job, contenders)), flush=True)
        if args.json:
            with open(args.json, "w") as f:
                json.dump({name: [{**vars(row["cost"]), "server": row["server"]} for row in rows] for name, rows in job.rows.items()}, f, indent=1)
        return 1 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
