#!/usr/bin/env python3
"""Run a command in a memory cgroup of its own and say how much memory it took.

usage: cgroup-run.py MAXBYTES COMMAND [ARGUMENT...]

MAXBYTES is a number of bytes, with K, M or G (powers of 1024) allowed; 0 sets no limit and only measures.
One line goes to stderr:
  cgroup-run: method=cgroup1 limit=... peak=... anon=... rss=... oom=0
peak: the highest use the kernel counted, page cache included (the cache gives way at the limit, so this may sit at the
      limit without harm); anon: the highest anonymous memory seen in samples of 5 ms; rss: the largest resident set
      of one process (wait4; not below this script's own 12 MB, which the kernel counts from before the exec);
      oom: processes killed by the limit. Values not known are '-'.
Where no cgroup can be made, method=rss: the limit is compared with rss after the command has ended.
The exit status is the command's (128 + N for signal N), or 125 when the limit was broken, or 2 for wrong usage.
"""
import os
import signal
import sys
import tempfile
import time

OVER = 125


def parse_size(text):
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper(), 1)
    return int(text if factor == 1 else text[:-1]) * factor


def own_cgroup(controller):
    """This process's path in a hierarchy: '' selects version 2."""
    with open("/proc/self/cgroup") as f:
        for line in f:
            _, names, path = line.rstrip("\n").split(":", 2)
            if controller in names.split(",") if controller else not names:
                return path
    return None


def mounts(fstype):
    with open("/proc/mounts") as f:
        for line in f:
            _, where, kind, options = line.split()[:4]
            if kind == fstype:
                yield where, options.split(",")


class Cgroup:
    """A fresh cgroup; subclasses name the files of their version."""

    method = None
    names = {}

    def __init__(self, parents):
        for parent in parents:
            try:
                self.dir = tempfile.mkdtemp(prefix="o2r-run.", dir=parent)
            except OSError:
                continue
            if os.path.exists(os.path.join(self.dir, self.names["limit"])):
                return
            os.rmdir(self.dir)
        raise OSError("no writable memory cgroup")

    def write(self, name, value):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(str(value))

    def read(self, name, key=None):
        try:
            with open(os.path.join(self.dir, name)) as f:
                if key is None:
                    return int(f.read())
                for line in f:
                    if line.split()[0] == key:
                        return int(line.split()[1])
        except (OSError, ValueError):
            pass
        return None

    def limit(self, size):
        self.write(self.names["limit"], size)
        try:
            self.write(self.names["swap"], size if self.method == "cgroup1" else 0)
        except OSError:
            pass  # no swap accounting: nothing to forbid

    def peak(self):
        return self.read(self.names["peak"])

    def anon(self):
        return self.read("memory.stat", self.names["anon"])

    def killed(self):
        return self.read(self.names["events"], "oom_kill") or 0

    def remove(self):
        for _ in range(200):
            try:
                os.rmdir(self.dir)
                return
            except OSError:
                time.sleep(0.01)


class Cgroup1(Cgroup):
    method = "cgroup1"
    names = {"limit": "memory.limit_in_bytes", "swap": "memory.memsw.limit_in_bytes", "anon": "total_rss",
             "peak": "memory.max_usage_in_bytes", "events": "memory.oom_control"}

    def __init__(self):
        path = own_cgroup("memory") or "/"
        roots = [where for where, options in mounts("cgroup") if "memory" in options]
        super().__init__([r + path for r in roots] + roots)


class Cgroup2(Cgroup):
    method = "cgroup2"
    names = {"limit": "memory.max", "swap": "memory.swap.max", "anon": "anon", "peak": "memory.peak",
             "events": "memory.events"}

    def __init__(self):
        path = own_cgroup("") or "/"
        roots = [where for where, _ in mounts("cgroup2")]
        super().__init__([os.path.dirname(r + path.rstrip("/")) for r in roots] + [r + path for r in roots] + roots)


def make_cgroup():
    for kind in (Cgroup1, Cgroup2):
        try:
            return kind()
        except OSError:
            pass
    return None


def start(command, group):
    """Fork; the child joins the group before it becomes the command."""
    pid = os.fork()
    if pid:
        return pid
    try:
        if group:
            group.write("cgroup.procs", os.getpid())
        os.execvp(command[0], command)
    except OSError as e:
        sys.stderr.write("cgroup-run: %s: %s\n" % (command[0], e.strerror))
    os._exit(127)


def wait(pid, group):
    """Wait for the child and sample its anonymous memory: status, peak RSS in bytes, highest sample."""
    top = None
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG if group else 0)
        if done:
            return status, usage.ru_maxrss * 1024, top
        sample = group.anon()
        if sample is not None:
            top = max(top or 0, sample)
        time.sleep(0.005)


def run(limit, command):
    group = make_cgroup()
    try:
        if group and limit:
            group.limit(limit)
        for sig in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sig, lambda n, _: os.kill(pid, n))
        pid = start(command, group)
        status, rss, anon = wait(pid, group)
        killed = group.killed() if group else 0
        peak = group.peak() if group else None
    finally:
        if group:
            group.remove()
    show = [("method", group.method if group else "rss"), ("limit", limit or None), ("peak", peak), ("anon", anon),
            ("rss", rss), ("oom", killed)]
    sys.stderr.write("cgroup-run: %s\n" % " ".join("%s=%s" % (k, "-" if v is None else v) for k, v in show))
    if killed or (limit and not group and rss > limit):
        return OVER
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main(argv):
    try:
        limit = parse_size(argv[1])
    except (IndexError, ValueError):
        limit = -1
    if limit < 0 or len(argv) < 3:
        sys.stderr.write(__doc__)
        return 2
    return run(limit, argv[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
