#!/usr/bin/env python3
"""Run the test stages. usage: run.py [--list] [STAGE...]    (all stages without names)"""
import collections
import contextlib
import os
import re
import stat
import sys
import tempfile
import threading
import time

import builds
import results
from builds import ROOT

WORKERS = 1 + max(2, os.cpu_count() or 2)     # tests wait for disks and servers
STAGES = {}     # name -> (function, what it does)


def stage(what):
    def add(function):
        STAGES[function.__name__] = (function, what)
        return function
    return add


@stage("format, sizes, include direction, documents, man pages, shell scripts")
def house(run):
    where = run.make("gcc")
    o2r = where / "src/cli/o2r" if where else "missing"
    results.program(run.results, "house", [sys.executable, ROOT / "tests/house/house.py", o2r])


@stage("gcc build as it is shipped, without warnings, unit tests")
def unit(run):
    where = run.make("gcc")
    if where:
        builds.unit_tests(run.results, "unit", where)


@stage("clang build without warnings, unit tests")
def clang(run):
    where = run.make("clang")
    if where:
        # those of the other rooms take long, and run three times as it is
        builds.unit_tests(run.results, "clang", where, env=builds.CLANG_ENV, only=units_of("base", "fs", "sources", "cli"))


def units_of(*rooms):
    """The names of the unit tests of some folders of tests/unit."""
    return [name for room in rooms
            for name in re.findall(r"^[^#\n]*\[\s*'([\w-]+)',\s*files\(", (ROOT / "tests/unit" / room / "meson.build").read_text(), re.M)]


# what a build without something compiles otherwise
VARIANTS = {"zlib": ("blob", "joint"), "small": ("cli",)}


@stage("builds without ISA-L and registry, and without registry and view")
def variants(run):
    for name, rooms in VARIANTS.items():
        where = run.make(name)
        if where:
            builds.unit_tests(run.results, name, where, only=units_of(*rooms))
    run_cases(run, "small", "small", INTEGRATION.glob(WITHOUT_REGISTRY + ".py"))
    # all that opens images, looks at them and keeps things
    run_cases(run, "zlib", "zlib", [INTEGRATION / (name + ".py") for name in (WITHOUT_REGISTRY, *NO_REGISTRY_CASES)])


INTEGRATION = ROOT / "tests/integration"
REAL = ("test_real", "test_view_real")
WITHOUT_REGISTRY = "test_without_registry"
OWN_STAGE = ("test_random", WITHOUT_REGISTRY, *REAL)
NO_REGISTRY_CASES = ("test_ls", "test_cat_cp", "test_inspect", "test_cache", "test_mount")


class Pool:
    """Files of unittest cases of all stages, side by side. Those that take long (`HEAVY = N`, more is longer) begin first; those that must
    not share the machine (`ALONE = True`: they drop the kernel's caches) run at the end."""

    def __init__(self):
        self.together, self.alone = [], []      # (weight, job)
        self.busy = collections.defaultdict(threading.Lock)     # by file

    def add(self, path, job):
        text = path.read_text()
        heavy = re.search(r"^HEAVY = (\d+)", text, re.M)
        kind = self.alone if re.search(r"^ALONE = True", text, re.M) else self.together
        kind.append((int(heavy[1]) if heavy else 0, lambda: self.one(path, job)))

    def one(self, path, job):
        """Never twice the same file at once, for two builds: it may use a name that is there once, as a user's."""
        with self.busy[path]:
            job()

    def run(self):
        if not self.together and not self.alone:
            return
        since = time.monotonic()
        results.say("files of cases: %d side by side, then %d alone" % (len(self.together), len(self.alone)))
        together = sorted(self.together, key=lambda weighed: -weighed[0])
        results.side_by_side([job for _, job in together], WORKERS)
        results.side_by_side([job for _, job in self.alone], 1)
        self.together, self.alone = [], []
        print("-- files of cases took %.0f s" % (time.monotonic() - since), flush=True)


POOL = Pool()


def run_cases(run, name, build, paths, env=None):
    """Put files of cases into the pool."""
    where = run.make(build)
    if not where:
        return
    env = {"O2R": str(where / "src/cli/o2r"), "O2R_BUILD": str(where), "O2R_ROOT": str(ROOT), "O2R_IMAGES": str(builds.BUILD_ROOT),
           **(env or {})}
    paths = sorted(paths)
    for path in paths:
        POOL.add(path, lambda path=path: results.program(
            run.results, "%s %s" % (name, path.stem[len("test_"):]),
            [sys.executable, ROOT / "tests/run/integration.py", path], env=env, seconds=2400))
    if not paths:
        run.results.record(False, "%s: no tests found" % name)


@stage("the command on images that scripts make")
def integration(run):
    run_cases(run, "integration", "gcc", [p for p in INTEGRATION.glob("test_*.py") if not p.name.startswith(OWN_STAGE)])


@stage("random images against an independent implementation of docs/layers.md")
def reference(run):
    run_cases(run, "reference", "gcc", [*(ROOT / "tests/reference").glob("test_*.py"), *INTEGRATION.glob("test_random*.py")])


@stage("a real Debian in five layers, against umoci")
def real(run):
    run_cases(run, "real", "gcc", [p for p in INTEGRATION.glob("test_*.py") if p.name.startswith(REAL)])


@stage("unit and integration tests under ASan and UBSan")
def sanitize(run):
    where = run.make("sanitize")
    if not where:
        return
    builds.unit_tests(run.results, "sanitize", where, env=builds.SANITIZE_ENV)
    run_cases(run, "sanitize", "sanitize", [p for p in INTEGRATION.glob("test_*.py")
                                            if not re.search(r"^UNDER_SANITIZERS = False", p.read_text(), re.M)],
              env={**builds.SANITIZE_ENV, "O2R_SANITIZED": "1"})


# of the unit tests those that start threads; of the others those that have several at work
THREADS = ("pool", "crew", "gzip", "data", "span-cache", "span-copy", "sources-fetcher", "sources-fetcher-parts", "sources-auth-threads")
THREADS_CASES = ("test_contract.py", "test_view_readers.py", "test_registry_threads.py")


@stage("what has threads, under TSan")
def tsan(run):
    where = run.make("tsan")
    if not where:
        return
    builds.unit_tests(run.results, "tsan", where, env=builds.TSAN_ENV, only=THREADS)
    run_cases(run, "tsan", "tsan", [INTEGRATION / name for name in THREADS_CASES], env={**builds.TSAN_ENV, "O2R_SANITIZED": "1"})


@stage("15 s of each fuzz target, and the coverage it reaches")
def fuzz(run):
    results.program(run.results, "fuzz", [sys.executable, ROOT / "tests/fuzz/run.py", builds.BUILD_ROOT], seconds=3600)


LAST = "fuzz"       # it keeps all processors busy by itself


@contextlib.contextmanager
def fuse_for_all():
    """/dev/fuse as distributions have it: some tests mount as an ordinary user. For the whole run, since tests run side by side."""
    try:
        mode = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
        os.chmod("/dev/fuse", 0o666)
    except OSError:         # the tests that need it will say so
        yield
        return
    try:
        yield
    finally:
        os.chmod("/dev/fuse", mode)


def main(argv):
    if argv[1:] == ["--list"]:
        for name, (_, what) in STAGES.items():
            print("%-12s %s" % (name, what))
        return 0
    wanted = argv[1:] or list(STAGES)
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        print("unknown stage %s: there are %s" % (unknown[0], ", ".join(STAGES)), file=sys.stderr)
        return 2
    os.environ.update(LC_ALL="C.UTF-8", TZ="UTC", PYTHONDONTWRITEBYTECODE="1")
    os.environ["PYTHONPATH"] = str(ROOT / "tests/tools")
    res = results.Results()
    run = builds.Builds(res)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="o2r-test-") as scratch, fuse_for_all():
        os.environ["O2R_SCRATCH"] = scratch
        os.chmod(scratch, 0o755)        # some cases run the command as another user
        try:
            for name in wanted:
                if name == LAST:
                    POOL.run()
                since = time.monotonic()
                results.say("%s: %s" % (name, STAGES[name][1]))
                STAGES[name][0](run)
                print("-- %s took %.0f s" % (name, time.monotonic() - since), flush=True)
            POOL.run()
        finally:
            results.kill_all()
    print("\n-- %.0f s in all" % (time.monotonic() - began))
    return res.total()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
