#!/usr/bin/env python3
"""Time o2r against its peers and against the floor on one image, interleaved, and print a Markdown table.

Every round runs each program once, in turn; outputs are deleted and the disk is synced before each run; the layers are
in the page cache. umoci unpack needs root. oci2rootfs is installed with cargo where cargo is, else left out. The floor
decodes every layer to nowhere (igzip, zstd) and takes SHA-256 of each blob and of each decoded layer (openssl), on all
cores; its second part copies the image. Needs tests/tools/install-deps.sh bench, and disk for four images and the
decoded layers.
"""
import datetime
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

import common
import measure
import programs


def arguments():
    p = common.arguments(__doc__)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--o2r-options", metavar="OPTIONS", default="", help='more options for o2r snapshot, as "-j 1"')
    p.add_argument("--timeout", type=float, default=900, help="seconds for one run; one late run is the last one")
    p.add_argument("--json", metavar="FILE", help="also write every single measurement there")
    return p.parse_args()


class Job:
    """What all programs share in one benchmark."""

    def __init__(self, layout, work, timeout):
        self.layout, self.work, self.timeout = layout, work, timeout
        self.cores = len(os.sched_getaffinity(0))
        self.last = {}  # this round: name -> Cost
        self.rows = {}  # all rounds: name -> [Cost]
        self.decoded, self.decoded_sizes = [], []

    def note(self, name, cost):
        self.last[name] = cost
        self.rows.setdefault(name, []).append(cost)

    def prepare(self):
        self.layout.warm()
        for i, layer in enumerate(self.layout.layers):
            path = os.path.join(self.work, "layer%d.tar" % i)
            measure.run(self.layout.decode_command(layer), stdout=path)
            self.decoded.append(path)
            self.decoded_sizes.append(os.path.getsize(path))


def fsck(image):
    done = subprocess.run(["e2fsck", "-fn", image], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return "clean" if done.returncode == 0 else "errors (exit %d)" % done.returncode


def rounds(job, contenders, count):
    """Run everything; name -> result of e2fsck or why the program was given up."""
    remarks = {}
    for number in range(1, count + 1):
        job.last = {}
        for program in contenders:
            if remarks.get(program.name, "").startswith("failed"):
                continue
            program.clean()
            os.sync()
            print("round %d/%d: %s" % (number, count, program.name), file=sys.stderr, end=" ", flush=True)
            try:
                cost = program.run()
            except measure.Failed as e:
                remarks[program.name] = "failed: %s" % e
                print(e, file=sys.stderr)
                continue
            job.note(program.name, cost)
            print("%.2f s" % cost.wall, file=sys.stderr)
            if number == 1 and program.image and program.judged and shutil.which("e2fsck"):
                remarks[program.name] = fsck(program.image)
        for program in contenders:
            program.clean()
    return remarks


def head(args, job, contenders, left_out):
    fs = subprocess.run(["stat", "-f", "-c", "%T", job.work], capture_output=True, text=True, check=False).stdout.strip()
    packed = sum(layer["size"] for layer in job.layout.layers)
    command = shlex.join([os.path.relpath(sys.argv[0], common.ROOT)] + sys.argv[1:])
    lines = ["# o2r bench: %s" % (args.layout or args.image), "",
             "- command: `%s`" % command,
             "- machine: %s; outputs on %s" % (common.machine(), fs),
             "- date: %s, %d rounds" % (datetime.date.today().isoformat(), args.rounds),
             "- image: %d layers, %.2f GB compressed, %.2f GB decoded" % (
                 len(job.layout.layers), packed / 1e9, sum(job.decoded_sizes) / 1e9)]
    lines += ["- %s: %s" % (p.name, p.version()) for p in contenders if p.version()]
    lines += ["- left out: %s (%s)" % (name, why) for name, why in left_out]
    return lines


def table(job, contenders, remarks):
    def median(name, field="wall"):
        return statistics.median(getattr(c, field) for c in job.rows[name]) if name in job.rows else None

    ours, floor = median(programs.O2r.name), median(programs.FloorSum.name) or median(programs.Floor.name)
    lines = ["| program | wall s, min / median | CPU s, min / median | peak MB, min / median | wall / o2r | wall / floor "
             "| e2fsck -fn |", "|---|---|---|---|---|---|---|"]
    names = [p.name for p in contenders]
    for name in names + [n for n in job.rows if n not in names]:
        cells = ["-"] * 5
        if name in job.rows:
            for i, (field, unit, form) in enumerate([("wall", 1, "%.2f"), ("cpu", 1, "%.2f"), ("rss", 1e6, "%.0f")]):
                low = min(getattr(c, field) for c in job.rows[name])
                cells[i] = " / ".join(form % (v / unit) for v in (low, median(name, field)))
            cells[3:] = ["%.2f" % (median(name) / base) if base else "-" for base in (ours, floor)]
        lines.append("| %s | %s | %s |" % (name, " | ".join(cells), remarks.get(name, "-")))
    lines += ["", "Ratios are of medians; the floor is both parts of it where both ran. MB are 10^6 bytes; where several "
              "processes run,", "the peak is the largest one's."]
    return lines


def choose(args, job):
    writers = [programs.O2r(job, common.find_o2r(args.o2r), shlex.split(args.o2r_options)), programs.Umoci(job),
               programs.Oci2rootfs(job, args.peers)]
    every = writers + [programs.Floor(job), programs.Copy(job, writers), programs.FloorSum(job)]
    if args.only:
        wanted = args.only.split(",")
        every = [p for p in every if any(p.name.startswith(w) for w in wanted)]
    reasons = [(p.name, p.missing()) for p in every]
    return [p for p, (_, why) in zip(every, reasons) if not why], [(name, why) for name, why in reasons if why]


def main():
    args = arguments()
    layout = common.find_layout(args)
    if args.out:
        os.makedirs(args.out, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="o2r-bench.", dir=args.out or common.TMP) as work:
        job = Job(layout, work, args.timeout)
        contenders, left_out = choose(args, job)
        job.prepare()
        remarks = rounds(job, contenders, args.rounds)
        print("\n".join(head(args, job, contenders, left_out) + [""] + table(job, contenders, remarks)))
        if args.json:
            with open(args.json, "w") as f:
                json.dump({name: [vars(c) for c in costs] for name, costs in job.rows.items()}, f, indent=1)


if __name__ == "__main__":
    main()
