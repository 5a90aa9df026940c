#!/usr/bin/env python3
"""Build the fuzz targets, run each from its seeds, then measure which lines of the code that it aims at were reached.

usage: run.py [BUILD_ROOT] [TARGET...]

O2R_FUZZ_SECONDS (15) is the time for each target. A crash, a leak, a hang, or less than 80 % of the lines is a failure; a
crasher is kept as BUILD_ROOT/fuzz-crashes/NAME-* and belongs into the seeds once it is mended. Results go by the protocol of
tests/run/results.py.
"""
import base64
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/run")]

from aims import AIMS       # noqa: the path is set above
import builds               # noqa
import results              # noqa

SECONDS = int(os.environ.get("O2R_FUZZ_SECONDS", "15"))
WANTED = 80.0
SPEAKING = threading.Lock()
ENV = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:allocator_may_return_null=1"}


def tell(ok, name, detail=""):
    with SPEAKING:
        sys.stdout.write("%s%s %s\n" % (detail + "\n" if detail else "", "PASS" if ok else "FAIL", name))
        sys.stdout.flush()


def targets():
    """The names in meson.build, which must be those of aims.py."""
    named = re.findall(r"^fuzz_targets \+= \[\['([\w-]+)'", (HERE / "meson.build").read_text(), re.M)
    for name in set(named) ^ set(AIMS):
        tell(False, "%s stands in only one of tests/fuzz/meson.build and tests/fuzz/aims.py" % name)
    return [n for n in named if n in AIMS]


def build(root, name, names):
    where, setup, env = builds.setup_of(name, root)
    if setup:
        status, output = results.run(setup, env=env)
        if status:
            tell(False, "setup %s" % name, output)
            return None
    programs = ["tests/fuzz/fuzz-" + t for t in names]
    status, output = results.run(["ninja", "-C", where, *programs])
    tell(status == 0, "build %s" % name, output if status else "")
    return where if status == 0 else None


def make_seeds(name, corpus):
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    status, output = results.run([sys.executable, HERE / ("seeds_%s.py" % name), corpus])
    if status or not any(corpus.iterdir()):
        tell(False, "%s: seeds" % name, output)
        return False
    return True


def show_crash(crash):
    data = crash.read_bytes()
    if len(data) > 8192:
        return "%s: %d bytes" % (crash, len(data))
    return "%s, as base64:\n%s" % (crash, base64.b64encode(data).decode())


def attack(name, program, corpus, crashes):
    for old in crashes.glob(name + "-*"):
        old.unlink()
    argv = [program, corpus, "-max_total_time=%d" % SECONDS, "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1",
            "-artifact_prefix=%s/%s-" % (crashes, name)]
    status, output = results.run(argv, seconds=SECONDS * 2 + 120, env=ENV)
    found = [show_crash(c) for c in sorted(crashes.glob(name + "-*"))]
    runs = re.search(r"number_of_executed_units:\s*(\d+)", output)
    ok = status == 0 and not found and runs and int(runs[1]) > 0
    tell(ok, "%s: %s inputs in %d s" % (name, runs[1] if runs else "no", SECONDS),
         "" if ok else "\n".join(output.splitlines()[-60:] + found))


def lines_reached(program, profile, patterns):
    """[(file, lines, lines reached)] of the files that match."""
    exported = subprocess.run(["llvm-cov", "export", "-summary-only", "-instr-profile", profile, program],
                              capture_output=True, text=True, check=True).stdout
    found = []
    for entry in json.loads(exported)["data"][0]["files"]:
        name = os.path.relpath(entry["filename"], ROOT)
        if any(fnmatch.fnmatch(name, p) for p in patterns):
            found.append((name, entry["summary"]["lines"]["count"], entry["summary"]["lines"]["covered"]))
    return found


def measure(name, program, corpus, scratch):
    raw, profile = scratch / (name + ".profraw"), scratch / (name + ".profdata")
    status, output = results.run([program, corpus, "-runs=0", "-timeout=60"], seconds=900, env={"LLVM_PROFILE_FILE": str(raw)})
    if status:
        tell(False, "%s: coverage" % name, output)
        return
    subprocess.run(["llvm-profdata", "merge", "-o", profile, raw], check=True)
    found = lines_reached(program, profile, AIMS[name])
    detail = "".join("%6.1f %%  %s\n" % (100.0 * hit / max(count, 1), file) for file, count, hit in found)
    total, reached = sum(f[1] for f in found), sum(f[2] for f in found)
    missing = [p for p in AIMS[name] if not any(fnmatch.fnmatch(f[0], p) for f in found)]
    percent = 100.0 * reached / total if total else 0.0
    if missing:
        detail += "not in the program: %s\n" % ", ".join(missing)
    tell(percent >= WANTED and not missing, "%s: %.1f %% of %d lines reached" % (name, percent, total), detail.rstrip())


def main(argv):
    root = pathlib.Path(argv[1] if len(argv) > 1 else ROOT / "build-test").resolve()
    names = [t for t in targets() if not argv[2:] or t in argv[2:]]
    if not names:
        tell(False, "no fuzz targets")
        return 1
    where, coverage = build(root, "fuzz", names), build(root, "clang", names)
    if not where or not coverage:
        return 1
    crashes, corpora = root / "fuzz-crashes", root / "fuzz-corpora"
    crashes.mkdir(exist_ok=True)

    def one(name):
        corpus = corpora / name
        if make_seeds(name, corpus):
            attack(name, where / "tests/fuzz" / ("fuzz-" + name), corpus, crashes)
            measure(name, coverage / "tests/fuzz" / ("fuzz-" + name), corpus, corpora)

    results.side_by_side([lambda name=name: one(name) for name in names], 2)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
