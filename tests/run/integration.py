#!/usr/bin/env python3
"""Run one file of unittest cases and report by the protocol of results.py. usage: integration.py FILE

The cases find the command in $O2R and what they need beside them in tests/tools (on the module path). A case that skips
itself has failed: whatever it misses belongs into install-deps.sh.
"""
import importlib.util
import pathlib
import signal
import sys
import time
import traceback
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent


class Report(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began, self.problem, self.subtests = time.monotonic(), None, 0

    def tell(self, ok, test, note=""):
        name = ".".join(test.id().split(".")[-2:])
        print("%s %s (%.1f s)%s" % ("PASS" if ok else "FAIL", name, time.monotonic() - self.began, note), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)

    def note(self, err):
        self.problem = True
        print("".join(traceback.format_exception(*err)), flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.note(err)
        if not hasattr(test, "_testMethodName"):        # setUpClass, setUpModule
            print("FAIL %s" % test.id(), flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            print("in %s" % subtest.id())
            self.note(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.problem = True
        print("skipped: %s" % reason)
        if not hasattr(self, "began"):
            print("FAIL %s" % test.id(), flush=True)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.problem = True
        print("passed against expectation")

    def stopTest(self, test):
        super().stopTest(test)
        self.tell(not self.problem, test)


def take_signals():
    """Shells start background jobs with SIGINT ignored, nohup with SIGHUP, and o2r leaves ignored what it finds so."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main(argv):
    take_signals()
    path = pathlib.Path(argv[1]).resolve()
    sys.path[:0] = [str(path.parent), str(TESTS / "tools"), str(TESTS / "reference")]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    report = Report()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(report)
    if not report.testsRun:
        print("no test in %s" % path)
    return 0 if report.testsRun and report.wasSuccessful() and not report.skipped else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
