"""Run commands and weigh them: wall time, user + system time (wait4), peak resident set of the largest process.

The kernel counts a peak from before the exec, when the process still was this Python of 20 MB. So commands are started
by GNU time, which is small, and the peak is the one it reports; where it is missing, peaks below 20 MB are not seen.
"""
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass


GNU_TIME = shutil.which("time")


class Failed(Exception):
    """A command that ended badly or took too long; the text says which and how."""


@dataclass
class Cost:
    wall: float = 0.0
    cpu: float = 0.0
    rss: int = 0

    def then(self, other):
        """The cost of doing the one and then the other."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.rss, other.rss))


def explain(status, said):
    last = [line for line in said.decode(errors="replace").splitlines() if line.strip()][-1:] or ["no message"]
    return "exit %d: %s" % (status, last[0].strip()[:200])


def run(argv, stdout=None, timeout=None):
    """Run one command to its end. stdout: a path, or None for nowhere."""
    with open(stdout or os.devnull, "wb") as out, tempfile.NamedTemporaryFile("r") as peak:
        if GNU_TIME:
            argv = [GNU_TIME, "-q", "-f", "%M", "-o", peak.name] + argv
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                                 start_new_session=True)
        late = threading.Event()
        timer = threading.Timer(timeout or 1e6, lambda: (late.set(), os.killpg(child.pid, signal.SIGKILL)))
        timer.daemon = True
        timer.start()
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        kbytes = int((peak.read().split() or [0])[-1]) if GNU_TIME else usage.ru_maxrss
    child.stderr.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    if late.is_set():
        raise Failed("over %g s" % timeout)
    if child.returncode:
        raise Failed(explain(child.returncode, said))
    return Cost(wall, usage.ru_utime + usage.ru_stime, kbytes * 1024)


def run_all(jobs, workers, timeout=None):
    """Run argv lists, in the order given, at most `workers` at a time: one wall time, summed CPU, largest peak."""
    todo, costs, errors = queue.SimpleQueue(), [], []
    for job in jobs:
        todo.put(job)

    def work():
        while not errors:
            try:
                costs.append(run(todo.get_nowait(), timeout=timeout))
            except queue.Empty:
                return
            except Failed as e:
                errors.append(e)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    start = time.perf_counter()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wall = time.perf_counter() - start
    if errors:
        raise errors[0]
    return Cost(wall, sum(c.cpu for c in costs), max((c.rss for c in costs), default=0))
