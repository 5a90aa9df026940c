"""Results of tests: each is counted and shown when it arrives, the failures are shown again at the end.

Programs that run tests speak this protocol on standard output, one line for each test:

    PASS name
    FAIL name

Everything else that they print is their own; what stands between two results belongs to the later one and is shown when it
failed. A program that ends with "N passed, N failed" (and no such lines) reports only numbers.
"""
import os
import re
import signal
import subprocess
import threading
import time
import typing

NUMBERS = re.compile(r"^(\d+) passed, (\d+) failed\b")
HEAD, TAIL = 40, 80     # lines shown of the output of something that failed
SHOWN = 20              # programs whose cost is shown
LIVE = set()    # programs that have not been waited for


class Results:
    def __init__(self):
        self.passed, self.failed = 0, []
        self.costs = []     # (Cost, name) of each program
        self.lock = threading.Lock()

    def record(self, ok, name, detail=""):
        with self.lock:
            if ok:
                self.passed += 1
            else:
                self.failed.append(name)
            print("%s %s" % ("ok    " if ok else "FAILED", name), flush=True)
            if not ok:
                self.show(detail)

    def count(self, passed, failed, name):
        """Results of which only the number is known."""
        with self.lock:
            self.passed += passed
            self.failed += ["%s (%d of %d)" % (name, n + 1, failed) for n in range(failed)]
            print("%s %s: %d passed, %d failed" % ("FAILED" if failed else "ok    ", name, passed, failed), flush=True)

    def show(self, detail):
        lines = detail.rstrip("\n").split("\n") if detail.strip() else []
        if len(lines) > HEAD + TAIL:
            lines = lines[:HEAD] + ["... %d lines left out" % (len(lines) - HEAD - TAIL)] + lines[-TAIL:]
        for line in lines:
            print("    | " + line, flush=True)

    def spent(self, cost, name):
        with self.lock:
            self.costs.append((cost, name))

    def show_costs(self):
        """Where the time went: CPU seconds hold whatever else the machine did."""
        print("\nThe %d programs that took most:" % min(SHOWN, len(self.costs)))
        for cost, name in sorted(self.costs, key=lambda c: -c[0].wall)[:SHOWN]:
            print("%7.0f s, %6.0f s of CPU: %s" % (*cost, name))

    def total(self):
        """Print the end of the run; the exit status."""
        self.show_costs()
        if self.failed:
            print("\nFailed:")
            for name in self.failed:
                print("  " + name)
        print("\n%d passed, %d failed" % (self.passed, len(self.failed)), flush=True)
        return 1 if self.failed or not self.passed else 0


class Cost(typing.NamedTuple):
    wall: float     # seconds
    cpu: float


class Program:
    """A child in its own process group, killed as a whole when it takes too long or we are interrupted."""

    def __init__(self, argv, env=None, cwd=None):
        self.argv = [str(a) for a in argv]
        self.child = subprocess.Popen(self.argv, env={**os.environ, **(env or {})}, cwd=cwd, text=True, errors="backslashreplace",
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        self.late = False
        self.began, self.cost = time.monotonic(), None
        LIVE.add(self)

    def kill(self):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait(self):
        """Wait for it; what it cost, with all children that it waited for."""
        _, status, used = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        self.cost = Cost(time.monotonic() - self.began, used.ru_utime + used.ru_stime)

    def expire(self):
        self.late = True
        self.kill()

    def lines(self, seconds):
        timer = threading.Timer(seconds, self.expire)
        timer.start()
        try:
            yield from self.child.stdout
            self.wait()
        finally:
            timer.cancel()
            if self.child.poll() is None:
                self.kill()
                self.child.wait()
            LIVE.discard(self)


def kill_all():
    """When the run itself is interrupted."""
    for program in list(LIVE):
        program.kill()


def run(argv, seconds=1800, env=None, cwd=None, spent=None):
    """(exit status, output); the status is None when it was killed for taking too long. spent hears what it cost."""
    program = Program(argv, env, cwd)
    output = "".join(program.lines(seconds))
    if spent and program.cost:
        spent(program.cost)
    if program.late:
        return None, output + "killed after %d s\n" % seconds
    return program.child.returncode, output


def command(results, name, argv, **kw):
    """One command is one test. Returns whether it passed."""
    began = time.monotonic()
    status, output = run(argv, spent=lambda cost: results.spent(cost, name), **kw)
    ok = status == 0
    results.record(ok, "%s (%.0f s)" % (name, time.monotonic() - began), "$ %s\n%s" % (" ".join(map(str, argv)), output))
    return ok


def program(results, name, argv, seconds=1800, env=None, cwd=None):
    """A program that speaks the protocol above."""
    child = Program(argv, env, cwd)
    between, numbers, seen, failed = [], None, 0, 0
    for line in child.lines(seconds):
        word, _, rest = line.rstrip("\n").partition(" ")
        if word in ("PASS", "FAIL") and rest:
            results.record(word == "PASS", "%s: %s" % (name, rest), "".join(between))
            seen += 1
            failed += word == "FAIL"
            between = []
        else:
            between.append(line)
            numbers = NUMBERS.match(line) or numbers
    if numbers and not seen:
        seen, failed = int(numbers[1]) + int(numbers[2]), int(numbers[2])
        if failed:
            results.show("".join(between))
        results.count(int(numbers[1]), failed, name)
    if child.cost:
        results.spent(child.cost, name)
    # the exit status must agree with what was reported, and reporting nothing is a failure too
    if child.late or not seen or (child.child.returncode != 0 and not failed):
        why = "killed after %d s" % seconds if child.late else "exit status %s" % child.child.returncode
        results.record(False, "%s: ended with %s after %d results" % (name, why, seen), "".join(between))


def side_by_side(jobs, workers):
    """Run functions on some threads; an exception in one of them ends the run."""
    jobs, errors = list(jobs), []

    def work():
        while jobs and not errors:
            try:
                jobs.pop(0)()
            except IndexError:
                return
            except BaseException as e:      # noqa: the main thread raises it again
                errors.append(e)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


def say(text):
    print("\n== %s" % text, flush=True)
