"""The builds that the tests run on: name -> compiler and meson options. Each is made once in a run."""
import json
import os
import pathlib
import shutil

import results

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD_ROOT = pathlib.Path(os.environ.get("O2R_TEST_DIR", ROOT / "build-test"))

SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
FUZZ = ["-Dfuzz=true", "-Db_lundef=false"]
BUILDS = {
    "gcc": ("gcc", ["--buildtype=release"]),        # what is shipped is what is tested
    # its unit tests tell what clang has to say, its fuzz targets which lines they reach
    "clang": ("clang", [*FUZZ, "-Dc_args=-fprofile-instr-generate -fcoverage-mapping", "-Dc_link_args=-fprofile-instr-generate"]),
    "zlib": ("gcc", ["-Disal=disabled", "-Dregistry=disabled"]),
    "small": ("gcc", ["-Dregistry=disabled", "-Dview=disabled"]),
    "sanitize": ("gcc", SANITIZE),
    "tsan": ("gcc", ["-Db_sanitize=thread", "-Db_lundef=false"]),
    "fuzz": ("clang", [*FUZZ, "-Db_sanitize=address,undefined", "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"]),
}
CLANG_ENV = {"LLVM_PROFILE_FILE": "/dev/null"}
SANITIZE_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
# a view's server has no exit status that anybody sees: the tests of views have it write its reports to files
TSAN_ENV = {"TSAN_OPTIONS": "halt_on_error=1:exitcode=66:second_deadlock_stack=1"}


def setup_of(name, root):
    """(build directory, the command that sets it up or None when it is, its environment)."""
    compiler, options = BUILDS[name]
    where = root / name
    if (where / "build.ninja").exists():
        return where, None, None
    shutil.rmtree(where, ignore_errors=True)
    return where, ["meson", "setup", where, ROOT, "-Dwerror=true", *options], {"CC": compiler}


class Builds:
    def __init__(self, res):
        self.results, self.made = res, {}

    def make(self, name):
        """The build directory, or None when it cannot be built (counted once)."""
        if name not in self.made:
            self.made[name] = self.build(name)
        return self.made[name]

    def build(self, name):
        where, setup, env = setup_of(name, BUILD_ROOT)
        if setup and not results.command(self.results, "setup %s" % name, setup, env=env):
            return None
        if not results.command(self.results, "build %s" % name, ["ninja", "-C", where]):
            return None
        return where


def unit_tests(res, name, where, env=None, only=()):
    """Every test of meson, counted one by one; or those named."""
    log = where / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    _, output = results.run(["meson", "test", "-C", where, "--no-rebuild", "--timeout-multiplier", "4", *only], env=env,
                            spent=lambda cost: res.spent(cost, name + " unit tests"))
    found = 0
    missing = set(only)
    if log.exists():
        for line in log.read_text(errors="backslashreplace").splitlines():
            test = json.loads(line)
            found += 1
            missing.discard(test["name"].split(" / ")[-1])
            ok = test["result"] in ("OK", "EXPECTEDFAIL")
            res.record(ok, "%s: %s" % (name, test["name"].split(" / ")[-1]),
                       "%s\n%s%s" % (test["result"], test.get("stdout", ""), test.get("stderr", "")))
    for test in sorted(missing):
        res.record(False, "%s: %s did not run" % (name, test), output)
    if not found:
        res.record(False, "%s: no unit test ran" % name, output)
