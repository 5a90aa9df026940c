"""Mount a filesystem, weigh the processes that serve it, and take all of it away again whatever happened.

Servers of FUSE go into the background. This process makes itself the one that inherits them (PR_SET_CHILD_SUBREAPER), so
that they are found as its children, their CPU time and memory can be read, and none outlives it.
"""
import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
import threading
import time

import measure
from common import ignore_signals
from measure import Failed

PR_SET_CHILD_SUBREAPER = 36
TICK = os.sysconf("SC_CLK_TCK")


def adopt():
    """From now on processes that go into the background become ours."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def stat_of(pid):
    """The fields of /proc/PID/stat from the third on, None when it has gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(parent=None):
    found, parent = set(), parent or os.getpid()
    for name in os.listdir("/proc"):
        fields = stat_of(int(name)) if name.isdigit() else None
        if fields and int(fields[1]) == parent:
            found.add(int(name))
    return found


def reap(pid):
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def kill_children():
    """SIGKILL for whatever is still ours; inherited grandchildren too."""
    for _ in range(100):
        left = children()
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            reap(pid)


def drop_metadata():
    """Dentries and inodes leave the caches of the kernel, data pages stay. Only root can."""
    if os.geteuid() == 0:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("2")


def mounted_at(where):
    with open("/proc/self/mounts") as f:
        return any(line.split(" ")[1] == where for line in f)


def unmount(where, lazy=False):
    argv = ["umount"] + ["-l"] * lazy if os.geteuid() == 0 else ["fusermount3", "-u"] + ["-z"] * lazy
    return subprocess.run(argv + [where], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode


def end(where):
    """The last thing of all: no process and no mount is left, also when a second ^C came between."""
    ignore_signals()
    kill_children()
    while mounted_at(where) and unmount(where, lazy=True) == 0:
        pass


class Mounted:
    """A mounted filesystem. `cost` is what mounting took until the command returned, its server's part included."""

    def __init__(self, argv, where, env=None, timeout=None):
        self.where, self.servers = where, set()
        before = children()
        try:
            self.cost = self._start(argv, env, timeout)
            self.servers = children() - before
            if not mounted_at(where):
                raise Failed("nothing is mounted after %s" % os.path.basename(argv[0]))
            self.cost.cpu += self.cpu()
            self.cost.rss = max(self.cost.rss, self.memory("VmHWM") or 0)
        except BaseException:
            self.servers = children() - before
            self.close()
            raise

    def _start(self, argv, env, timeout):
        with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile("r") as peak:
            if measure.GNU_TIME:
                argv = [measure.GNU_TIME, "-q", "-f", "%M", "-o", peak.name] + argv
            start = time.perf_counter()
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                     env={**os.environ, **(env or {})}, start_new_session=True)
            timer = threading.Timer(timeout or 1e6, lambda: os.killpg(child.pid, signal.SIGKILL))
            timer.daemon = True
            timer.start()
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
            timer.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                said.seek(0)
                raise Failed(measure.explain(child.returncode, said.read()))
            kbytes = int((peak.read().split() or [0])[-1]) if measure.GNU_TIME else usage.ru_maxrss
        return measure.Cost(wall, usage.ru_utime + usage.ru_stime, kbytes * 1024)

    def cpu(self):
        """Seconds that the servers have used so far."""
        fields = [f for f in map(stat_of, self.servers) if f]
        return sum(int(f[11]) + int(f[12]) for f in fields) / TICK

    def memory(self, field):
        """Sum of a field of /proc/PID/status (RssAnon, VmHWM) in bytes; None where the kernel serves."""
        total = 0
        for pid in self.servers:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open("/proc/%d/status" % pid) as f:
                total += sum(int(line.split()[1]) * 1024 for line in f if line.startswith(field + ":"))
        return total if self.servers else None

    def kill(self):
        for pid in self.servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self, argv, stdout=None, timeout=None):
        """Run a client: its Cost, and the CPU seconds of the servers meanwhile. Late: the server is killed, or the client
        could not be."""
        timer = threading.Timer((timeout or 1e6) + 1, self.kill)
        timer.daemon = True
        timer.start()
        try:
            before = self.cpu()
            cost = measure.run(argv, stdout=stdout, timeout=timeout)
            return cost, self.cpu() - before
        finally:
            timer.cancel()

    def close(self):
        for attempt in range(50):
            if not mounted_at(self.where):
                break
            if unmount(self.where, lazy=attempt >= 40):
                time.sleep(0.1)
        for _ in range(500):    # a server may take a moment to free what it has
            gone = {pid for pid in self.servers if (stat_of(pid) or ["Z"])[0] == "Z"}
            for pid in gone:
                reap(pid)
            self.servers -= gone
            if not self.servers:
                return
            time.sleep(0.01)
        self.kill()
        for pid in self.servers:
            reap(pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
