"""The measurements of bench/view.py: groups of them, each run for every filesystem in turn, round by round.

Cold: dentries and inodes are dropped, and the filesystem is mounted afresh; what it is made from (layers, unpacked files,
images) stays in the page cache. Warm: the same command again.
"""
import json
import os
import sys
import time

import measure
import mounts
import programs
from measure import Failed

RANDOM_READS = 2000
SECOND_MOUNTS = 3


def shell(text, *args):
    """A pipeline that fails when any part of it fails."""
    return ["bash", "-c", "set -o pipefail; " + text, "bash"] + list(args)


class Results:
    """(row, measure) -> samples, a sample is {"wall", "cpu", "server", ...}; and what failed, with the reason."""

    def __init__(self):
        self.samples, self.failed, self.facts, self.remarks = {}, {}, {}, []

    def note(self, row, what, wall, cpu=None, server=None, **more):
        self.samples.setdefault((row, what), []).append(dict(wall=wall, cpu=cpu, server=server, **more))

    def values(self, row, what, field="wall"):
        return [s[field] for s in self.samples.get((row, what), []) if s.get(field) is not None]


class Rounds:
    def __init__(self, bench, filesystems):
        self.bench, self.all, self.results, self.interrupted = bench, filesystems, Results(), False
        self.where = bench.where

    # ---- one command on one mounted filesystem

    def client(self, fs, mounted, what, argv, stdout=None):
        cost, server = mounted.run(argv, stdout=stdout, timeout=self.bench.timeout)
        self.results.note(fs.name, what, cost.wall, cost.cpu, server if mounted.servers else None)
        self.say("%.3f" % cost.wall)

    def fresh(self, fs):
        mounts.drop_metadata()
        return fs.mount(self.where)

    # ---- the groups

    def mount(self, fs):
        fs.forget()
        with fs.mount(self.where) as m:
            self.results.note(fs.name, "first mount", m.cost.wall, m.cost.cpu, rss=m.cost.rss)
            self.say("%.3f" % m.cost.wall)
        for _ in range(SECOND_MOUNTS):
            with fs.mount(self.where) as m:
                self.results.note(fs.name, "second mount", m.cost.wall, m.cost.cpu, rss=m.cost.rss, anonymous=m.memory("RssAnon"))
                self.say("%.3f" % m.cost.wall)

    def find(self, fs):
        argv = ["find", self.where]
        if not fs.strict:
            argv = shell('find "$@" 2>/dev/null || true', self.where)
        with self.fresh(fs) as m:
            self.client(fs, m, "find cold", argv)
            for _ in range(2):
                self.client(fs, m, "find warm", argv)
            if (fs.name, "names") not in self.results.facts:
                out = os.path.join(self.bench.work, "names")
                m.run(argv + ["-printf", "."], stdout=out, timeout=self.bench.timeout)
                self.results.facts[fs.name, "names"] = os.path.getsize(out)
                if not fs.strict:
                    self.complaint(fs, m)

    def complaint(self, fs, mounted):
        """What find says, for the remarks, where its errors are let pass."""
        try:
            mounted.run(["find", self.where], timeout=self.bench.timeout)
        except Failed as e:
            self.results.remarks.append("%s: find ends with %s" % (fs.name, e))

    def ls(self, fs):
        argv = ["ls", "-lR", self.where]
        with self.fresh(fs) as m:
            self.client(fs, m, "ls -lR cold", argv)
            for _ in range(2):
                self.client(fs, m, "ls -lR warm", argv)
            self.memory(fs, m, "after ls -lR")

    def everything(self, fs):
        with self.fresh(fs) as m:
            self.client(fs, m, "tar", shell('tar -C "$1" -cf - . | cat >/dev/null', self.where))
            self.memory(fs, m, "after tar")
        with self.fresh(fs) as m:
            self.client(fs, m, "cat", shell('find "$1" -type f -print0 | xargs -0 cat >/dev/null', self.where))

    def alone(self, fs):
        for label, path in self.bench.facts["alone"].items():
            with self.fresh(fs) as m:
                self.client(fs, m, label, ["dd", "if=" + os.path.join(self.where, path), "of=/dev/null", "bs=1M", "status=none"])

    def random(self, fs):
        out = os.path.join(self.bench.work, "fio.json")
        for label, paths in self.bench.facts["random"].items():
            names = ":".join(os.path.join(self.where, path) for path in paths)
            argv = ["fio", "--name=random", "--readonly", "--filename=" + names, "--file_service_type=random", "--rw=randread", "--bs=4k",
                    "--ioengine=psync", "--number_ios=%d" % RANDOM_READS, "--allow_file_create=0", "--output-format=json"]
            with self.fresh(fs) as m:
                cost, server = m.run(argv, stdout=out, timeout=self.bench.timeout)
            with open(out) as f:
                read = json.load(f)["jobs"][0]["read"]["clat_ns"]
            self.results.note(fs.name, "random " + label, read["mean"] / 1e9, cost.cpu, server if m.servers else None,
                              p99=read["percentile"]["99.000000"] / 1e9, reads=read["N"])
            self.say("%.3f ms" % (read["mean"] / 1e6))

    def memory(self, fs, mounted, when):
        anonymous = mounted.memory("RssAnon")
        if anonymous is not None:
            self.results.note(fs.name, "memory " + when, 0, anonymous=anonymous, peak=mounted.memory("VmHWM"))

    # ---- what is compared with

    def decoder(self):
        """Each layer to nowhere, one after the other on one core; all of them on all cores."""
        layers, commands = self.bench.layout.layers, []
        for i, layer in enumerate(layers):
            commands.append((-self.bench.decoded_sizes[i], self.bench.layout.decode_command(layer)))
            cost = measure.run(commands[-1][1], timeout=self.bench.timeout)
            self.results.note("decoder", "layer %d" % i, cost.wall, cost.cpu, speed=self.bench.decoded_sizes[i] / cost.wall)
        cost = measure.run_all([argv for _, argv in sorted(commands)], self.bench.cores, timeout=self.bench.timeout)
        self.results.note("decoder", "all cores", cost.wall, cost.cpu)
        self.say("decode on all cores %.3f" % cost.wall)

    def floor(self):
        cost = programs.Floor(self.bench).run()
        self.results.note("floor", "first mount", cost.wall, cost.cpu)
        self.say("decode + digests %.3f" % cost.wall)

    def snapshot(self, o2r):
        o2r.forget()
        copy = os.path.join(self.bench.work, "copy.ext4")
        for what in ("snapshot first", "snapshot second"):
            os.sync()
            cost = o2r.snapshot()
            self.results.note(o2r.name, what, cost.wall, cost.cpu, rss=cost.rss)
            self.say("%.3f" % cost.wall)
        try:
            os.sync()
            cost = measure.run(["cp", "--sparse=always", "--reflink=never", o2r.image, copy], timeout=self.bench.timeout)
            self.results.note("floor", "copy", cost.wall, cost.cpu)
        finally:
            for path in (o2r.image, copy):
                if os.path.exists(path):
                    os.unlink(path)

    # ---- all of it

    def say(self, text):
        print(text, end=" ", file=sys.stderr, flush=True)

    def attempt(self, row, group, run, *args):
        """One failure of a group is its last run: the table says so."""
        if (row, group) in self.results.failed:
            return
        print("%6.1f s  round %d  %s: %s:" % (time.monotonic() - self.began, self.number, group, row), end=" ", file=sys.stderr, flush=True)
        try:
            run(*args)
        except (Failed, OSError, ValueError, KeyError) as e:
            self.results.failed[row, group] = str(e) or repr(e)
            self.say("failed: %s" % e)
        print(file=sys.stderr)

    def prepare(self):
        """Ask each whether it can take part, and let it make what it needs."""
        self.began, self.number = time.monotonic(), 0
        for fs in self.all:
            why = fs.missing()
            for group in fs.measures if why else ():
                self.results.failed[fs.name, group] = "missing: " + why
            if not why:
                self.attempt(fs.name, "prepare", fs.prepare)
            if (fs.name, "prepare") in self.results.failed:
                for group in fs.measures:
                    self.results.failed[fs.name, group] = "not prepared: " + self.results.failed[fs.name, "prepare"]

    def run(self, count, groups):
        """What was measured, also when that was interrupted."""
        try:
            self.go_round(count, groups)
        except KeyboardInterrupt:
            self.interrupted = True
            self.results.remarks.append("interrupted in round %d of %d: what was not measured by then is -" % (self.number, count))
            print("interrupted", file=sys.stderr)
        return self.results

    def go_round(self, count, groups):
        for self.number in range(1, count + 1):
            if self.bench.baselines:
                self.attempt("decoder", "decoder", self.decoder)
                self.attempt("floor", "floor", self.floor)
            turn = self.number % len(self.all)
            for group in groups:
                for fs in self.all[turn:] + self.all[:turn]:
                    if group in fs.measures and self.number <= fs.slow.get(group, count):
                        self.attempt(fs.name, group, getattr(self, group), fs)

