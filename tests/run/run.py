#!/usr/bin/env python3
"""Run the test stages. usage: run.py [--list] [STAGE...]    (all stages without names)"""
import contextlib
import os
import re
import stat
import sys
import tempfile
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
NO_REGISTRY_CASES = ("test_command", "test_layouts", "test_ls", "test_cat_cp", "test_inspect", "test_cache", "test_mount")


def run_cases(run, name, build, paths, env=None):
    """Files of unittest cases, side by side. Those that take long (`HEAVY = True`) begin first, those that must not share the machine
    (`ALONE = True`: they drop the kernel's caches) run at the end."""
    where = run.make(build)
    if not where:
        return
    env = {"O2R": str(where / "src/cli/o2r"), "O2R_BUILD": str(where), "O2R_ROOT": str(ROOT), "O2R_IMAGES": str(builds.BUILD_ROOT),
           **(env or {})}
    heavy, light, alone = [], [], []
    for path in sorted(paths):
        text = path.read_text()
        kind = alone if re.search(r"^ALONE = True", text, re.M) else heavy if re.search(r"^HEAVY = True", text, re.M) else light
        kind.append(lambda path=path: results.program(
            run.results, "%s %s" % (name, path.stem[len("test_"):]),
            [sys.executable, ROOT / "tests/run/integration.py", path], env=env, seconds=2400))
    if not heavy + light + alone:
        run.results.record(False, "%s: no tests found" % name)
    results.side_by_side(heavy + light, WORKERS)
    results.side_by_side(alone, 1)


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
                since = time.monotonic()
                results.say("%s: %s" % (name, STAGES[name][1]))
                STAGES[name][0](run)
                print("-- %s took %.0f s" % (name, time.monotonic() - since), flush=True)
        finally:
            results.kill_all()
    print("\n-- %.0f s in all" % (time.monotonic() - began))
    return res.total()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
