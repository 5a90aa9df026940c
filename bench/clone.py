#!/usr/bin/env python3
"""Time the snapshot of an unpacked store of large files where blocks can be shared (XFS, btrfs) and where not, and print a table.

On sparse files below --out stand loop-mounted filesystems: two XFS and two btrfs, one ext4. One of each kind has the same store, a
directory of the overlay driver with two layers. Rows: the snapshot onto the store's own filesystem, whose blocks it then takes
("cloned"); onto the other one of the same kind, where it has to copy; the same on ext4, which shares nothing; and mke2fs -d of the
merged tree (a kernel overlay mount) onto the store's filesystem. Every round runs each once, in turn; outputs are deleted and the
filesystems are synced before each run. The store is in the page cache. "On disk" is the wall time and that of a sync of the
filesystem after it, which mke2fs does itself; new space is what statvfs tells then. Needs root, tests/tools/install-deps.sh bench,
and disk for the store six times over.
"""
import contextlib
import datetime
import json
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import common
import measure
import mounts
import programs
from bench import fsck
from tables import pair, ratio, show
from turns import note_missing, take_turns

MIB = 1 << 20
KINDS = {"XFS": ["mkfs.xfs", "-q", "-f", "-m", "reflink=1"], "btrfs": ["mkfs.btrfs", "-q", "-f"], "ext4": ["mkfs.ext4", "-q", "-F"]}
SPARE = 600 * MIB       # what a filesystem of any kind needs for itself, and the smallest that mkfs.xfs makes is 300 MiB


# ---- the store

def sizes(count, mib):
    """Of so many large files, one, two or four parts each, together mib MiB; hardly any ends with a block."""
    parts = [1 << i % 3 for i in range(count)]
    unit = mib * MIB // max(1, sum(parts))
    return [p * unit + i * 37 for i, p in enumerate(parts)]


def write_large(path, size, pool, at):
    """Bytes that do not compress, nowhere the same."""
    with open(path, "wb") as f:
        while size > 0:
            piece = pool[at % MIB:][:size]
            f.write(piece)
            size -= len(piece)
            at += 4099


def make_store(root, args):
    """Two layers of the overlay driver: small files below, large ones above. Returns the bytes of data and the upper layer's directory."""
    rnd = random.Random(20261130)
    pool, total = rnd.randbytes(9 * MIB), 0
    low, top = (os.path.join(root, "overlay", name) for name in ("low", "top"))
    os.makedirs(os.path.join(root, "overlay", "l"))
    for layer, short in ((low, "LOW"), (top, "TOP")):
        os.makedirs(os.path.join(layer, "diff"))
        os.symlink("../%s/diff" % os.path.basename(layer), os.path.join(root, "overlay", "l", short))
        with open(os.path.join(layer, "link"), "w") as f:
            f.write(short)
    with open(os.path.join(top, "lower"), "w") as f:
        f.write("l/LOW")
    for i in range(args.small):
        folder = os.path.join(low, "diff", "small", "%02d" % (i % 50))
        os.makedirs(folder, exist_ok=True)
        data = rnd.randbytes(rnd.randrange(20_000))
        total += len(data)
        with open(os.path.join(folder, str(i)), "wb") as f:
            f.write(data)
    os.makedirs(os.path.join(top, "diff", "large"))
    for i, size in enumerate(sizes(args.large, args.mib)):
        write_large(os.path.join(top, "diff", "large", str(i)), size, pool, i * 65_537)
        total += size
    return total, top


# ---- filesystems

class Disk:
    """A filesystem on a sparse file, mounted until `last` ends."""

    def __init__(self, job, kind, name, size, last):
        self.path, image = job.path(name), job.path(name + ".disk")
        os.mkdir(self.path)
        with open(image, "wb") as f:
            f.truncate(size)
        measure.run(KINDS[kind] + [image], timeout=job.timeout)
        last.enter_context(mounts.Mounted(["mount", "-o", "loop", image, self.path], self.path))

    def sync(self):
        """Seconds that it takes."""
        start = time.perf_counter()
        subprocess.run(["sync", "-f", self.path], check=True)
        return time.perf_counter() - start

    def used(self):
        st = os.statvfs(self.path)
        return (st.f_blocks - st.f_bfree) * st.f_frsize


class Kind:
    """A kind of filesystem: one with the store, its merged tree, and where it can share blocks another one beside it."""

    def __init__(self, job, name, args):
        self.name, self.job = name, job
        self.lacks = programs.lacking(KINDS[name][0])
        self.own = self.other = self.store = self.merged = None
        if not self.lacks:
            try:
                self.make(args)
            except measure.Failed as e:
                self.lacks = str(e)

    def make(self, args):
        job, name = self.job, self.name
        size = args.mib * MIB + args.small * 24_000
        self.own = Disk(job, name, name, size * 5 // 2 + SPARE, job.last)
        job.data, self.store = make_store(os.path.join(self.own.path, "store"), args)
        if name != "ext4":
            self.other = Disk(job, name, name + "-other", size * 5 // 4 + SPARE, job.last)
        self.merged = job.path(name + "-merged")
        os.mkdir(self.merged)
        lower = os.path.join(self.own.path, "store", "overlay", "l")
        job.last.enter_context(mounts.Mounted(["mount", "-t", "overlay", "-o", "ro,lowerdir=%s/TOP:%s/LOW" % (lower, lower), "overlay", self.merged], self.merged))


class Job:
    """What the programs share."""

    def __init__(self, work, timeout, last):
        self.work, self.timeout, self.last, self.data = work, timeout, last, 0
        self.rows = {}              # name -> [{"wall", "cpu", "disk", "space"}]
        self.remarks = {}

    def path(self, name):
        return os.path.join(self.work, name)

    def note(self, name, cost):
        """programs.Umoci tells its parts: there are none."""


# ---- programs

class Writer(programs.Program):
    def __init__(self, job, kind, how, disk):
        super().__init__(job)
        self.kind, self.name, self.disk = kind, "%s, %s" % (kind.name, how), disk
        self.image = os.path.join(disk.path, "x.ext4") if disk else None

    def missing(self):
        return self.kind.lacks


class O2r(Writer):
    def __init__(self, job, kind, how, disk, binary, extra):
        super().__init__(job, kind, how, disk)
        self.binary, self.extra = binary, extra

    def missing(self):
        return super().missing() or (None if self.binary else "no binary (--o2r PATH)")

    def version(self):
        return programs.first_line([self.binary, "--version"])

    def run(self):
        return measure.run([self.binary, "snapshot", "overlay:" + self.kind.store, "-o", self.image, "--cache", self.job.path("cache"), "-q", *self.extra],
                           timeout=self.job.timeout)


class Mke2fs(Writer):
    """Its size and number of inodes are counted once, not timed: the user has to guess them."""

    guess = None

    def missing(self):
        return super().missing() or programs.lacking("mke2fs")

    def version(self):
        return programs.first_line(["mke2fs", "-V"])

    def run(self):
        if not self.guess:
            entries, blocks = programs.Umoci(self.job).measure_tree(self.kind.merged)
            self.guess = (entries + entries // 10 + 1000, blocks + blocks // 20 + entries // 12 + 8192)
        inodes, blocks = self.guess
        return measure.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-N", str(inodes), "-d", self.kind.merged,
                            self.image, str(blocks)], timeout=self.job.timeout)


def choose(args, job):
    binary, more = common.find_o2r(args.o2r), shlex.split(args.o2r_options)
    every = []
    for name in KINDS:
        if args.only and not any(name.lower() == w.lower() for w in args.only.split(",")):
            continue
        kind = Kind(job, name, args)
        if name != "ext4":
            every += [O2r(job, kind, "o2r cloned", kind.own, binary, more), O2r(job, kind, "o2r copied", kind.other, binary, more)]
        else:
            every.append(O2r(job, kind, "o2r copied", kind.own, binary, more))
        every.append(Mke2fs(job, kind, "mke2fs -d", kind.own))
    note_missing(job, every)
    return every


# ---- rounds

def one(job, program, number):
    program.disk.sync()
    before = program.disk.used()
    cost = program.run()
    disk = cost.wall + program.disk.sync()
    row = {"wall": cost.wall, "cpu": cost.cpu, "disk": disk, "space": program.disk.used() - before}
    job.rows.setdefault(program.name, []).append(row)
    print("%.2f s, %.1f MB" % (cost.wall, row["space"] / 1e6), file=sys.stderr)
    if number == 1 and shutil.which("e2fsck"):
        job.remarks[program.name] = "e2fsck: " + fsck(program.image)


def low_mid(job, name, field):
    values = [row[field] for row in job.rows.get(name, ())]
    return (min(values), statistics.median(values)) if values else None


def report(args, job, every):
    command = shlex.join([os.path.relpath(sys.argv[0], common.ROOT)] + sys.argv[1:])
    done = min((len(rows) for rows in job.rows.values()), default=0)
    lines = ["`%s`" % command if args.markdown else "# %s" % command, "",
             "- %s; %s, %d of %d rounds" % (common.machine(), datetime.date.today().isoformat(), done, args.rounds),
             "- store: %d large and %d small files, %.1f MB" % (args.large, args.small, job.data / 1e6)]
    for version in dict.fromkeys(p.version() for p in every if not p.missing()):
        lines.append("- " + version)
    rows = [["filesystem, program", "wall s, min / median", "CPU s", "on disk s", "new space MB", "on disk / o2r copied", "remarks"]]
    for p in every:
        copied = low_mid(job, p.kind.name + ", o2r copied", "disk")
        cells = [pair(low_mid(job, p.name, field), form="%.3f") for field in ("wall", "cpu", "disk")]
        rows.append([p.name, *cells, pair(low_mid(job, p.name, "space"), 1e6, "%.1f"), ratio(low_mid(job, p.name, "disk"), copied),
                     job.remarks.get(p.name, "-")])
    return lines + [""] + show(rows, args.markdown) + ["", "MB are 10^6 bytes."]


def arguments():
    p = common.arguments(__doc__, image=False)
    p.add_argument("--only", metavar="KINDS", help="of %s, comma separated" % ", ".join(KINDS))
    p.add_argument("--large", type=int, default=28, help="large files (default: %(default)s)")
    p.add_argument("--mib", type=int, default=1024, help="MiB that they have together (default: %(default)s)")
    p.add_argument("--small", type=int, default=2000, help="files below 20 kB (default: %(default)s)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--o2r-options", metavar="OPTIONS", default="", help='more options for o2r snapshot, as "-j 1"')
    p.add_argument("--timeout", type=float, default=900, help="seconds for one run; one late run is the last one")
    p.add_argument("--markdown", action="store_true", help="tables as in docs/performance.md")
    p.add_argument("--json", metavar="FILE", help="also write every single measurement there")
    return p.parse_args()


def main():
    args = arguments()
    if os.geteuid() != 0:
        sys.exit("bench: filesystems are mounted by root")
    common.take_signals()
    mounts.adopt()
    if args.out:
        os.makedirs(args.out, exist_ok=True)
    interrupted, every = False, []
    with tempfile.TemporaryDirectory(prefix="o2r-bench.", dir=args.out or common.TMP) as work:
        job = Job(os.path.realpath(work), args.timeout, contextlib.ExitStack())
        try:
            every = choose(args, job)
            take_turns(job, every, args.rounds, one)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            common.ignore_signals()
            mounts.kill_children()
            job.last.close()
        print("\n".join(report(args, job, every)), flush=True)
        if args.json:
            with open(args.json, "w") as f:
                json.dump(job.rows, f, indent=1)
    return 1 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
